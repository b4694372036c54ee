"""usage: mlflow_agent.py COUNT: the traces of otel_agent.py, made by MLflow's own SDK in OTLP mode."""

import json
import sys

import mlflow
from mlflow.entities import SpanType


def call_model(fails):
    with mlflow.start_span("chat", span_type=SpanType.CHAT_MODEL) as span:
        if fails:
            raise TimeoutError("the model did not answer")
        span.set_attribute("mlflow.chat.tokenUsage",
                           {"input_tokens": 21, "output_tokens": 8, "total_tokens": 29})
        span.set_attribute("temperature", 0.2)


def answer(number, fails):
    question = f"why {number}?"
    inputs = {"messages": [{"role": "user", "content": question}]}
    outputs = {"answer": f"because {number}"}
    try:
        with mlflow.start_span("answer", span_type=SpanType.CHAIN) as root:
            root.set_inputs(inputs)
            root.set_attributes({"session.id": f"session-{number}", "user.id": "ada"})
            with mlflow.start_span("retrieve", span_type=SpanType.RETRIEVER) as span:
                span.add_event(mlflow.entities.SpanEvent("cache miss"))
            with mlflow.start_span("plan"):
                call_model(fails)
            root.set_outputs(outputs)
    except TimeoutError:
        pass
    return {
        "trace_id": f"tr-{root._span.context.trace_id:032x}", "name": "answer",
        "state": "ERROR" if fails else "OK",
        "start_ns": root.start_time_ns, "end_ns": root.end_time_ns,
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
