"""usage: read_databricks.py TRACE_ID...: what MLflow's client loads of each trace, then what it finds in experiments 1 and 2, as JSON lines."""

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


for trace_id in sys.argv[1:]:
    print(json.dumps(shown(mlflow.get_trace(trace_id))))
found = [trace.info.trace_id for place in ("1", "main.agents.app")
         for trace in mlflow.search_traces(locations=[place], return_type="list", include_spans=False)]
print(json.dumps(found))
