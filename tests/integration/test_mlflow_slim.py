"""MLflow's SDK for tracing alone (`mlflow-tracing`) with tracelinkd as its tracking server."""

import json
import subprocess

import pytest

from harness.mlflow_server import MlflowServer
from harness.places import APPS, LATEST, NEWEST, SLIM, clean_environment
from test_differential import METADATA, read, run_directly
from test_mlflow_sdk import ASYNC, KNOWN, SUPPORT, SYNC, read_in_time, run_through, spans_of, unexplained, variables_of

KNOWN_OF_SLIM = KNOWN | {METADATA + r"mlflow\.modelId": "this package knows no models: the daemon links its traces all the same"}
OLDER_SLIM = [pytest.param(version, marks=pytest.mark.long) for version in SLIM if version != NEWEST]


def command(client: str, app: str) -> list:
    return [SLIM[client] / "bin/python", APPS / "slim.py", app]


def differing(server: MlflowServer, model_id: str, made: list[dict], direct: list[dict]) -> str:
    names = {model_id: "<model id>"}
    return "\n".join(unexplained(read(server, made, names), read(server, direct, names), KNOWN_OF_SLIM))


@pytest.fixture
def begun(make_server, front_of):
    """A server, a daemon in front of it, and the id of the daemon's model."""
    server = make_server(LATEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    return server, daemon, daemon.wait_for_model()["id"]


@pytest.mark.parametrize("client", [NEWEST, *OLDER_SLIM])
def test_nothing_differs_from_what_the_package_stores_directly(begun, client):
    server, daemon, model_id = begun
    cases = command(client, "all_cases.py")
    made = run_through(daemon, cases, **SUPPORT | SYNC)
    daemon.wait_for_spans(accepted=spans_of(made), delivered=spans_of(made), queued=0)
    direct = run_directly(server, model_id, cases)
    assert not (found := differing(server, model_id, made, direct)), found


def test_what_was_traced_while_the_server_was_away_is_all_there(begun):
    """The server is away from before the application starts until it has ended, and the daemon is killed in between."""
    server, daemon, model_id = begun
    cases = command(NEWEST, "all_cases.py")
    direct = run_directly(server, model_id, cases)
    server.kill()
    made = run_through(daemon, cases, **SUPPORT | SYNC)
    daemon.sigkill()
    daemon.start()
    server.start()
    daemon.wait_for_spans(accepted=spans_of(made), delivered=spans_of(made), queued=0)
    assert not (found := differing(server, model_id, made, direct)), found


@pytest.mark.parametrize("client", [NEWEST, *OLDER_SLIM])
def test_an_application_sees_what_it_has_written(begun, client):
    _, daemon, model_id = begun

    def run() -> dict:
        finished = subprocess.run(
            command(client, "mlflow_sdk.py"), env=clean_environment(**SUPPORT) | variables_of(daemon) | ASYNC,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
        assert finished.returncode == 0, finished.stderr[-3000:]
        return json.loads(finished.stdout)
    seen, _ = read_in_time(run)
    assert seen["spans"] == ["answer", "step"]
    assert (seen["tags"]["team"], seen["tags"]["later"], seen["client_request_id"]) == ("ml", "yes", "request-7")
    assert seen["metadata"] == seen["metadata"] | {"mlflow.trace.session": "s-1", "own": "1", "mlflow.modelId": model_id}
    assert [name for name, _ in seen["assessments"]] == ["expected", "good"]
    assert seen["trace_id"] in seen["found"]
