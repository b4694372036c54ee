"""A trace is stored as if it had come whole, however its parts come."""

import pytest

from harness.parts import PartsSender, TraceInParts

SOON = {"trace_grace": "100ms", "trace_idle": "300ms"}


@pytest.fixture
def daemon(shared_server, daemon_for):
    """A daemon that does not wait long for the rest of a trace."""
    daemon = daemon_for(shared_server)
    daemon.configure({"forward": SOON})
    daemon.start()
    daemon.wait_for_model()
    return daemon


def model_of(daemon) -> str:
    return daemon.status()["model"]["id"]


def test_parts_that_come_late(shared_server, daemon):
    send = PartsSender().send
    at_once, late_child, late_root, late_parent = (TraceInParts() for _ in range(4))
    send(daemon, at_once, "first", "agent", "second", "root")
    send(daemon, late_child, "first", "agent", "root")
    send(daemon, late_child, "second")
    send(daemon, late_root, "first", "agent", "second")
    assert late_root.info(shared_server)["state"] == "IN_PROGRESS"
    send(daemon, late_root, "root")
    # Until its parent comes, nothing says that `first` is contained in another span's usage.
    send(daemon, late_parent, "first", "root")
    send(daemon, late_parent, "second")
    send(daemon, late_parent, "agent")
    for trace in (at_once, late_child, late_root, late_parent):
        trace.assert_stored(shared_server, model_of(daemon))


def test_a_root_that_comes_after_a_restart(shared_server, daemon):
    send = PartsSender().send
    trace = TraceInParts()
    send(daemon, trace, "agent", "second")
    daemon.sigkill()
    daemon.start()
    send(daemon, trace, "root", "first")
    trace.assert_stored(shared_server, model_of(daemon))


def test_a_trace_without_a_root_is_linked_and_open(shared_server, daemon):
    trace = TraceInParts()
    PartsSender().send(daemon, trace, "agent", "second")
    info = trace.info(shared_server)
    assert info["state"] == "IN_PROGRESS"
    assert info["trace_metadata"]["mlflow.modelId"] == model_of(daemon)
    assert info["tags"]["tracelink.version"] == "agent-v1"


def test_a_trace_larger_than_a_request(shared_server, daemon_for):
    daemon = daemon_for(shared_server)
    daemon.configure({"forward": SOON | {"max_batch_bytes": "4KiB"}})
    daemon.start()
    trace, late = TraceInParts(padding=3000), TraceInParts(padding=3000)
    send = PartsSender().send
    send(daemon, trace, *trace.PARENTS)
    send(daemon, late, "root", "first", "second")
    send(daemon, late, "agent")
    trace.assert_stored(shared_server, model_of(daemon))
    late.assert_stored(shared_server, model_of(daemon))


@pytest.mark.parametrize("experiments", [("support", "support"), ("support", "workers")], ids=["together", "apart"])
def test_a_trace_over_two_daemons(shared_server, make_daemon, experiments):
    holder, other = (
        make_daemon({"model": {"name": "agent", "version": version}, "experiment": {"name": experiment},
                     "tracking": {"uri": shared_server.uri}, "forward": SOON})
        for version, experiment in zip(("v1", "workers"), experiments))
    for daemon in (holder, other):
        daemon.start()
        daemon.wait_for_model()
    send = PartsSender().send
    root_first, root_last, root_between = (TraceInParts() for _ in range(3))
    send(holder, root_first, "root", "second")
    send(other, root_first, "agent", "first")
    send(other, root_last, "agent", "first")
    assert root_last.info(shared_server)["trace_metadata"]["mlflow.modelId"] == model_of(other)
    send(holder, root_last, "root", "second")
    send(other, root_between, "first")
    send(holder, root_between, "root", "second")
    send(other, root_between, "agent")
    for trace in (root_first, root_last, root_between):
        trace.assert_stored(shared_server, model_of(holder))
