"""No client hurts another: a good client beside each hostile or unlucky one of harness/neighbours.py, and beside all of them.

The bounds are counts and ratios: how long the good client waits is compared with what one of its kind waits at another daemon, which has no neighbours, in the
same moments. So whatever else keeps the machine busy, the neighbours' own work too, is in both. Only what it waits for one piece of that work is not.
"""

import os
import re
import statistics
import time

import pytest

from harness import neighbours
from harness.otlp import make_trace
from harness.ports import free_port
from harness.stand_in import StandIn
from harness.waiting import wait_until

REQUESTS = 25
MIB = 1 << 20
MEMORY = 192 * MIB  # limits.memory
TURN = 10  # times what a request waits elsewhere is a turn's time at most; a stalled client waits thousands of times as long
PIECE = 0.1  # seconds: ten times what the largest piece of a neighbour's work, 300,000 objects of JSON, was seen to take
ROUNDS = 5


@pytest.fixture
def stand_in():
    server = StandIn()
    yield server
    server.close()


class Good:
    """A client that sends one trace after the other."""

    def __init__(self, daemon):
        self._daemon = daemon
        self.sent: set[str] = set()

    def send(self, count: int) -> list[float]:
        """How long each request took."""
        took = []
        for _ in range(count):
            trace = make_trace()
            started = time.monotonic()
            self._daemon.post(trace.request)
            took.append(time.monotonic() - started)
            self.sent.add(trace.trace_id)
        return took

    def worst_of(self, count: int) -> float:
        """How long the slowest but one of so many requests took."""
        return sorted(self.send(count))[-2]


def waits(clients: list[Good]) -> list[float]:
    """Of each: the median of its slow requests in rounds that follow each other."""
    rounds = [[client.worst_of(REQUESTS // ROUNDS) for client in clients] for _ in range(ROUNDS)]
    return [statistics.median(of_one) for of_one in zip(*rounds)]


def peak_bytes(daemon) -> int:
    return int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{daemon.pid}/status").read())[1]) * 1024


def descriptors(daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


EACH = [pytest.param((neighbour,), id=neighbour.__name__) for neighbour in neighbours.ALL]


@pytest.mark.parametrize("company", [*EACH, pytest.param(neighbours.ALL, id="all")])
def test_a_good_client_beside(company, make_daemon, stand_in):
    probes, mlflow = (("127.0.0.1", free_port()) for _ in range(2))
    daemon = make_daemon({"model": {"name": "agent", "git": "off"}, "experiment": {"id": "1"}, "tracking": {"uri": stand_in.uri}})
    daemon.configure({
        "control": {"socket": str(daemon.control), "http": f"{probes[0]}:{probes[1]}"},
        "listen": {"socket": {"path": str(daemon.socket)}, "mlflow": f"{mlflow[0]}:{mlflow[1]}"},
    })
    daemon.start()
    daemon.wait_for_model()
    elsewhere = make_daemon({"model": {"name": "agent", "git": "off"}, "experiment": {"id": "1"}, "tracking": {"uri": stand_in.uri}})
    elsewhere.start()
    good = Good(daemon)
    good.send(REQUESTS)
    wait_until("the good traces arrive alone", lambda: good.sent <= stand_in.trace_ids)
    open_alone = descriptors(daemon)

    with neighbours.beside(daemon, probes, mlflow, company) as stage:
        for _ in company:
            wait_until("the neighbours are under way", lambda: stage.under_way.acquire(blocking=False))
        waited, alone = waits([good, Good(elsewhere)])
        wait_until("the good traces arrive beside them", lambda: good.sent <= stand_in.trace_ids, state=daemon.log_tail)
        for trace_id, spans in stage.due.items():
            wait_until(f"all spans of {trace_id} but the refused", lambda: stand_in.span_count(trace_id) == spans, state=daemon.log_tail)
        assert descriptors(daemon) < 2_000 + 200
        share = 1 + len(company)  # each has a turn
        assert waited < TURN * share * alone + PIECE * len(company), f"{waited:.3f} s beside them, {alone:.3f} s alone"
        daemon.spans()

    assert peak_bytes(daemon) < 2 * MEMORY
    wait_until("their descriptors are given back", lambda: descriptors(daemon) <= open_alone + 20)
    good.send(REQUESTS)
    wait_until("the good traces arrive after them", lambda: good.sent <= stand_in.trace_ids, state=daemon.log_tail)
    daemon.spans()
    assert not re.search(r"^(error failing subject=\"forged|forged line)", daemon.log_file.read_text(errors="replace"), re.MULTILINE)
