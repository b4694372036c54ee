"""usage: read_traces.py < IDS: the traces as the client of the server's own version reads them, one JSON object each or null."""

import json
import sys

import mlflow

client = mlflow.MlflowClient()


def read(trace_id):
    try:
        return client.get_trace(trace_id).to_dict()
    except mlflow.MlflowException as error:
        return {"error": str(error)[:300]}


for line in sys.stdin:
    print(json.dumps(read(line.strip()), default=str))
