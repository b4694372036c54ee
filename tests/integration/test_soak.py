"""Minutes of kills of both sides at random moments."""

import random

import pytest

from harness.expect import complete, linked_once
from harness.otlp import SPANS_PER_TRACE, make_trace

ROUNDS, TRACES_A_ROUND = 20, 40


@pytest.mark.long
def test_random_kills_lose_and_double_nothing(server, daemon_for):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    sent = []
    for _ in range(ROUNDS):
        kill_at = chance.randrange(TRACES_A_ROUND)
        for number in range(TRACES_A_ROUND):
            sent.append(make_trace())
            daemon.post(sent[-1].request)
            if number == kill_at:
                victim = chance.choice(["daemon", "server"])
                if victim == "daemon":
                    daemon.sigkill()
                    daemon.start()
                else:
                    server.kill()
                    server.start()
    daemon.wait_for_spans(limit_s=600, accepted=len(sent) * SPANS_PER_TRACE, queued=0)
    status = daemon.status()
    assert status["spans"]["dead_lettered"] == 0
    linked_once(server, status["experiment"]["id"], status["model"]["id"], sent)
    complete(server, status["experiment"]["id"], status["model"]["id"])
