"""usage: mlflow_sdk.py: one trace by MLflow's SDK with all that only the SDK's own road carries, and what is done to it at once.

Prints the trace's id, what the SDK reads back, and how long that took. ACTIVE_MODEL in the environment: a model that the application chooses by id.
"""

import json
import os
import time

import mlflow
from mlflow.entities import AssessmentSource

if os.environ.get("ACTIVE_MODEL"):
    mlflow.set_active_model(model_id=os.environ["ACTIVE_MODEL"])
judge = AssessmentSource(source_type="CODE", source_id="judge")

with mlflow.start_span("answer") as root:
    root.set_inputs({"question": "why?"})
    mlflow.update_current_trace(tags={"team": "ml"}, client_request_id="request-7",
                                metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada", "own": "1"})
    with mlflow.start_span("step"):
        pass
    root.set_outputs("because")
trace_id = mlflow.get_last_active_trace_id()
mlflow.flush_trace_async_logging()

mlflow.log_feedback(trace_id=trace_id, name="good", value=True, source=judge)
mlflow.log_expectation(trace_id=trace_id, name="expected", value="because", source=AssessmentSource(source_type="HUMAN", source_id="ada"))
mlflow.set_trace_tag(trace_id, "later", "yes")
began = time.monotonic()
read = mlflow.get_trace(trace_id)
found = mlflow.search_traces(locations=[read.info.experiment_id], return_type="list") if hasattr(mlflow, "search_traces") else []
took = time.monotonic() - began
print(json.dumps({
    "took_s": took, "trace_id": trace_id, "spans": sorted(span.name for span in read.data.spans), "tags": read.info.tags,
    "metadata": read.info.trace_metadata, "client_request_id": read.info.client_request_id,
    "assessments": sorted([item.name, str(item.value if hasattr(item, "value") else None)] for item in read.info.assessments),
    "found": [trace.info.trace_id for trace in found]}))
