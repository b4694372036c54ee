"""`tracelink tap`: what is accepted or delivered, seen by those who may look, and nobody waits for them."""

import contextlib
import json
import re
import subprocess
import threading

import pytest

from harness.otlp import make_trace
from harness.places import BIN
from harness.stand_in import StandIn
from harness.waiting import wait_until


class Viewer:
    """A `tracelink tap` that runs, and what it has said: traces, and how many it could not show, in their order."""

    def __init__(self, daemon, *options: str):
        self.process = subprocess.Popen([BIN / "tracelink", "--config", daemon.config_file, "tap", *options], env=daemon.environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self.is_read = threading.Event()
        self.is_read.set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.is_read.wait()
            self.lines.append(line)


@pytest.fixture
def daemon(make_daemon):
    daemon = make_daemon({"model": {"name": "agent", "version": "v1"}})
    daemon.start()
    return daemon


@pytest.fixture
def watch(daemon):
    """watch(*options): a viewer that has begun to see."""
    viewers = []

    def begin(*options: str) -> Viewer:
        viewer = Viewer(daemon, *options)
        viewers.append(viewer)

        def sees():
            daemon.post(make_trace(service="first").request)
            return viewer.lines
        wait_until("the viewer sees something", sees)
        return viewer
    yield begin
    for viewer in viewers:
        viewer.process.kill()
        viewer.process.wait()


def test_a_trace_is_a_tree_or_a_line_of_json(daemon, watch):
    tree, objects = watch(), watch("--json")
    sent = make_trace(service="checkout")
    daemon.post(sent.request)
    identity = sent.trace_id.removeprefix("tr-")
    wait_until("both have seen it", lambda: identity in "".join(tree.lines) and identity in "".join(objects.lines))
    [at] = [number for number, line in enumerate(tree.lines) if identity in line]
    assert tree.lines[at].split("Z  ")[1] == f"checkout  agent-v1  3 spans  trace {identity}\n"
    wait_until("the tree is whole", lambda: len(tree.lines) >= at + 4)
    indentations = [len(line) - len(line.lstrip()) for line in tree.lines[at + 1:at + 4]]
    assert indentations == [2, 4, 4]
    [entry] = [json.loads(line) for line in objects.lines if identity in line]
    assert (entry["model"], entry["spans"], len(entry["otlp"]["resourceSpans"])) == ("agent-v1", 3, 1)


def test_a_filter_leaves_the_others_out(daemon, watch):
    viewer = watch("--json", "--service", "first")
    for service in ("checkout", "first"):
        sent = make_trace(service=service)
        daemon.post(sent.request)
    wait_until("the last one is seen", lambda: sent.trace_id.removeprefix("tr-") in viewer.lines[-1])
    assert "checkout" not in "".join(viewer.lines)


def test_a_viewer_that_hangs_is_told_what_it_missed_and_nobody_waits(daemon, watch):
    viewer = watch("--json")
    last = make_trace(service="checkout")
    daemon.post(last.request)
    wait_until("all is seen", lambda: last.trace_id.removeprefix("tr-") in viewer.lines[-1])
    before = len(viewer.lines)  # one may be told as missed: that which came while it began
    viewer.is_read.clear()  # it hangs as soon as its pipe is full
    for _ in range(2_500):  # the daemon keeps 1,000
        daemon.post(make_trace().request)
    viewer.is_read.set()

    def seen_and_missed() -> tuple[int, int]:
        told = [re.fullmatch(r"(\d+) traces? came too fast to be shown\n", line) for line in viewer.lines[before:]]
        return told.count(None), sum(int(match[1]) for match in told if match)
    wait_until("each is seen or counted", lambda: sum(seen_and_missed()) == 2_500, state=seen_and_missed)
    assert seen_and_missed()[1] > 0


def test_it_ends_with_the_daemon(daemon, watch):
    viewer = watch()
    daemon.sigkill()
    assert viewer.process.wait(timeout=300) == 3


def test_it_ends_with_its_output(daemon):
    with open("/dev/full", "w", encoding="ascii") as full:
        viewer = subprocess.Popen([BIN / "tracelink", "--config", daemon.config_file, "tap"], env=daemon.environment,
                                  stdout=full, stderr=subprocess.PIPE, text=True)

    def has_ended():
        daemon.post(make_trace().request)
        return viewer.poll() is not None
    try:
        wait_until("it has ended", has_ended)
    finally:
        viewer.kill()
    assert viewer.communicate(timeout=300)[1].endswith("tracelink: standard output: not all could be written\n")
    assert viewer.returncode == 1


def test_what_is_delivered_is_shown_with_the_model_that_it_is_linked_to(make_daemon):
    with contextlib.closing(StandIn()) as server:
        daemon = make_daemon({"tracking": {"uri": server.uri}, "model": {"name": "agent", "version": "v1"}})
        daemon.start()
        viewer = Viewer(daemon, "--delivered", "--json", "--service", "checkout")

        def sees():
            daemon.post(make_trace(service="checkout").request)
            return viewer.lines
        try:
            wait_until("a delivered trace is seen", sees, state=daemon.log_tail)
        finally:
            viewer.process.kill()
            viewer.process.wait()
        entry = json.loads(viewer.lines[0])
        assert (entry["model"], entry["model_id"], entry["spans"]) == ("agent-v1", daemon.status()["model"]["id"], 3)
        assert entry["accepted_at"] <= entry["at"] and "pid" not in entry
        assert "tr-" + entry["trace_id"] in server.trace_ids
