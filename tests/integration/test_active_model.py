"""The active model is switched at runtime: what was accepted keeps its version, what comes after gets the new one."""

import json
import threading
import time

from harness import unix_http
from harness.expect import linked_once
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.waiting import wait_until

DONE, FAILED, USAGE = 0, 1, 2


class Stream:
    """A client that sends one trace after the other, and knows when each was sent and acknowledged."""

    def __init__(self, daemon):
        self.traces = []  # (sent at, acknowledged at, trace)
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        self.wait_for(10)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            trace, sent = make_trace(), time.monotonic()
            self._daemon.post(trace.request)
            self.traces.append((sent, time.monotonic(), trace))

    def wait_for(self, count: int):
        """Until so many more traces are acknowledged."""
        goal = len(self.traces) + count
        while len(self.traces) < goal:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def acknowledged_before(self, moment: float):
        return [trace for _, acknowledged, trace in self.traces if acknowledged <= moment]

    def sent_after(self, moment: float):
        return [trace for sent, _, trace in self.traces if sent >= moment]


def send(daemon, count: int, service: str = "agent"):
    traces = [make_trace(service=service) for _ in range(count)]
    for trace in traces:
        daemon.post(trace.request)
    return traces


def trace_ids(server, experiment: str, name: str) -> list[str]:
    [model] = server.model_ids(experiment, name)
    return [info["trace_id"] for info in server.linked_traces(experiment, model)]


def is_split(server, experiment: str, stream: Stream, asked: float, answered: float) -> None:
    """Each trace has agent-v1 or agent-v2: what was acknowledged before the switch the one, what was sent after it the other."""
    old, new = trace_ids(server, experiment, "agent-v1"), trace_ids(server, experiment, "agent-v2")
    assert sorted(old + new) == sorted(trace.trace_id for _, _, trace in stream.traces)
    assert {trace.trace_id for trace in stream.acknowledged_before(asked)} <= set(old)
    after = {trace.trace_id for trace in stream.sent_after(answered)}
    assert len(after) >= 9 and after <= set(new)


def test_a_switch_in_the_middle_of_a_stream(server, daemon_for):
    server.start()
    daemon = daemon_for(server, "v1")
    daemon.start()
    with Stream(daemon) as stream:
        asked = time.monotonic()
        answer = daemon.tracelink("models", "set-active", "agent-v2", "--json").json()
        answered = time.monotonic()
        stream.wait_for(10)
    assert answer["requested_name"] == "agent-v2" and answer["state"] in ("unresolved", "ready")
    assert (answer["destination"], answer["registers_models"]) == ("mlflow", True)
    daemon.wait_for_spans(delivered=len(stream.traces) * SPANS_PER_TRACE, queued=0)

    experiment = server.experiment_id("support")
    is_split(server, experiment, stream, asked, answered)

    status = daemon.status()
    assert status["active"]["override"] | {"state": "ready", "name": "agent-v2"} == status["active"]["override"]
    assert status["active"]["override"]["id"] in server.model_ids(experiment, "agent-v2")
    assert status["model"]["name"] == "agent-v1", "what is configured is still shown"
    assert "agent-v2" in daemon.tracelink("status").out
    shown = json.loads(unix_http.request(daemon.socket, "GET", "/").body)
    assert shown["model"]["name"] == "agent-v2", "what applications are told"


def test_a_switch_survives_sigkill_and_is_cleared(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    assert daemon.tracelink("models", "set-active", "agent-v2").code == DONE
    daemon.sigkill()
    daemon.start()
    switched = send(daemon, 3)
    assert daemon.tracelink("models", "clear-active").code == DONE
    daemon.sigkill()
    daemon.start()
    cleared = send(daemon, 4)
    daemon.wait_for_spans(delivered=7 * SPANS_PER_TRACE, queued=0)
    experiment = newest_server.experiment_id("support")
    [old], [new] = (newest_server.model_ids(experiment, name) for name in ("agent-v1", "agent-v2"))
    linked_once(newest_server, experiment, new, switched)
    linked_once(newest_server, experiment, old, cleared)
    assert daemon.status()["active"] == {"override": None, "services": {}}


def test_a_switch_is_dropped_when_the_configured_version_changes(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    assert daemon.tracelink("models", "set-active", "agent-hotfix").code == DONE
    hotfix = send(daemon, 2)
    daemon.configure({"model": {"name": "agent", "version": "v2"}})
    daemon.restart()
    assert any("agent-hotfix" in notice for notice in daemon.status()["notices"])
    deployed = send(daemon, 3)
    daemon.configure({"model": {"name": "agent", "version": "v1"}})
    daemon.restart()
    rolled_back = send(daemon, 4)
    daemon.wait_for_spans(delivered=9 * SPANS_PER_TRACE, queued=0)
    experiment = newest_server.experiment_id("support")
    for name, traces in (("agent-hotfix", hotfix), ("agent-v2", deployed), ("agent-v1", rolled_back)):
        [model] = newest_server.model_ids(experiment, name)
        linked_once(newest_server, experiment, model, traces)


def test_one_service_gets_a_model_of_its_own(newest_server, daemon_for):
    daemon = daemon_for(newest_server, "v1")
    daemon.start()  # the server is down: nothing of it needs one
    assert daemon.tracelink("models", "set-active", "billing-v7", "--for", "billing").code == DONE
    web, billing = send(daemon, 2, "web"), send(daemon, 3, "billing")
    assert daemon.tracelink("models", "set-active", "agent-v2").code == DONE
    new_web, same_billing = send(daemon, 2, "web"), send(daemon, 2, "billing")
    assert daemon.tracelink("models", "clear-active", "--for", "billing").code == DONE
    new_billing = send(daemon, 2, "billing")
    newest_server.start()
    daemon.wait_for_spans(delivered=11 * SPANS_PER_TRACE, queued=0)
    experiment = newest_server.experiment_id("support")
    for name, traces in (("agent-v1", web), ("billing-v7", billing + same_billing), ("agent-v2", new_web + new_billing)):
        [model] = newest_server.model_ids(experiment, name)
        linked_once(newest_server, experiment, model, traces)


def test_an_id_is_switched_to_and_a_wrong_one_is_held_with_its_remedy(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    created = daemon.tracelink("models", "create", "--name", "release-7", "--experiment-name", "support", "--json").json()
    assert daemon.tracelink("models", "set-active", created["model_id"]).code == DONE
    traces = send(daemon, 2)
    daemon.wait_for_spans(delivered=2 * SPANS_PER_TRACE)
    linked_once(newest_server, created["experiment_id"], created["model_id"], traces)

    wrong = "m-" + 32 * "7"
    assert daemon.tracelink("models", "set-active", wrong).code == DONE
    send(daemon, 1)

    def held():
        return [scope for scope in daemon.status()["held"] if wrong in scope["scope"] and scope["remedy"]]
    wait_until("the wrong id is held", held, state=daemon.status)
    assert daemon.status()["active"]["override"]["state"] == "failed"


def test_a_cut_id_is_refused(newest_server, daemon_for):
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    cut = daemon.tracelink("models", "set-active", "m-" + 31 * "7")
    assert cut.code == FAILED and "32" in cut.err
    assert daemon.tracelink("models", "set-active").code == USAGE
    assert daemon.tracelink("models", "set-active", "agent-v2", "--for", "").code == USAGE
    assert daemon.status()["active"]["override"] is None
    assert daemon.tracelink("models", "clear-active").code == DONE, "nothing to clear is not a failure"


def test_traces_held_under_a_wrong_id_are_delivered_under_another_model(server, make_daemon):
    wrong = "m-" + 32 * "7"
    config = {"experiment": {"name": "support"}, "tracking": {"uri": server.uri}}
    daemon = make_daemon(config | {"model": {"id": wrong}})
    daemon.start()
    early = send(daemon, 2)
    server.start()
    wait_until("the wrong id is held", lambda: [held for held in daemon.status()["held"] if wrong in held["scope"]],
               state=daemon.status)
    late = send(daemon, 3)
    answer = daemon.tracelink("models", "relink", wrong, "agent-v2", "--json").json()
    assert answer["still_active"], "the configuration is still wrong"
    daemon.wait_for_spans(delivered=5 * SPANS_PER_TRACE, queued=0)
    experiment = server.experiment_id("support")
    [model] = server.model_ids(experiment, "agent-v2")
    linked_once(server, experiment, model, early + late)

    [relinked] = daemon.status()["relinks"]
    assert (relinked["from"], relinked["to"]) == (wrong, "agent-v2") and relinked["at"]
    assert wrong in daemon.tracelink("status").out
    assert not daemon.status()["held"], "nothing is left of it"
    send(daemon, 1)
    wait_until("what comes after is held again", lambda: daemon.status()["held"])
    assert daemon.spans()["queued"] == SPANS_PER_TRACE


def test_a_relink_survives_sigkill_and_reaches_what_is_not_read_yet(newest_server, make_daemon):
    wrong = "m-" + 32 * "7"
    daemon = make_daemon({"experiment": {"name": "support"}, "tracking": {"uri": newest_server.uri}, "model": {"id": wrong}})
    daemon.start()
    traces = send(daemon, 20)
    assert daemon.tracelink("models", "relink", wrong, "agent-v2").code == DONE
    assert daemon.tracelink("models", "relink", "agent-v2", "agent-v3").code == DONE
    daemon.sigkill()
    newest_server.start()
    daemon.start()
    daemon.wait_for_spans(delivered=20 * SPANS_PER_TRACE, queued=0)
    experiment = newest_server.experiment_id("support")
    [model] = newest_server.model_ids(experiment, "agent-v3")
    linked_once(newest_server, experiment, model, traces)


def test_relink_wants_a_link_that_exists(newest_server, daemon_for):
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    for old, new in (("nobody", "agent-v2"), ("agent-v1", "m-777"), ("agent-v1", "agent-v1")):
        refused = daemon.tracelink("models", "relink", old, new)
        assert refused.code == FAILED and refused.err, (old, new)
    assert daemon.tracelink("models", "relink", "agent-v1").code == USAGE
    daemon.configure({"model": {"name": "agent", "version": "v1", "params": {"llm": "gpt-5"}}})
    daemon.restart()
    ambiguous = daemon.tracelink("models", "relink", "agent-v1", "agent-v2")
    assert ambiguous.code == FAILED and "llm=gpt-5" in ambiguous.err
    assert daemon.status()["relinks"] == []
