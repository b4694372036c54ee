"""usage: mlflow_names.py MODEL [EXPERIMENT]: traces by MLflow's SDK of a model, and in an experiment, that it names itself.

One trace; then it says "halfway", and goes on when a line is written to it. At last it prints what it made and what it reads back.
"""

import json
import sys

import mlflow

if len(sys.argv) > 2:
    mlflow.set_experiment(sys.argv[2])
model = mlflow.set_active_model(name=sys.argv[1])


def traced(name: str) -> str:
    with mlflow.start_span(name) as span:
        span.set_inputs({"question": "why?"})
        mlflow.update_current_trace(tags={"team": "ml"})
    mlflow.flush_trace_async_logging()
    trace_id = mlflow.get_last_active_trace_id()
    mlflow.set_trace_tag(trace_id, "later", "yes")
    return trace_id


traces = [traced("first")]
read = mlflow.get_trace(traces[0])
print("halfway", flush=True)
sys.stdin.readline()
traces.append(traced("second"))
told = mlflow.get_logged_model(model.model_id)
print(json.dumps({
    "model_id": model.model_id, "told": [told.name, str(told.status)], "traces": traces,
    "read": [read.info.trace_metadata["mlflow.modelId"], read.info.tags.get("later"), [span.name for span in read.data.spans]]}))
