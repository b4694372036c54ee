"""Many replicas of one version that start at once and die at random: one model, and nobody else's is touched."""

import concurrent.futures
import json
import random
import subprocess
import threading

import pytest

from harness.expect import complete, linked_once
from harness.otlp import make_trace
from harness.places import APPS, ENVIRONMENTS, NEWEST, clean_environment

DAEMONS = 8
EXPERIMENT = "support"


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def server(request):
    """On SQLite one worker, as it has one writer; on PostgreSQL creates run side by side."""
    if request.param == "sqlite":
        return request.getfixturevalue("make_server")(NEWEST)
    return request.getfixturevalue("make_postgres_server")(NEWEST, workers=2)


def make_foreign_models(server, name: str, statuses: list[str]) -> list[str]:
    run = subprocess.run(
        [ENVIRONMENTS[server.version] / "bin/python", APPS / "make_models.py", EXPERIMENT, name, *statuses],
        env=clean_environment(MLFLOW_TRACKING_URI=server.uri, GIT_PYTHON_REFRESH="quiet"),
        stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def live(daemon, chance: random.Random) -> list:
    """Starts, takes traces, is killed at a random moment; again a few times; in the end it stays."""
    sent, clock = [], threading.Event()
    for kills_left in range(chance.randrange(4), -1, -1):
        daemon.start()
        sent += [make_trace() for _ in range(2)]
        for trace in sent[-2:]:
            daemon.post(trace.request)
        if kills_left:
            clock.wait(chance.uniform(0, 4))
            daemon.sigkill()
    return sent


def run_round(server, daemon_for, version: str, chance: random.Random, foreign: list[str]) -> str:
    """The id of the one model that all daemons have settled on."""
    daemons = [daemon_for(server, version) for _ in range(DAEMONS)]
    chances = [random.Random(chance.random()) for _ in daemons]
    with concurrent.futures.ThreadPoolExecutor(DAEMONS) as pool:
        sent = [trace for traces in pool.map(live, daemons, chances) for trace in traces]
    for daemon in daemons:
        daemon.wait_for_spans(limit_s=600, queued=0)
    [chosen] = {daemon.wait_for_model()["id"] for daemon in daemons}
    experiment = server.experiment_id(EXPERIMENT)
    models = {model_id: server.model(model_id) for model_id in server.model_ids(experiment, f"agent-{version}")}
    ready = [model_id for model_id, model in models.items() if model["status"] == "LOGGED_MODEL_READY"]
    assert ready == [chosen]
    assert set(foreign) <= models.keys(), "a foreign model was deleted"
    assert models.keys() <= {chosen, *foreign}, "twins are left"
    linked_once(server, experiment, chosen, sent)
    complete(server, experiment, chosen)
    for daemon in daemons:
        assert daemon.spans()["delivered"] > 0
        daemon.end()
    return chosen


def test_one_version_is_one_model(server, daemon_for, pytestconfig):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    server.start()
    for number in range(10 if pytestconfig.getoption("--long") else 3):
        run_round(server, daemon_for, f"r{number}", chance, [])


@pytest.mark.parametrize("statuses, adopted", [(["READY"], 0), (["PENDING"], 0), (["PENDING", "READY"], 1)])
def test_a_model_that_others_made_is_adopted(server, daemon_for, statuses, adopted):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    server.start()
    foreign = make_foreign_models(server, "agent-v1", statuses)
    assert run_round(server, daemon_for, "v1", random.Random(seed), foreign) == foreign[adopted]
