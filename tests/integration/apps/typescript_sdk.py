"""usage: typescript_sdk.py: traces as MLflow's TypeScript SDK (mlflow-tracing 0.1.1) sends them, by Python's standard library alone.

No registry at hand has that SDK. It tells the info of a trace, uploads the spans as a file to the place that the answer names, and
tries nothing twice: a request that fails loses the trace. It reads a trace by its info, and by the file at the place that this names.

Prints what all_cases.py prints of each trace, and what was read of it. Between the first info and its upload it prints "halfway", and
waits for a line.
"""

import base64
import datetime
import http.client
import json
import os
import secrets
import select
import time
import urllib.parse

SERVER = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"])
TRACES = "/api/3.0/mlflow/traces"
# In the order in which Node's fetch() writes them, between Host and Content-Length.
HEADERS = {"connection": "keep-alive", "Content-Type": "application/json", "accept": "*/*", "accept-language": "*",
           "sec-fetch-mode": "cors", "user-agent": "node", "accept-encoding": "gzip, deflate"}
OK = {"code": "STATUS_CODE_OK", "message": ""}
connection = http.client.HTTPConnection(SERVER.hostname, SERVER.port, timeout=300)


def request(method: str, path: str, body: dict | None = None) -> dict:
    if connection.sock and select.select([connection.sock], [], [], 0)[0]:
        connection.close()  # its pool has no use for a connection that the other side has closed
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in HEADERS.items():
        connection.putheader(name, value)
    text = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if text:
        connection.putheader("content-length", str(len(text)))
    connection.endheaders(text)
    answer = connection.getresponse()
    content = answer.read()
    if not 200 <= answer.status < 300:
        raise SystemExit(f"{method} {path}: HTTP {answer.status}: {content[:300]!r}")
    return json.loads(content) if content else {}


def spans_file(info: dict) -> str:
    place = urllib.parse.urlsplit(info["tags"]["mlflow.artifactLocation"])
    assert place.scheme == "mlflow-artifacts", info["tags"]
    return f"/api/2.0/mlflow-artifacts/artifacts{place.path}/traces.json"


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def as_it_writes_trace_ids(trace_id: str) -> str:
    """It takes "tr-" for hex digits, too, so that the first byte is 0, the second one a digit below 0, and the last three digits are lost."""
    return in_base64(bytes([0, -int(trace_id[0], 16) & 255]) + bytes.fromhex(trace_id[1:29]))


class Trace:
    """A root, and spans below it, with times that leave no rounding to chance."""

    def __init__(self, case: str, span_type: str = "UNKNOWN", **attributes):
        self.case = case
        self.id = secrets.token_hex(16)
        self.start = time.time_ns() // 10**6 * 10**6 + 123_456
        self.spans: list[dict] = []
        self.span_ids: dict[str, str] = {}
        self.metadata = {"mlflow.trace_schema.version": "3"}
        self.more: dict[str, object] = {}  # of the info
        self.tags: dict[str, str] = {}
        self.add(case, "", span_type, **attributes)

    def add(self, name: str, parent: str, span_type: str = "UNKNOWN", status: dict = OK, **attributes) -> dict:
        self.span_ids[name] = secrets.token_hex(8)
        begin = self.start + 1_000_000 * len(self.spans)
        span = {"trace_id": as_it_writes_trace_ids(self.id), "span_id": in_base64(bytes.fromhex(self.span_ids[name])),
                "parent_span_id": in_base64(bytes.fromhex(self.span_ids[parent])) if parent else "", "name": name,
                "start_time_unix_nano": begin, "end_time_unix_nano": begin + (2_000_000 if parent else 20_000_000), "status": status,
                "attributes": {"mlflow.traceRequestId": f"tr-{self.id}", "mlflow.spanType": span_type} |
                              {f"mlflow.span{key.title()}" if key in ("inputs", "outputs") else key: value for key, value in attributes.items()},
                "events": []}
        self.spans.append(span)
        return span

    def info(self) -> dict:
        root = self.spans[0]
        previews = {}
        for preview, key in (("request_preview", "mlflow.spanInputs"), ("response_preview", "mlflow.spanOutputs")):
            text = json.dumps(root["attributes"][key], ensure_ascii=False, separators=(",", ":")) if key in root["attributes"] else ""
            previews[preview] = self.more.get(preview) or (text if len(text) <= 1000 else text[:997] + "...")
        began = datetime.datetime.fromtimestamp(self.start // 10**6 / 1000, datetime.timezone.utc)
        return {"trace_id": f"tr-{self.id}"} | {key: value for key, value in self.more.items() if key == "client_request_id"} | {
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": os.environ["MLFLOW_EXPERIMENT_ID"]}},
            **previews, "request_time": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "execution_duration": "0.02s",
            "state": "OK" if root["status"] == OK else "ERROR",
            "trace_metadata": self.metadata | {"mlflow.traceInputs": previews["request_preview"],
                                               "mlflow.traceOutputs": previews["response_preview"]},
            "tags": self.tags, "assessments": []}

    def send(self, before_upload) -> dict:
        answered = request("POST", TRACES, {"trace": {"trace_info": self.info()}})["trace"]["trace_info"]
        before_upload()
        request("PUT", spans_file(answered), {"spans": self.spans})
        info = request("GET", f"{TRACES}/tr-{self.id}")["trace"]["trace_info"]
        read = request("GET", spans_file(info))
        assert read == {"spans": self.spans}, read
        return {"case": self.case, "name": self.case, "trace_id": f"tr-{self.id}", "span_ids": self.span_ids, "read": info,
                "times": {span["name"]: (span["start_time_unix_nano"], span["end_time_unix_nano"]) for span in self.spans}}


def cases():
    agent = Trace("agent", "AGENT", inputs={"question": "why?"}, outputs="because")
    agent.add("step_1", "agent", "CHAIN", inputs=["a", 1, 2.5, True, None], outputs={"nested": {"list": [{}]}}, n=3, ratio=0.25, own={"a": ["b"]})
    usage = {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17}
    agent.add("ask", "step_1", "CHAT_MODEL", **{"mlflow.chat.tokenUsage": usage, "mlflow.message.format": "openai"})
    agent.add("step_2", "agent", "TOOL")  # it numbers spans of one name
    agent.metadata |= {"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada", "own": "1",
                       "mlflow.trace.tokenUsage": json.dumps(usage, separators=(",", ":"))}
    agent.tags |= {"team": "ml"}
    agent.more = {"client_request_id": "request-7", "request_preview": "by hand"}
    yield agent

    failed = Trace("failed", inputs={}, status={"code": "STATUS_CODE_ERROR", "message": "no"})
    root = failed.spans[0]
    root["events"] = [{"name": "exception", "time_unix_nano": root["start_time_unix_nano"] + 1_000_001,
                       "attributes": {"exception.type": "Error", "exception.message": "no", "exception.stacktrace": "Error: no\n    at f (a.js:1:2)"}}]
    yield failed

    texts = Trace("texts", "LLM", inputs="ä\u2028 \U0001f600 \"\\ \u0000", outputs="x" * 5000)
    texts.add("numbers", "texts", large=9223372036854776000, larger=2.0**70, small=-1e-9, far=1.7976931348623157e308)
    yield texts

    yield Trace("bare")


waited = False


def halfway() -> None:
    global waited
    if not waited:
        print("halfway", flush=True)
        input()
    waited = True


for trace in cases():
    print(json.dumps(trace.send(halfway)), flush=True)
