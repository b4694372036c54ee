"""usage: read_databricks.py PLACE TRACE_ID: what MLflow's client loads of the trace, then the ids that it finds there, as JSON lines."""

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
print(json.dumps(shown(mlflow.get_trace(trace_id))))
print(json.dumps([trace.info.trace_id for trace in mlflow.search_traces(locations=[place], return_type="list", include_spans=False)]))
