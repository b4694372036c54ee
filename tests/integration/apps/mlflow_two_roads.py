"""usage: mlflow_two_roads.py: one trace by MLflow's SDK, a span of which is a library's that has OpenTelemetry's exporter.

The environment says where the SDK's spans go, LIBRARY_ENDPOINT where the library's go by OTLP over HTTP (empty: there is no library).
ACTIVE_MODEL: a model that the application chooses by id. Prints the trace's id, and ends when a line is written to it.
"""

import json
import os
import sys

import mlflow
from mlflow.entities import AssessmentSource
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

if os.environ.get("ACTIVE_MODEL"):
    mlflow.set_active_model(model_id=os.environ["ACTIVE_MODEL"])


def call_library(parent) -> None:
    """As a library does that was handed the context and knows nothing of MLflow."""
    context = trace.SpanContext(int(parent.trace_id.removeprefix("tr-"), 16), int(parent.span_id, 16), is_remote=False,
                                trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(os.environ["LIBRARY_ENDPOINT"])))
    with provider.get_tracer("library").start_as_current_span(
            "library", trace.set_span_in_context(trace.NonRecordingSpan(context))) as span:
        span.set_attribute("gen_ai.request.model", "gpt-4o")
    provider.shutdown()


with mlflow.start_span("answer") as root:
    root.set_inputs({"question": "why?"})
    mlflow.update_current_trace(tags={"team": "ml"}, client_request_id="request-7", request_preview="by hand",
                                metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada", "own": "1"})
    mlflow.log_feedback(trace_id=mlflow.get_active_trace_id(), name="inside", value="fluent",
                        source=AssessmentSource(source_type="CODE", source_id="judge"))
    with mlflow.start_span("step") as step:
        if os.environ.get("LIBRARY_ENDPOINT"):
            call_library(step)
    root.set_outputs("because")
mlflow.flush_trace_async_logging()
print(json.dumps({"trace_id": mlflow.get_last_active_trace_id()}), flush=True)
sys.stdin.readline()
