"""A trace of an MLflow SDK whose parts come apart, and what a server must hold when all have come."""

import json
import os
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MODEL_ID = "mlflow.modelId"
TOKENS = "mlflow.trace.tokenUsage"


class TraceInParts:
    """root > agent > first, root > second. `agent` reports what `first` used, as frameworks do."""

    USAGE = {"agent": (30, 10), "first": (20, 5), "second": (7, 3)}
    PARENTS = {"root": None, "agent": "root", "first": "agent", "second": "root"}
    SUM = {"input_tokens": 37, "output_tokens": 13, "total_tokens": 50}

    def __init__(self, padding: int = 0):
        self._trace_id = os.urandom(16)
        self._ids = {name: os.urandom(8) for name in self.PARENTS}
        self._start = time.time_ns()
        self._padding = padding
        self.trace_id = "tr-" + self._trace_id.hex()

    def part(self, *names: str) -> ExportTraceServiceRequest:
        """The request with these spans, in this order."""
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.add(key="service.name").value.string_value = "agent"
        spans = resource_spans.scope_spans.add().spans
        for name in names:
            self._fill(spans.add(), name)
        return request

    def _fill(self, span: Span, name: str) -> None:
        begin_ms, end_ms = {"root": (0, 40), "agent": (1, 20), "first": (2, 10), "second": (21, 39)}[name]
        span.trace_id, span.span_id, span.name = self._trace_id, self._ids[name], name
        span.parent_span_id = self._ids.get(self.PARENTS[name], b"")
        span.kind = Span.SPAN_KIND_INTERNAL
        span.start_time_unix_nano = self._start + begin_ms * 10**6
        span.end_time_unix_nano = self._start + end_ms * 10**6
        attributes = {"mlflow.traceRequestId": self.trace_id, "mlflow.spanType": "AGENT",
                      "mlflow.spanInputs": {"question": f"why {name}?"}, "mlflow.spanOutputs": "because" + " " * self._padding}
        if name in self.USAGE:
            used, made = self.USAGE[name]
            attributes["mlflow.chat.tokenUsage"] = {
                "input_tokens": used, "output_tokens": made, "total_tokens": used + made}
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = json.dumps(value)

    def assert_stored(self, server, model_id: str, names=tuple(PARENTS), tokens=None) -> None:
        """One trace as the SDK itself would have stored it, with these spans."""
        [trace] = server.request("GET", "/api/3.0/mlflow/traces/batchGet", params={"trace_ids": self.trace_id})["traces"]
        info, metadata = trace["trace_info"], trace["trace_info"]["trace_metadata"]
        assert metadata[MODEL_ID] == model_id, info
        assert json.loads(metadata[TOKENS]) == (tokens or self.SUM), info
        assert sorted(span["name"] for span in trace["spans"]) == sorted(names), trace["spans"]
        assert info["state"] == "OK", info
        assert info["tags"]["mlflow.traceName"] == "root", info
        assert info["request_time"] == _iso_ms(self._start // 10**6), info
        assert info["execution_duration"] == "0.040s", info
        assert info["request_preview"] == '{"question": "why root?"}', info
        if "mlflow.trace.sizeStats" in metadata:
            assert json.loads(metadata["mlflow.trace.sizeStats"])["num_spans"] <= len(names), info

    def info(self, server) -> dict:
        return server.request("GET", f"/api/3.0/mlflow/traces/{self.trace_id}")["trace"]["trace_info"]


class PartsSender:
    """Sends parts one after the other, each when the one before is stored."""

    def __init__(self):
        self._sent = {}

    def send(self, daemon, trace: TraceInParts, *names: str) -> None:
        daemon.post(trace.part(*names))
        self._sent[daemon.folder] = self._sent.get(daemon.folder, 0) + len(names)
        daemon.wait_for_spans(delivered=self._sent[daemon.folder], queued=0)


def _iso_ms(milliseconds: int) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    fraction = f".{milliseconds % 1000:03d}" if milliseconds % 1000 else ""
    return seconds + fraction + "Z"
