"""usage: mlflow_changes.py [--rounds]: traces by MLflow's SDK, and all that it lets an application change of them when they have ended.

Says "halfway", and goes on when a line is written to it. At last it prints the ids, and what the SDK reads back. With --rounds it
does so, without a halt, once for each line that is written to it.
"""

import json
import sys

import mlflow
from mlflow.entities import AssessmentSource, Expectation, Feedback, SpanType
from mlflow.entities.model_registry import PromptVersion
from mlflow.store.tracking.rest_store import RestStore

try:
    from mlflow.tracing.attachments import Attachment
except ImportError:  # before 3.11
    Attachment = None

JUDGE = AssessmentSource(source_type="CODE", source_id="judge")
ADA = AssessmentSource(source_type="HUMAN", source_id="ada")
PROMPTS = [PromptVersion(name="greeting", version=version, template="Hello") for version in (1, 2)]


def traced(name: str) -> str:
    with mlflow.start_span(name) as span:
        span.set_inputs({"question": "why?"})
        if Attachment is not None:
            span.set_outputs({"picture": Attachment(content_type="image/png", content_bytes=bytes(range(256))),
                              "empty": Attachment(content_type="text/plain", content_bytes=b"")})
        with mlflow.start_span("model", span_type=SpanType.CHAT_MODEL) as model:
            model.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8})
        mlflow.update_current_trace(tags={"team": "ml"}, client_request_id="request-7",
                                    metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada", "own": "1"})
        mlflow.log_feedback(trace_id=mlflow.get_active_trace_id(), name="inside", value="fluent", source=JUDGE)
    mlflow.flush_trace_async_logging()
    return mlflow.get_last_active_trace_id()


def change(halfway) -> dict:
    client = mlflow.MlflowClient()
    trace_id = traced("answer")
    good = mlflow.log_feedback(trace_id=trace_id, name="good", value=True, source=JUDGE, rationale="first", metadata={"a": "1", "b": "1"})
    wrong = mlflow.log_feedback(trace_id=trace_id, name="wrong", value=3, source=JUDGE)
    expected = mlflow.log_expectation(trace_id=trace_id, name="expected", value={"answer": ["because", 1]}, source=ADA)
    for key in ("kept", "changed", "gone"):
        mlflow.set_trace_tag(trace_id, key, "old")
    deleted = traced("deleted")
    halfway()

    updated = mlflow.update_assessment(trace_id=trace_id, assessment_id=good.assessment_id, assessment=Feedback(
        name="good", value=False, source=JUDGE, rationale="on reflection", metadata={"b": "2"}))
    mlflow.update_assessment(trace_id=trace_id, assessment_id=expected.assessment_id,
                             assessment=Expectation(name="expected", value="because", source=ADA))
    mlflow.delete_assessment(trace_id=trace_id, assessment_id=wrong.assessment_id)
    mlflow.set_trace_tag(trace_id, "changed", "new")
    mlflow.delete_trace_tag(trace_id, "gone")
    client.link_prompt_versions_to_trace(PROMPTS, trace_id)
    last = mlflow.log_feedback(trace_id=trace_id, name="last", error=ValueError("no answer"), source=JUDGE)
    experiment = mlflow.get_experiment_by_name("support").experiment_id
    gone = client.delete_traces(experiment_id=experiment, trace_ids=[deleted])
    read = mlflow.get_trace(trace_id)
    return {
        "trace_id": trace_id, "deleted": deleted, "deletions": gone,
        # Later than 3.6 the prompts are told by a request of their own, too.
        "changes": 14 + ("link_prompts_to_trace" in vars(RestStore)), "attachments": 0 if Attachment is None else 4,
        "ids": [good.assessment_id, expected.assessment_id, last.assessment_id],
        "updated": [updated.name, updated.value, updated.rationale],
        "spans": [span.name for span in read.data.spans], "tags": read.info.tags,
        "assessments": sorted([item.name, json.dumps(item.value)] for item in read.info.assessments)}


def halt():
    print("halfway", flush=True)
    sys.stdin.readline()


if sys.argv[1:] == ["--rounds"]:
    for _ in sys.stdin:
        print(json.dumps(change(lambda: None)), flush=True)
else:
    print(json.dumps(change(halt)))
