"""A trace belongs to the version that was active when it was accepted."""

from harness.expect import linked_once
from harness.otlp import SPANS_PER_TRACE, make_trace


def test_traces_queued_under_the_old_version_stay_with_it(server, daemon_for):
    daemon = daemon_for(server, "v1")
    daemon.start()
    old = [make_trace() for _ in range(5)]
    for trace in old:
        daemon.post(trace.request)
    daemon.configure({"model": {"name": "agent", "version": "v2"}})
    daemon.restart()
    new = [make_trace() for _ in range(7)]
    for trace in new:
        daemon.post(trace.request)
    server.start()
    daemon.wait_for_spans(delivered=12 * SPANS_PER_TRACE, queued=0)

    experiment = server.experiment_id("support")
    [old_model] = server.model_ids(experiment, "agent-v1")
    [new_model] = server.model_ids(experiment, "agent-v2")
    assert daemon.status()["model"]["id"] == new_model
    linked_once(server, experiment, old_model, old)
    linked_once(server, experiment, new_model, new)
