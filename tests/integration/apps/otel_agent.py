"""usage: otel_agent.py COUNT: COUNT traces of a small agent by the stock OpenTelemetry SDK; the last one fails.

Nothing here knows of tracelink or MLflow's server: the environment says where traces go.
Prints what the server must show, one JSON object a trace.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("agent")


def call_model(fails):
    with tracer.start_as_current_span("chat") as span:
        span.set_attribute("gen_ai.request.model", "gpt-4o")
        if fails:
            raise TimeoutError("the model did not answer")
        span.set_attribute("gen_ai.usage.input_tokens", 21)
        span.set_attribute("gen_ai.usage.output_tokens", 8)


def answer(number, fails):
    question = f"why {number}?"
    inputs = {"messages": [{"role": "user", "content": question}]}
    outputs = {"answer": f"because {number}"}
    try:
        with tracer.start_as_current_span("answer") as root:
            root.set_attribute("mlflow.spanInputs", json.dumps(inputs))
            root.set_attribute("session.id", f"session-{number}")
            root.set_attribute("user.id", "ada")
            with tracer.start_as_current_span("retrieve") as span:
                span.add_event("cache miss")
            with tracer.start_as_current_span("plan"):
                call_model(fails)
            root.set_attribute("mlflow.spanOutputs", json.dumps(outputs))
    except TimeoutError:
        pass
    return {
        "trace_id": f"tr-{root.context.trace_id:032x}", "name": "answer",
        "state": "ERROR" if fails else "OK",
        "start_ns": root.start_time, "end_ns": root.end_time,
        "request_preview": question, "response_preview": "" if fails else json.dumps(outputs),
        "inputs": inputs, "outputs": None if fails else outputs,
        "tokens": None if fails else {"input_tokens": 21, "output_tokens": 8, "total_tokens": 29},
        "session": f"session-{number}", "user": "ada",
        "parents": {"answer": None, "retrieve": "answer", "plan": "answer", "chat": "plan"},
        "events": {"retrieve": ["cache miss"], "chat": ["exception"] if fails else []},
    }


count = int(sys.argv[1])
for number in range(count):
    print(json.dumps(answer(number, fails=number == count - 1)))
provider.shutdown()
