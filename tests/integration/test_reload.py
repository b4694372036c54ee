"""The configuration is read again while the daemon runs: all of it is checked, then taken up as far as that goes."""

import contextlib
import json
import os
import signal
import time

import pytest

from harness import unix_http
from harness.daemon import PROTOBUF
from harness.expect import linked_once
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.ports import free_port
from harness.stand_in import StandIn
from harness.waiting import wait_until
from test_active_model import Stream, is_split, send, trace_ids

DONE, FAILED, UNREACHABLE = 0, 1, 3
V1, V2 = ({"name": "agent", "version": version} for version in ("v1", "v2"))


def reloaded(daemon, changes: dict) -> dict:
    daemon.configure(changes)
    return daemon.tracelink("reload", "--json").json()


def log_of(daemon) -> str:
    return daemon.log_file.read_text()


def wait_for_log(daemon, text: str) -> None:
    """The daemon's log is written by a thread of its own."""
    wait_until(f"it logs {text!r}", lambda: text in log_of(daemon), state=daemon.log_tail)


def test_another_version_in_the_middle_of_a_stream(server, daemon_for):
    server.start()
    daemon = daemon_for(server, "v1")
    daemon.start()
    with Stream(daemon) as stream:
        asked = time.monotonic()
        report = reloaded(daemon, {"model": V2})
        answered = time.monotonic()
        stream.wait_for(10)
    assert report == {"taken_up": ["model.version"], "restart": [], "overridden": [], "errors": []}
    daemon.wait_for_spans(delivered=len(stream.traces) * SPANS_PER_TRACE, queued=0)

    is_split(server, server.experiment_id("support"), stream, asked, answered)
    assert daemon.status()["model"]["name"] == "agent-v2"


def test_what_was_set_at_runtime_ends_with_the_version_that_it_overrides(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    assert daemon.tracelink("models", "set-active", "agent-hotfix").code == DONE
    hotfix = send(daemon, 2)
    reloaded(daemon, {"model": V2})
    wait_for_log(daemon, "agent-hotfix")
    deployed = send(daemon, 3)
    daemon.sigkill()
    daemon.start()
    after_a_crash = send(daemon, 2)
    daemon.wait_for_spans(delivered=7 * SPANS_PER_TRACE, queued=0)
    experiment = newest_server.experiment_id("support")
    for name, traces in (("agent-hotfix", hotfix), ("agent-v2", deployed + after_a_crash)):
        [model] = newest_server.model_ids(experiment, name)
        linked_once(newest_server, experiment, model, traces)


def test_an_invalid_file_changes_nothing_and_says_why(newest_server, daemon_for):
    daemon = daemon_for(newest_server, "v1")  # the server is down: nothing of it needs one
    daemon.start()
    daemon.configure({"model": V2, "queue": {"on_full": "never"}, "log": {"level": "debug"}})
    run = daemon.tracelink("reload")
    assert run.code == FAILED and run.out == ""
    assert "queue.on_full: found \"never\", allowed: wait | reject | drop_oldest" in run.err
    assert run.err.endswith("tracelink: nothing was changed\n")
    wait_for_log(daemon, "configuration not reloaded")
    assert daemon.status()["model"]["requested_name"] == "agent-v1"


def test_keys_that_need_a_restart_or_are_overridden_are_named(newest_server, daemon_for):
    daemon = daemon_for(newest_server, "v1")
    daemon.variables["TRACELINK_LOG__LEVEL"] = "info"
    daemon.start()
    report = reloaded(daemon, {"queue": {"on_full": "reject"}, "log": {"level": "debug"}, "experiment": {"name": "other"}})
    assert report == {"taken_up": ["experiment.name"], "restart": ["queue.on_full"], "overridden": ["log.level"], "errors": []}
    run = daemon.tracelink("reload")
    assert run.code == DONE
    assert run.out == "changed, and taken up by a restart only:\n  queue.on_full\n"


def test_limits_hold_for_the_next_request(make_daemon):
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    daemon.start()
    request = make_trace("why? " * 20_000).request.SerializeToString()

    def send_it() -> int:
        return unix_http.request(daemon.socket, "POST", "/v1/traces", request, {"Content-Type": PROTOBUF}).status
    assert send_it() == 200
    report = reloaded(daemon, {"listen": daemon.config["listen"] | {"max_request_bytes": "64KiB"}, "limits": {"memory": "32MiB", "connections": 50}})
    assert report["taken_up"] == ["listen.max_request_bytes", "limits.memory", "limits.connections"] and report["restart"] == []
    wait_until("the limit is lower", lambda: send_it() == 413, state=daemon.log_tail)
    assert daemon.spans()["accepted"] % SPANS_PER_TRACE == 0
    reloaded(daemon, {"listen": daemon.config["listen"] | {"max_request_bytes": "1MiB"}})
    wait_until("the limit is higher", lambda: send_it() == 200, state=daemon.log_tail)


class Server(StandIn):
    def __init__(self):
        self.credentials = set()
        super().__init__()

    def answer(self, method, target, headers, body):
        self.credentials.add(headers.get("Authorization"))
        return super().answer(method, target, headers, body)


def test_another_tracking_server_gets_the_traces_and_its_own_credentials(make_daemon):
    with contextlib.closing(Server()) as first, contextlib.closing(Server()) as second:
        daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": first.uri, "token": "one"}})
        daemon.start()
        before = send(daemon, 2)
        daemon.wait_for_spans(delivered=2 * SPANS_PER_TRACE, queued=0)
        report = reloaded(daemon, {"tracking": {"uri": second.uri, "token": "two"}})
        assert (report["taken_up"], report["restart"]) == (["tracking.uri", "tracking.token"], [])
        after = send(daemon, 2)
        daemon.wait_for_spans(delivered=4 * SPANS_PER_TRACE, queued=0)
        assert first.trace_ids == {trace.trace_id for trace in before} and second.trace_ids == {trace.trace_id for trace in after}
        assert (first.credentials, second.credentials) == ({"Bearer one"}, {"Bearer two"})
        assert daemon.status()["server"]["uri"] == second.uri


def test_what_waits_for_a_server_that_is_gone_goes_to_the_next(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}"}})
    daemon.start()
    waiting = send(daemon, 2)
    wait_until("the server is down", lambda: daemon.status()["server"]["state"] == "down", state=daemon.log_tail)
    with contextlib.closing(StandIn()) as server:
        reloaded(daemon, {"tracking": {"uri": server.uri}})
        daemon.wait_for_spans(delivered=2 * SPANS_PER_TRACE, queued=0)
        assert server.trace_ids == {trace.trace_id for trace in waiting}


def test_a_hang_up_reloads(newest_server, daemon_for):
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    daemon.configure({"model": V2})
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until("v2 is configured", lambda: daemon.status()["model"]["requested_name"] == "agent-v2", state=daemon.log_tail)
    wait_for_log(daemon, "configuration reloaded taken_up=model.version")


def test_without_a_daemon_it_says_so(newest_server, daemon_for):
    assert daemon_for(newest_server, "v1").tracelink("reload").code == UNREACHABLE


def memory_of(pid: int) -> int:
    """In bytes, without what files and libraries share."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        [line] = [line for line in status if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_many_reloads_under_load_lose_nothing_and_leave_nothing(newest_server, daemon_for, count):
    newest_server.start()
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    daemon.wait_for_model()
    with Stream(daemon) as stream:
        for n in range(count):
            daemon.configure({"model": (V2, V1)[n % 2], "log": {"level": ("debug", "info")[n % 2]}})
            answer = unix_http.request(daemon.control, "POST", "/reload")
            assert answer.status == 200 and json.loads(answer.body)["errors"] == []
            if n % 10 == 9:
                os.kill(daemon.pid, signal.SIGHUP)
            if n == count // 10:
                descriptors, memory = len(os.listdir(f"/proc/{daemon.pid}/fd")), memory_of(daemon.pid)
        grown = memory_of(daemon.pid) - memory
        daemon.configure({"model": V2})
        assert daemon.tracelink("reload", "--json").json()["errors"] == []
        last = send(daemon, 2)
        stream.wait_for(1)  # no request has failed: that would have ended it
    assert grown < 16 << 20, f"{grown} bytes by {count} reloads"
    daemon.wait_for_spans(delivered=(len(stream.traces) + 2) * SPANS_PER_TRACE, queued=0)
    # A connection of the stream may be open now, or not.
    assert abs(len(os.listdir(f"/proc/{daemon.pid}/fd")) - descriptors) <= 4
    experiment = newest_server.experiment_id("support")
    new = trace_ids(newest_server, experiment, "agent-v2")
    assert {trace.trace_id for trace in last} <= set(new)
    old = trace_ids(newest_server, experiment, "agent-v1")
    assert len(old) + len(new) == len(stream.traces) + 2


class Refusing(StandIn):
    """Wants other credentials, whatever is asked."""

    def __init__(self):
        self.sent: list[str] = []
        super().__init__()

    def answer(self, method, target, headers, body):
        self.sent.append(headers.get("Authorization", ""))
        return 401, {"error_code": "UNAUTHENTICATED", "message": "who are you?"}


def test_a_mistake_that_keeps_credentials_from_being_read_again_is_logged_once(make_daemon):
    server = Refusing()
    daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": server.uri, "token": "old"}})
    daemon.start()
    daemon.configure({"tracking": {"uri": server.uri, "tokn": "new"}})
    daemon.tracelink("models", "set-active", "other")  # a registration that does not wait a minute for the operator
    wait_for_log(daemon, "the credentials are not read again")
    wait_for_log(daemon, "tracking.tokn: unknown key; did you mean tracking.token?")
    daemon.configure({"tracking": {"uri": server.uri, "token": "new"}})
    daemon.tracelink("models", "set-active", "third")
    wait_until("the new token is sent", lambda: "Bearer new" in server.sent, state=daemon.log_tail)
    assert log_of(daemon).count("the credentials are not read again") == 1
