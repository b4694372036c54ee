"""The tracking server and the daemon die at bad moments; no acknowledged trace is lost, doubled or unlinked."""

import pytest

from harness.expect import assert_shown, complete, linked_once
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import NEWEST, OLDER, versions
from harness.waiting import wait_until


def send(daemon, count):
    traces = [make_trace() for _ in range(count)]
    for trace in traces:
        daemon.post(trace.request)
    return traces


def test_traces_sent_before_the_server_is_up_arrive_linked(server, daemon_for, run_app):
    daemon = daemon_for(server)
    daemon.start()
    sent = run_app(daemon, "otel_agent.py", 3)
    status = daemon.status()
    assert (status["spans"]["accepted"], status["spans"]["queued"]) == (12, 12)
    assert status["model"]["state"] == "unresolved"
    wait_until("the server is reported down", lambda: daemon.status()["server"]["state"] == "down",
               state=daemon.log_tail)
    server.start()
    daemon.wait_for_spans(delivered=12, queued=0)
    status = daemon.status()
    assert_shown(server.search_traces(status["experiment"]["id"], status["model"]["id"]), sent, status["model"]["id"])


def test_a_server_that_is_replaced_while_nothing_is_sent_gets_its_own_model(make_server, daemon_for):
    old = make_server(OLDER)
    old.start()
    daemon = daemon_for(old)
    daemon.start()
    daemon.post(make_trace().request)
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE)
    before = daemon.status()
    old.stop()
    new = make_server(NEWEST)
    new.port, new.uri = old.port, old.uri
    new.start()
    sent = send(daemon, 1)
    daemon.wait_for_spans(delivered=2 * SPANS_PER_TRACE, queued=0)
    status = daemon.status()
    assert status["model"]["id"] != before["model"]["id"]
    assert status["server"]["version"] != before["server"]["version"]
    linked_once(new, status["experiment"]["id"], status["model"]["id"], sent)


def test_a_killed_daemon_delivers_what_it_acknowledged(server, daemon_for):
    daemon = daemon_for(server)
    daemon.start()
    sent = send(daemon, 50)
    daemon.sigkill()
    daemon.start()
    assert daemon.spans()["queued"] == 50 * SPANS_PER_TRACE
    sent += send(daemon, 10)
    daemon.sigkill()
    server.start()
    daemon.start()
    daemon.wait_for_spans(accepted=60 * SPANS_PER_TRACE, delivered=60 * SPANS_PER_TRACE, queued=0)
    status = daemon.status()
    linked_once(server, status["experiment"]["id"], status["model"]["id"], sent)
    complete(server, status["experiment"]["id"], status["model"]["id"])


@pytest.mark.parametrize("server", versions(NEWEST), indirect=True)
def test_a_daemon_killed_while_delivering_sends_nothing_twice(server, daemon_for):
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    sent = send(daemon, 200)
    wait_until("delivery has begun", lambda: daemon.spans()["delivered"] > 0, state=daemon.log_tail)
    daemon.sigkill()
    daemon.start()
    total = 200 * SPANS_PER_TRACE
    daemon.wait_for_spans(accepted=total, queued=0)
    status = daemon.status()
    assert status["spans"]["dead_lettered"] == 0
    linked_once(server, status["experiment"]["id"], status["model"]["id"], sent)
    complete(server, status["experiment"]["id"], status["model"]["id"])


@pytest.mark.parametrize("server", versions(NEWEST), indirect=True)
def test_a_server_killed_while_it_stores_gets_every_trace_once(server, daemon_for):
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    sent = send(daemon, 300)
    total = 300 * SPANS_PER_TRACE
    for part in (0, total // 2):
        wait_until(f"over {part} spans are delivered", lambda: daemon.spans()["delivered"] > part,
                   state=daemon.log_tail)
        server.kill()
        server.start()
    daemon.wait_for_spans(accepted=total, delivered=total, queued=0)
    status = daemon.status()
    linked_once(server, status["experiment"]["id"], status["model"]["id"], sent)
    complete(server, status["experiment"]["id"], status["model"]["id"])
