"""A stand-in for MLflow, where a real server would only be slow: enough of 3.17 to register models and take traces."""

import base64
import gzip
import http.server
import json
import re
import secrets
import threading
import urllib.parse

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.loopback_server import LoopbackServer

POISON = b"POISON"


class StandIn(LoopbackServer):
    """Knows the experiments "0" and "1". Refuses requests that hold POISON, as a server does whose parser fails."""

    def __init__(self):
        self._infos: dict[str, dict] = {}  # by trace id as MLflow writes it
        self._spans: dict[str, set[bytes]] = {}  # ids, by trace id
        self._models: dict[str, dict] = {}
        self._lock = threading.Lock()
        super().__init__(self._handler())

    @property
    def trace_ids(self) -> set[str]:
        """Of the spans that were taken."""
        with self._lock:
            return set(self._spans)

    def span_count(self, trace_id: str) -> int:
        with self._lock:
            return len(self._spans.get(trace_id, ()))

    def answer(self, method: str, target: str, headers, body: bytes) -> tuple[int, object]:
        path, _, query = target.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        if path == "/version":
            return 200, "3.17.2"
        if path == "/v1/traces":
            return self._take_spans(headers.get("x-mlflow-experiment-id"), body)
        if path.startswith("/api/2.0/mlflow/experiments/get"):
            name = asked.get("experiment_name")
            return self._experiment(asked.get("experiment_id", "1" if name == "e" else "0"), name)
        if path.startswith("/api/2.0/mlflow/logged-models"):
            return self._model(method, path.removeprefix("/api/2.0/mlflow/logged-models"), body)
        if path == "/api/3.0/mlflow/traces":
            return self._start_trace(json.loads(body)["trace"]["trace_info"])
        if path.startswith("/api/3.0/mlflow/traces/"):
            return self._trace(path.rsplit("/", 1)[1], asked)
        if path.startswith("/api/2.0/mlflow/traces/"):
            return 200, {"trace_info": json.loads(body)}
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}

    def _experiment(self, number: str, name: str | None = None) -> tuple[int, object]:
        if number not in ("0", "1"):
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"No Experiment with id={number} exists"}
        return 200, {"experiment": {"experiment_id": number, "name": name or f"e{number}", "lifecycle_stage": "active"}}

    def _model(self, method: str, rest: str, body: bytes) -> tuple[int, object]:
        with self._lock:
            if rest == "/search":
                query = json.loads(body)
                named = re.search(r"name\s*=\s*['\"]([^'\"]*)", query.get("filter", ""))
                return 200, {"models": [model for model in self._models.values() if model["info"]["experiment_id"] in query["experiment_ids"]
                                        and (not named or model["info"]["name"] == named[1])]}
            if rest == "":
                model_id, given = "m-" + secrets.token_hex(16), json.loads(body)
                self._models[model_id] = {"info": {
                    "model_id": model_id, "name": given["name"], "experiment_id": given["experiment_id"], "status": "LOGGED_MODEL_PENDING",
                    "creation_timestamp_ms": len(self._models) + 1, "tags": given.get("tags", [])}, "data": {"params": given.get("params", [])}}
                return 200, {"model": self._models[model_id]}
            model = self._models.get(rest.split("/")[1])
            if model is None:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}
            if method == "PATCH" and rest.count("/") == 1:
                model["info"]["status"] = "LOGGED_MODEL_READY"
            return 200, {"model": model}

    def _start_trace(self, info: dict) -> tuple[int, object]:
        experiment = info["trace_location"]["mlflow_experiment"]["experiment_id"]
        if experiment not in ("0", "1"):
            return self._experiment(experiment)
        with self._lock:
            self._infos[info["trace_id"]] = info
        return 200, {"trace": {"trace_info": info}}

    def _trace(self, name: str, asked: dict) -> tuple[int, object]:
        trace_id = asked["trace_ids"] if name == "batchGet" else name
        with self._lock:
            info, spans = self._infos.get(trace_id), self._spans.get(trace_id, set())
            if info and spans:
                info = info | {"tags": info.get("tags", {}) | {"mlflow.trace.spansLocation": "TRACKING_STORE"}}
            if name == "batchGet":
                shown = [{"span_id": base64.b64encode(span).decode()} for span in spans]
                return 200, {"traces": [{"trace_info": info, "spans": shown}] if info and spans else []}
        if not info:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"Trace with ID '{trace_id}' not found."}
        return 200, {"trace": {"trace_info": info}}

    def _take_spans(self, experiment: str, body: bytes) -> tuple[int, object]:
        if experiment not in ("0", "1"):
            return 404, {"detail": f"No Experiment with id={experiment} exists"}
        if POISON in body:
            return 422, {"detail": "Cannot convert OpenTelemetry span: bad"}
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        name = "tr-" + span.trace_id.hex()
                        self._spans.setdefault(name, set()).add(span.span_id)
                        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
                        self._infos.setdefault(name, {"trace_id": name, "trace_location": where, "state": "OK", "trace_metadata": {}})
        return 200, b""

    def _handler(stand_in):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status, value = stand_in.answer(self.command, self.path, self.headers, body)
                kind = {bytes: "application/x-protobuf", str: "text/plain"}.get(type(value), "application/json")
                data = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do

            def log_message(self, *_):
                pass
        return Handler
