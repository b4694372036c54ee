"""A small question-answering agent, instrumented with the stock OpenTelemetry SDK.

It knows nothing of tracelink or MLflow: where traces go is told by the environment.

    tracelink run -- python examples/agent.py
"""

import json
import time

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

tracer = trace.get_tracer("agent")

KNOWLEDGE = {
    "refund": "Refunds are paid within five days.",
    "delivery": "Orders are delivered on the next working day.",
}


def retrieve(question: str) -> list[str]:
    with tracer.start_as_current_span("retrieve") as span:
        span.set_attribute("mlflow.spanType", "RETRIEVER")
        found = [text for topic, text in KNOWLEDGE.items() if topic in question]
        span.set_attribute("retrieve.documents", len(found))
        return found


def call_model(question: str, documents: list[str]) -> str:
    with tracer.start_as_current_span("chat gpt-4o") as span:
        time.sleep(0.02)  # a language model, played by a pause
        if not documents:
            raise LookupError("nothing is known about this")
        answer = documents[0]
        span.set_attribute("mlflow.spanType", "CHAT_MODEL")
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.request.model", "gpt-4o")
        span.set_attribute("gen_ai.usage.input_tokens", len(question.split()))
        span.set_attribute("gen_ai.usage.output_tokens", len(answer.split()))
        return answer


def answer(question: str, session: str) -> str:
    with tracer.start_as_current_span("answer") as span:
        span.set_attribute("mlflow.spanType", "AGENT")
        span.set_attribute("mlflow.spanInputs", json.dumps({"messages": [{"role": "user", "content": question}]}))
        span.set_attribute("session.id", session)
        span.set_attribute("user.id", "ada")
        reply = call_model(question, retrieve(question))
        span.set_attribute("mlflow.spanOutputs", json.dumps({"answer": reply}))
        return reply


def main() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for question in ("When is my refund paid?", "When is the delivery?", "What is the meaning of life?"):
        try:
            print(f"{question}  {answer(question, session='demo')}")
        except LookupError as error:
            print(f"{question}  ({error})")
    provider.shutdown()  # sends what is left


if __name__ == "__main__":
    main()
