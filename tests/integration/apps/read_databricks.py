"""usage: read_databricks.py PLACE TRACE_ID: what MLflow's client loads of the trace, the ids that it finds there, and the model that the trace
is linked to, as JSON lines."""

import json
import sys

import mlflow
from mlflow.entities import Trace


def shown(trace: Trace) -> dict:
    info = trace.info.to_dict()
    return {"info": info, "spans": {span.name: {"type": span.span_type, "inputs": span.inputs, "outputs": span.outputs,
                                                "status": str(span.status.status_code), "attributes": span.attributes,
                                                "events": [event.name for event in span.events]}
                                    for span in trace.data.spans}}


place, trace_id = sys.argv[1:]
trace = mlflow.get_trace(trace_id)
print(json.dumps(shown(trace)))
print(json.dumps([trace.info.trace_id for trace in mlflow.search_traces(locations=[place], return_type="list", include_spans=False)]))
model = mlflow.get_logged_model(trace.info.trace_metadata["mlflow.modelId"])
print(json.dumps({"name": model.name, "status": str(model.status), "params": model.params, "tags": model.tags}))
