"""Makes the golden files of this folder from a real MLflow SDK (written by 3.17.2).

The SDK runs in dual export: every span goes both as OTLP to a gRPC server in this process (what the
daemon receives: <name>.binpb, a TracesData) and by the SDK's direct road to a SQLite store (the
truth). Of the direct road it keeps the spans with typed attributes (<name>.spans.binpb) and the
trace info as stored (<name>.json). tables.json holds what the SDK's own functions, and Python's
json, make of single values.

    python make_golden.py [FOLDER]
"""

import json
import os
import re
import struct
import sys
import tempfile
import threading
import traceback
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

# What the destination adds, and what depends on the server's own doings.
NOT_OURS = {
    "mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit",
    "mlflow.source.git.branch", "mlflow.source.git.repoURL", "mlflow.source.git.dirty",
    "mlflow.modelId", "mlflow.trace.cost", "mlflow.trace.infoFinalized", "mlflow.trace.tokenUsage",
    "mlflow.artifactLocation", "mlflow.trace.spansLocation",
    "mlflow.trace.sizeStats", "mlflow.trace.sizeBytes",
}  # fmt: skip


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self):
        self.lock = threading.Lock()
        self.by_trace = {}

    def Export(self, request, context):
        with self.lock:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        data = self.by_trace.setdefault(
                            span.trace_id, trace_pb2.TracesData()
                        ).resource_spans.add()
                        data.resource.CopyFrom(resource.resource)
                        out = data.scope_spans.add()
                        out.scope.CopyFrom(scope.scope)
                        out.spans.add().CopyFrom(span)
        return trace_service_pb2.ExportTraceServiceResponse()


def start_receiver():
    receiver = Receiver()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, receiver, port


def format_exception_without_folders(*args, **kwargs):
    return [re.sub(r'File ".*/', 'File "', line) for line in format_exception(*args, **kwargs)]


format_exception = traceback.format_exception
traceback.format_exception = format_exception_without_folders

server, receiver, port = start_receiver()
work = tempfile.mkdtemp()
os.environ.update({
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}",
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true",
    "OTEL_SERVICE_NAME": "golden",
    "MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_USE_BATCH_SPAN_PROCESSOR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
})  # fmt: skip
os.chdir(work)

import mlflow  # noqa: E402
from mlflow.entities import SpanType  # noqa: E402
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: E402
from mlflow.tracing import provider  # noqa: E402
from mlflow.tracing.utils import _calculate_percentile  # noqa: E402

mlflow.set_tracking_uri(f"sqlite:///{work}/golden.db")
mlflow.set_experiment("golden")

direct_spans = {}
store_log_spans = SqlAlchemyStore.log_spans


def log_spans(self, location, spans, *args, **kwargs):
    for span in spans:
        direct_spans[(bytes.fromhex(span._trace_id), bytes.fromhex(span.span_id))] = (
            span.to_otel_proto(),
            span.to_dict(),
        )
    return store_log_spans(self, location, spans, *args, **kwargs)


SqlAlchemyStore.log_spans = log_spans


# --- one function per golden trace -------------------------------------------------------------


def nested():
    with mlflow.start_span("handle request", span_type=SpanType.CHAIN) as root:
        root.set_inputs({"question": "what?", "k": 3, "temperature": 0.2, "stream": False})
        with mlflow.start_span("retrieve", span_type=SpanType.RETRIEVER) as child:
            child.set_inputs({"query": "what?"})
            child.set_outputs([{"page_content": "a", "metadata": {"score": 0.5}}, None, [], {}])
        with mlflow.start_span("think") as child:
            child.set_attributes({"n": 7, "pi": 3.14159, "yes": True, "nothing": None, "t": "x"})
        root.set_outputs({"answer": "that", "tokens": [1, 2, 3]})


def chat():
    with mlflow.start_span("chat", span_type=SpanType.CHAT_MODEL) as root:
        root.set_inputs({
            "model": "m",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "first"},
                {"role": "assistant", "content": "ok"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}},
                                             {"type": "text", "text": "look at\nthis \"é\""}]},
                {"role": "tool", "content": "42"},
            ],
        })  # fmt: skip
        root.set_outputs({"id": "c", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a reply"}},
            {"index": 1, "message": {"role": "assistant", "content": "other"}}]})  # fmt: skip


def responses():
    with mlflow.start_span("responses") as root:
        root.set_inputs({"request": {"input": [
            {"role": "developer", "content": "no user message"}, {"type": "reasoning"}]}})  # fmt: skip
        root.set_outputs({"output": [
            {"type": "reasoning", "summary": []},
            {"role": "assistant", "content": [{"type": "output_text", "text": "done"}]}]})  # fmt: skip


def no_text():
    with mlflow.start_span("no text") as root:
        root.set_inputs({"messages": [{"role": "user", "content": ""}]})
        root.set_outputs({"choices": [{"message": {"role": "assistant", "content": None,
                                                   "tool_calls": [{"id": "1"}]}}]})  # fmt: skip


def empty_messages():
    with mlflow.start_span("empty messages") as root:
        root.set_inputs({"messages": [], "input": [{"role": "user", "content": "from input"}]})
        root.set_outputs({"messages": [{"no": "role"}], "choices": [
            {"message": {"role": "assistant", "content": "never seen"}}]})  # fmt: skip


def long_texts():
    with mlflow.start_span("long " + "n" * 300) as root:
        root.set_inputs({"text": "äß\U0001f600" * 700})
        root.set_outputs("o" * 999)


def exact_lengths():
    with mlflow.start_span("exact lengths") as root:
        root.set_inputs("i" * 998)  # 1000 characters with its quotes
        root.set_outputs("é" * 248)  # 250 characters with its quotes


def unicode_text():
    with mlflow.start_span("ünïcode \U0001f680 名前") as root:
        root.set_inputs({"名": "値\u2028\u007f\x01\t\\\"/", "emoji": "\U0001f600"})
        root.set_outputs("naïve ☃")
        root.set_attribute("schlüssel", {"ä": ["ö", {"ü": None}]})
        root.add_event(mlflow.entities.SpanEvent(name="ereignis é", attributes={"k": "ß\n", "n": 1.5}))


def exception():
    @mlflow.trace(name="broken")
    def broken(x):
        raise ValueError("it broke: ☃")

    try:
        broken(x=1)
    except ValueError:
        pass


def child_exception():
    with mlflow.start_span("survives") as root:
        root.set_inputs({"x": 1})
        try:
            with mlflow.start_span("fails"):
                raise RuntimeError("inner")
        except RuntimeError:
            pass
        root.set_outputs(None)


def usage(span, i, o, **more):
    span.set_attribute(
        "mlflow.chat.tokenUsage", {"input_tokens": i, "output_tokens": o, "total_tokens": i + o, **more}
    )


def tokens():
    with mlflow.start_span("agent") as root:
        with mlflow.start_span("rolled up") as parent:
            usage(parent, 20, 6)
            with mlflow.start_span("inner 1") as child:
                usage(child, 12, 4)
            with mlflow.start_span("between") as between:
                with mlflow.start_span("inner 2") as child:
                    usage(child, 8, 2)
        with mlflow.start_span("alone") as other:
            usage(other, 10, 4, cache_read_input_tokens=3, cache_creation_input_tokens=2)
        with mlflow.start_span("alone too") as other:
            usage(other, 1, 1, cache_read_input_tokens=4, cache_creation_input_tokens_above_1hr=9)
        root.set_inputs("q")


def partial_tokens():
    with mlflow.start_span("partial") as root:
        root.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 5})


def no_inputs():
    with mlflow.start_span("nothing at all"):
        pass


def none_inputs():
    @mlflow.trace
    def nothing(a=None):
        return None

    nothing()


def session_user():
    with mlflow.start_span("session") as root:
        root.set_attribute("session.id", "sess-1 \"quoted\"")
        root.set_attribute("user.id", "üser-7")
        with mlflow.start_span("child") as child:
            child.set_attribute("gen_ai.conversation.id", "other")


def conversation():
    with mlflow.start_span("conversation") as root:
        root.set_attribute("gen_ai.conversation.id", "conv-3")


def numbers():
    with mlflow.start_span("numbers") as root:
        root.set_inputs({"floats": [0.1, 1.0, -0.0, 1e16, 1e15, 123456789012345.6, 1e-5, 0.0001, 1e300,
                                    5e-324, 1.7976931348623157e308, 2.5e-7],
                         "ints": [0, -1, 9223372036854775807, -9223372036854775808, 9007199254740993]})  # fmt: skip
        root.set_outputs(3.0)
        root.set_attribute("largest", 9223372036854775807)
        root.set_attribute("exp", 1e22)


SCENARIOS = [nested, chat, responses, no_text, empty_messages, long_texts, exact_lengths,
             unicode_text, exception, child_exception, tokens, partial_tokens, no_inputs,
             none_inputs, session_user, conversation, numbers]  # fmt: skip


# --- what is kept of each ----------------------------------------------------------------------


def documented_span_json(span_dict, kind):
    # Newer SDKs write the kind too (docs/mlflow-servers.md#sizes).
    out = {}
    for key, value in span_dict.items():
        out[key] = value
        if key == "name":
            out["kind"] = kind
    return json.dumps(out)


def sizes(spans):
    lengths = sorted(len(documented_span_json(*span)) for span in spans)
    return {
        "num_spans": len(lengths),
        "max": max(lengths),
        **{f"p{p}": int(_calculate_percentile(lengths, p / 100)) for p in (25, 50, 75)},
    }


def ours(mapping):
    return {
        k: v for k, v in mapping.items()
        if k not in NOT_OURS and not k.startswith(("service.", "telemetry."))
    }  # fmt: skip


def trace_json_without_spans(info):
    d = info.to_dict()
    # The usage is there before the sizes; what the destination adds is not.
    usage = {k: v for k, v in d["trace_metadata"].items() if k == "mlflow.trace.tokenUsage"}
    d["trace_metadata"] = ours(d["trace_metadata"]) | usage
    d["tags"] = ours(d["tags"])
    d["trace_location"] = {}
    d["request_time"] = "2026-11-23T11:54:31.043Z"
    d["state"] = "OK"
    return json.dumps({"info": d, "data": {"spans": []}})


def keep(folder, name, trace_id):
    otlp = receiver.by_trace[trace_id]
    spans = [s for r in otlp.resource_spans for c in r.scope_spans for s in c.spans]
    info = mlflow.get_trace("tr-" + trace_id.hex()).info
    direct = trace_pb2.TracesData()
    scope = direct.resource_spans.add().scope_spans.add()
    rows = []
    for span in spans:
        proto, as_dict = direct_spans[(trace_id, span.span_id)]
        scope.spans.add().CopyFrom(proto)
        kind = trace_pb2.Span.SpanKind.Name(span.kind)
        rows.append((as_dict, kind))
    root = next(s for s in spans if not s.parent_span_id)
    stats = sizes(rows)
    total = sum(len(documented_span_json(*row)) for row in rows) + 2 * (len(rows) - 1)
    expected = {
        "trace_id": trace_id.hex(),
        "start_ms": info.request_time,
        "duration_ms": info.execution_duration,
        "state": info.state.value,
        "name": root.name,
        "request_preview": info.request_preview,
        "response_preview": info.response_preview,
        "metadata": ours(info.trace_metadata),
        "token_usage": info.trace_metadata.get("mlflow.trace.tokenUsage"),
        "tags": ours(info.tags),
        "sizes": stats,
        "total_size_bytes": total + len(trace_json_without_spans(info)),
    }
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
        json.dump(expected, f, indent=1, sort_keys=True, ensure_ascii=False)
        f.write("\n")
    with open(os.path.join(folder, name + ".binpb"), "wb") as f:
        f.write(otlp.SerializeToString(deterministic=True))
    with open(os.path.join(folder, name + ".spans.binpb"), "wb") as f:
        f.write(direct.SerializeToString(deterministic=True))


# --- tables of single formulas -----------------------------------------------------------------

PREVIEWS = [
    "", "null", "5", "[]", "{}", "not json", "{broken", " {\"messages\": 3} ",
    {"messages": "text"}, {"messages": {}}, {"messages": [3, None]}, {"choices": []},
    {"choices": [3]}, {"choices": [{"message": {"role": "assistant"}}]},
    {"choices": [{"message": None}], "input": [{"role": "user", "content": "i"}]},
    {"choices": [{"message": {"role": "assistant", "content": ["part", "other"]}}]},
    {"input": "text", "output": [{"role": "assistant", "content": "o"}]},
    {"input": [{"role": "assistant", "content": "a"}], "output": [{"role": "user", "content": "u"}]},
    {"request": {"request": {"messages": [{"role": "user", "content": "deep"}]}}},
    {"request": "text"}, {"request": {}, "messages": [{"role": "user", "content": "outer"}]},
    {"messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]},
    {"messages": [{"role": "assistant", "content": "one"}, {"role": "tool", "content": "two"}]},
    {"messages": [{"role": 5, "content": "odd role"}]},
    {"messages": [{"role": "user", "content": [{"type": "text"}, {"type": "text", "text": "2"}]}]},
    {"messages": [{"role": "user", "content": [3, {"type": "image"}, {"type": "text", "text": "t"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "output_text", "text": "out"}]}]},
    {"messages": [{"role": "user", "content": [{"text": "untyped"}]}]},
    {"messages": [{"role": "user", "content": {"type": "text", "text": "object"}}]},
    {"messages": [{"role": "user", "content": "x" * 1000}]},
    {"messages": [{"role": "user", "content": "\U0001f600" * 1001}]},
    {"messages": [{"role": "user", "content": "seen"}], "logprob": float("-inf"), "s": "NaN \\\" NaN"},
    {"scores": [float("nan"), float("inf")]},
    {"text": "é" * 996}, {"text": "é" * 989}, {"text": "é" * 988},
]  # fmt: skip

FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 1e15, 1e16, 1e17, 123456789012345680.0, 9999999999999998.0,
          0.0001, 0.00011, 0.00009999, 1e-5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
          1e22, 1e21, 100.0, 2**53 + 2.0, 3.141592653589793, float("inf"), float("-inf")]  # fmt: skip

STRINGS = ["", "plain /", "quote \" back \\", "\n\r\t\b\f", "\x00\x01\x1f \x7f\x80", "é ☃ \U0001f600",
           "\u2028\ud7ff\ue000\uffff\U0010ffff"]  # fmt: skip

USAGES = [
    {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4},
    {"gen_ai.usage.input_tokens": 3},
    {"gen_ai.usage.output_tokens": "4"},
    {"gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.completion_tokens": 6},
    {"gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.completion_tokens": 6, "llm.usage.total_tokens": 12},
    {"llm.token_count.prompt": 7, "llm.token_count.completion": 8},
    {"llm.token_count.prompt": 7, "llm.token_count.completion": 8, "llm.token_count.total": 20,
     "llm.token_count.prompt_details.cache_read": 2, "llm.token_count.prompt_details.cache_write": 1},
    {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1,
     "gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.cache_creation.input_tokens": 5},
    {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1,
     "gen_ai.usage.cache_write.input_tokens": 6, "gen_ai.usage.cache_creation.input_tokens": 5},
    {"gen_ai.usage.input_tokens": "many"}, {"gen_ai.usage.input_tokens": "many",
                                            "llm.token_count.prompt": 2},
    {"gen_ai.usage.input_tokens": 1, "llm.token_count.prompt": 2, "gen_ai.usage.prompt_tokens": 3},
    {"other": 3},
]  # fmt: skip


def tables():
    from mlflow.tracing.otel.translation import _get_token_usage
    from mlflow.tracing.utils.truncation import _get_truncated_preview

    texts = [p if isinstance(p, str) else json.dumps(p, ensure_ascii=False) for p in PREVIEWS]
    return {
        "previews": [{"json": text, "role": role, "preview": _get_truncated_preview(text, role)}
                     for text in texts for role in ("user", "assistant")],
        "floats": [{"bits": struct.unpack("<Q", struct.pack("<d", f))[0], "json": json.dumps(f)}
                   for f in FLOATS],
        "strings": [{"text": s, "escaped": json.dumps(s), "as_is": json.dumps(s, ensure_ascii=False)}
                    for s in STRINGS],
        "usages": [{"attributes": u,
                    "usage": _get_token_usage({k: json.dumps(v) for k, v in u.items()})}
                   for u in USAGES],
    }  # fmt: skip


def main():
    folder = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), *sys.argv[1:2]))
    for scenario in SCENARIOS:
        scenario()
        mlflow.flush_trace_async_logging()
        provider.provider.get().force_flush()
        trace_id = bytes.fromhex(mlflow.get_last_active_trace_id().removeprefix("tr-"))
        keep(folder, scenario.__name__, trace_id)
    with open(os.path.join(folder, "tables.json"), "w", encoding="utf-8") as f:
        json.dump(tables(), f, indent=1, sort_keys=True, ensure_ascii=False)
        f.write("\n")
    server.stop(0)


main()
