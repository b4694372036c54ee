"""usage: databricks_client.py variable|name|created: one trace of a version that is named so; tells both."""

import json
import sys

import mlflow


@mlflow.trace
def answer(question):
    return f"because {question}"


if sys.argv[1] == "name":
    mlflow.set_active_model(name="my-agent")
if sys.argv[1] == "created":
    model = mlflow.create_external_model(name="my-agent", model_type="agent", params={"llm": "gpt-4o"}, tags={"stage": "test"})
    mlflow.set_active_model(model_id=model.model_id)
answer("why?")
mlflow.flush_trace_async_logging()
print(json.dumps({"trace_id": mlflow.get_last_active_trace_id(), "model_id": mlflow.get_active_model_id()}))
