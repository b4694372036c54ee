"""Builds OTLP requests of agent-like traces, and knows what the server must show for them."""

import json
import os
import time
from typing import NamedTuple

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS_PER_TRACE = 3
INPUT_TOKENS, OUTPUT_TOKENS = 11, 7


class SentTrace(NamedTuple):
    trace_id: str  # as MLflow writes it: tr- and 32 hex digits
    request: ExportTraceServiceRequest

    @property
    def root(self) -> Span:
        return self.request.resource_spans[0].scope_spans[0].spans[-1]


def set_attribute(span: Span, key: str, value) -> None:
    """Adds it, or takes the place of the one that is there."""
    for index, attribute in enumerate(span.attributes):
        if attribute.key == key:
            del span.attributes[index]
            break
    target = span.attributes.add(key=key).value
    if isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for name, item in value.items():
            target.kvlist_value.values.add(key=name).value.int_value = item
    elif isinstance(value, int):
        target.int_value = value
    else:
        target.string_value = value


def make_trace(question: str = "why?", service: str = "agent") -> SentTrace:
    """A root with a retriever and a language model call below it; the root last, as SDKs send it."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = service
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "integration"
    trace_id, root_id, now = os.urandom(16), os.urandom(8), time.time_ns()

    def add(name: str, span_id: bytes, parent: bytes, start_ms: int, end_ms: int) -> Span:
        return scope_spans.spans.add(
            trace_id=trace_id, span_id=span_id, parent_span_id=parent, name=name, kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=now + start_ms * 10**6, end_time_unix_nano=now + end_ms * 10**6)

    add("retrieve", os.urandom(8), root_id, 1, 3)
    model_call = add("chat", os.urandom(8), root_id, 4, 8)
    set_attribute(model_call, "gen_ai.usage.input_tokens", INPUT_TOKENS)
    set_attribute(model_call, "gen_ai.usage.output_tokens", OUTPUT_TOKENS)
    root = add("answer", root_id, b"", 0, 10)
    set_attribute(root, "mlflow.spanInputs", f'{{"question": "{question}"}}')
    set_attribute(root, "mlflow.spanOutputs", '"because"')
    return SentTrace("tr-" + trace_id.hex(), request)


def make_refused_trace() -> SentTrace:
    """Valid OTLP whose root a server with narrow span types refuses for good (MlflowServer.narrow_span_types)."""
    sent = make_trace("refuse me")
    set_attribute(sent.root, "mlflow.spanType", "refused " * 5)
    return sent


def otlp_json(trace: SentTrace) -> bytes:
    """OTLP's JSON: protobuf's, but with ids in hex and enums as numbers."""
    document = MessageToDict(trace.request, use_integers_for_enums=True)
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span, source in zip(spans, trace.request.resource_spans[0].scope_spans[0].spans):
        span["traceId"], span["spanId"] = source.trace_id.hex(), source.span_id.hex()
        if source.parent_span_id:
            span["parentSpanId"] = source.parent_span_id.hex()
    return json.dumps(document).encode()
