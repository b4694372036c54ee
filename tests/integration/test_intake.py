"""The socket as seen by curl, and by bad clients."""

import gzip
import json
import os
import socket
import subprocess

import pytest
import requests

from harness import unix_http
from harness.otlp import SPANS_PER_TRACE, make_trace, otlp_json
from harness.ports import free_port
from harness.places import BIN
from harness.processes import Process
from harness.waiting import wait_until


@pytest.fixture
def daemon(make_daemon):
    """Nothing is delivered: what is accepted is queued."""
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.start()
    return daemon


def curl(daemon, *arguments, body: bytes = b""):
    run = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--unix-socket", str(daemon.socket),
         "--write-out", "\n%{http_code}", *arguments],
        input=body, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 0, run.stderr.decode()
    answer, _, status = run.stdout.rpartition(b"\n")
    return int(status), answer


def post(daemon, body, content_type, *headers):
    extra = [part for header in headers for part in ("--header", header)]
    return curl(daemon, "--header", f"Content-Type: {content_type}", *extra, "--data-binary", "@-",
                "http://localhost/v1/traces", body=body)


def test_protobuf_and_json_plain_and_gzipped_are_accepted(daemon):
    protobuf = "application/x-protobuf"
    assert post(daemon, make_trace().request.SerializeToString(), protobuf) == (200, b"")
    assert post(daemon, gzip.compress(make_trace().request.SerializeToString()), protobuf,
                "Content-Encoding: gzip") == (200, b"")
    status, answer = post(daemon, otlp_json(make_trace()), "application/json")
    assert (status, json.loads(answer)) == (200, {})
    status, answer = post(daemon, gzip.compress(otlp_json(make_trace())), "application/json; charset=utf-8",
                          "Content-Encoding: gzip", "Transfer-Encoding: chunked")
    assert (status, json.loads(answer)) == (200, {})
    assert daemon.spans()["queued"] == 4 * SPANS_PER_TRACE


def test_an_empty_request_succeeds(daemon):
    assert post(daemon, b"", "application/x-protobuf") == (200, b"")
    assert daemon.spans()["accepted"] == 0


def test_get_tells_what_an_application_needs(daemon):
    status, answer = curl(daemon, "http://localhost/")
    assert status == 200
    assert json.loads(answer)["version"] == daemon.status()["version"]


@pytest.mark.parametrize("body, content_type, expected", [
    (b"\xff\xff not protobuf", "application/x-protobuf", 400),
    (b"{not json", "application/json", 400),
    (b"hello", "text/plain", 415),
])
def test_bad_requests_are_refused_and_cost_nothing_else(daemon, body, content_type, expected):
    assert post(daemon, body, content_type)[0] == expected
    daemon.post(make_trace().request)
    assert daemon.spans()["accepted"] == SPANS_PER_TRACE


def test_bad_spans_are_refused_and_the_good_ones_kept(daemon):
    trace = make_trace()
    trace.request.resource_spans[0].scope_spans[0].spans[0].span_id = b"short"
    reply = unix_http.request(daemon.socket, "POST", "/v1/traces", trace.request.SerializeToString(),
                              {"Content-Type": "application/x-protobuf"})
    assert reply.status == 200 and reply.body != b"", "partial_success names the rejected span"
    status = daemon.status()
    assert status["spans"]["accepted"] == SPANS_PER_TRACE - 1
    assert sum(status["rejected_spans"].values()) == 1


def test_a_request_over_the_limit_is_answered_with_413(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.config["listen"]["max_request_bytes"] = "1MiB"
    daemon.configure({})
    daemon.start()
    status, _ = post(daemon, bytes(2 * 1024 * 1024), "application/x-protobuf", "Expect:")
    assert status == 413
    status, _ = post(daemon, gzip.compress(bytes(2 * 1024 * 1024)), "application/x-protobuf", "Content-Encoding: gzip")
    assert status == 413, "the limit holds after decompression too"


def test_metrics_and_probes_are_served_where_the_operator_asks(make_daemon):
    address = f"127.0.0.1:{free_port()}"
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.config["control"]["http"] = address
    daemon.configure({})
    daemon.start()
    daemon.post(make_trace().request)
    metrics = requests.get(f"http://{address}/metrics", timeout=300)
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert f"tracelink_spans_accepted_total {SPANS_PER_TRACE}\n" in metrics.text
    assert requests.get(f"http://{address}/healthz", timeout=300).status_code == 200
    assert requests.get(f"http://{address}/readyz", timeout=300).status_code == 200
    assert requests.get(f"http://{address}/status", timeout=300).status_code == 404


def test_a_user_who_is_not_listed_is_told_and_stores_nothing(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    own = daemon.config["listen"]["socket"]
    daemon.configure({"listen": {"socket": own | {"allow_uids": [os.getuid()]}}})
    daemon.start()
    daemon.post(make_trace().request)
    assert daemon.sigterm() == 0

    daemon.configure({"listen": {"socket": own | {"allow_uids": [os.getuid() + 1]}}})
    daemon.adopt(Process([BIN / "tracelinkd", "--config", daemon.config_file], daemon.environment, daemon.log_file))
    wait_until("the control socket answers", lambda: daemon.tracelink("status").code == 0, state=daemon.log_tail)
    reason = b"listen.socket.allow_uids and allow_gids do not list it"
    status, answer = post(daemon, otlp_json(make_trace()), "application/json")
    assert (status, reason in answer) == (403, True), answer
    with socket.socket(socket.AF_UNIX) as lines:
        lines.connect(str(daemon.socket))
        lines.sendall(otlp_json(make_trace()) + b"\n")
        answer = lines.makefile("rb").readline()
    assert "error" in json.loads(answer) and reason in answer, answer
    sent = daemon.tracelink("send", "-", input=otlp_json(make_trace()).decode())
    assert sent.code != 0 and reason.decode() in sent.err, sent
    asked = daemon.tracelink("env")
    assert asked.code != 0 and reason.decode() in asked.err, asked
    assert daemon.spans()["accepted"] == SPANS_PER_TRACE
