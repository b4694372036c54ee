"""Versions change, daemons and servers die, traces flow: each trace has the version of its first span."""

import collections
import random

from harness.expect import complete
from harness.otlp import SPANS_PER_TRACE, SentTrace, make_trace

STEPS, LONG_STEPS = 40, 400


def halves(trace: SentTrace):
    """Two requests for one trace, as of spans that ended at different times: the root is in the second."""
    first, second = type(trace.request)(), type(trace.request)()
    for part in (first, second):
        part.CopyFrom(trace.request)
    del first.resource_spans[0].scope_spans[0].spans[1:]
    del second.resource_spans[0].scope_spans[0].spans[:1]
    return first, second


class Rollout:
    """One deployment over time. Every step but `finish` may happen at any moment."""

    def __init__(self, server, daemon, chance: random.Random):
        self.server, self.daemon, self.chance = server, daemon, chance
        self.version = "v1"
        self.sent: dict[str, list[SentTrace]] = collections.defaultdict(list)  # by version
        self.unfinished = []  # requests that hold the rest of a trace
        self.server_is_up = False

    def traces(self) -> None:
        for _ in range(self.chance.randrange(1, 6)):
            trace = make_trace()
            self.daemon.post(trace.request)
            self.sent[self.version].append(trace)

    def begin_trace(self) -> None:
        trace = make_trace()
        first, second = halves(trace)
        self.daemon.post(first)
        self.sent[self.version].append(trace)
        self.unfinished.append(second)

    def finish_trace(self) -> None:
        if self.unfinished:
            self.daemon.post(self.unfinished.pop(self.chance.randrange(len(self.unfinished))))

    def new_version(self) -> None:
        """Or back to an earlier one."""
        self.version = f"v{self.chance.randrange(1, 6)}"
        self.daemon.configure({"model": {"name": "agent", "version": self.version}})
        self.chance.choice([self.restart, self.kill])()

    def restart(self) -> None:
        self.daemon.restart()

    def kill(self) -> None:
        self.daemon.sigkill()
        self.daemon.start()

    def outage(self) -> None:
        if self.server_is_up:
            self.server.kill()
        else:
            self.server.start()
        self.server_is_up = not self.server_is_up

    def catch_up(self) -> None:
        """Also traces that are not finished are delivered: what comes of them later comes late."""
        if self.server_is_up:
            self.daemon.wait_for_spans(queued=0)

    def finish(self) -> None:
        while self.unfinished:
            self.finish_trace()
        if not self.server_is_up:
            self.outage()
        spans = SPANS_PER_TRACE * sum(map(len, self.sent.values()))
        self.daemon.wait_for_spans(limit_s=600, accepted=spans, delivered=spans, queued=0)


def test_every_trace_has_the_version_of_its_first_span(server, daemon_for, request):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    daemon = daemon_for(server, "v1")
    daemon.configure({"forward": {"trace_grace": "200ms", "trace_idle": "1s"}})
    daemon.start()
    rollout = Rollout(server, daemon, chance)
    rollout.outage()  # the first one ends
    steps = [rollout.traces, rollout.begin_trace] * 4 + [rollout.finish_trace, rollout.new_version] * 2 + [
        rollout.catch_up, rollout.catch_up, rollout.restart, rollout.kill, rollout.outage]
    for step in chance.choices(steps, k=LONG_STEPS if request.config.getoption("--long") else STEPS):
        step()
    rollout.finish()

    experiment = server.experiment_id("support")
    for version, sent in rollout.sent.items():
        [model] = server.model_ids(experiment, f"agent-{version}")
        linked = [info["trace_id"] for info in server.linked_traces(experiment, model)]
        assert sorted(linked) == sorted(trace.trace_id for trace in sent), version
        complete(server, experiment, model)
