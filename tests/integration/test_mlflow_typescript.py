"""What MLflow's TypeScript SDK sends (apps/typescript_sdk.py), with tracelinkd as its tracking server: stored and read back as directly."""

import json
import subprocess
import types

import pytest

from harness.daemon import Daemon
from harness.mlflow_server import MlflowServer
from harness.places import APPS, ENVIRONMENTS, LATEST, NEWEST, clean_environment, versions
from harness.stored_trace import differences
from test_differential import METADATA, TOKENS, read
from test_mlflow_sdk import balance_of_changes, trace_info, wait_for_changes

TRACES = 4
VERSION = "info.tags.tracelink.version"
MODEL = METADATA + "mlflow.modelId"
NOT_TOLD = ("mlflow.modelId", "mlflow.trace.infoFinalized")


def run(uri: str, experiment: str, halfway=lambda: None) -> list[dict]:
    """What the application has made and read. It stops once, between the info of a trace and the upload of its spans."""
    process = subprocess.Popen(
        [ENVIRONMENTS[NEWEST] / "bin/python", "-I", APPS / "typescript_sdk.py"],
        env=clean_environment(MLFLOW_TRACKING_URI=uri, MLFLOW_EXPERIMENT_ID=experiment),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout.readline() == "halfway\n":
        halfway()
    out, errors = process.communicate("\n", timeout=600)
    assert process.returncode == 0, errors[-3000:]
    made = [json.loads(line) for line in out.splitlines()]
    assert len(made) == TRACES
    return made


def unexplained(server: MlflowServer, model_id: str, made: list[dict], direct: list[dict]) -> list[str]:
    """The differences but the link and the version, which this SDK does not know, and the form of the JSON of token sums."""
    ours, theirs = read(server, made, {}), read(server, direct, {})
    found = []
    for case, trace in ours.items():
        assert trace.fields and theirs[case].fields, f"{case} cannot be read"
        assert (trace.fields.pop(MODEL), trace.fields.pop(VERSION)) == (model_id, "agent")
        for fields in (trace.fields, theirs[case].fields):
            fields[TOKENS] = json.loads(fields.get(TOKENS, "null"))
        found += [f"{case}: {field}: {pair}" for field, pair in differences(trace.fields, theirs[case].fields).items()]
    return found


def what_it_read(made: list[dict]) -> dict[str, object]:
    """What the infos say that the application got, without ids, times, link and version, and what only servers tell."""
    seen: dict[str, object] = {}
    for trace in made:
        info = json.loads(json.dumps(trace["read"]).replace(trace["trace_id"], "<trace id>"))
        told = {key: info.get(key) for key in ("trace_id", "trace_location", "client_request_id", "request_preview", "response_preview", "state")}
        told |= {f"tags.{key}": value for key, value in info["tags"].items() if key != "tracelink.version"}
        # Servers cut long values.
        told |= {f"metadata.{key}": value[:200] for key, value in info["trace_metadata"].items() if key not in NOT_TOLD}
        if sum_ := told.get("metadata.mlflow.trace.tokenUsage"):
            told["metadata.mlflow.trace.tokenUsage"] = json.loads(sum_)
        seen |= {f"{trace['case']}: {key}": value for key, value in told.items()}
    return seen


@pytest.fixture
def begun(request, make_server, front_of):
    """A server, a daemon in front of it, the id of its model, the experiment of both."""
    server = make_server(getattr(request, "param", LATEST))
    server.start()
    daemon = front_of(server)
    daemon.start()
    model = daemon.wait_for_model()
    return server, daemon, model["id"], server.experiment_id("support")


@pytest.mark.parametrize("begun", versions("3.6.0", "3.11.1", LATEST), indirect=True)
def test_nothing_differs_from_what_it_stores_directly(begun):
    server, daemon, model_id, experiment = begun
    direct = run(server.uri, experiment)
    made = run(daemon.front, experiment)
    wait_for_changes(daemon, TRACES)
    assert not (found := unexplained(server, model_id, made, direct)), "\n".join(found)
    assert not differences(what_it_read(made), what_it_read(direct))
    assert daemon.status()["mlflow_sdk"]["accepted_infos"] == TRACES


@pytest.mark.parametrize("gone", ["before it starts", "between an info and its spans"])
def test_what_was_traced_while_the_server_was_away_is_all_there(begun, gone):
    """It reads each trace back all the same, and so does Python's SDK. The daemon is killed halfway, and when all is accepted."""
    server, daemon, model_id, experiment = begun
    direct = run(server.uri, experiment)
    if gone == "before it starts":
        server.kill()

    def halfway():
        server.kill()
        daemon.sigkill()
        daemon.start()
    made = run(daemon.front, experiment, halfway)
    assert not differences(what_it_read(made), what_it_read(direct))
    by_python = read(types.SimpleNamespace(version=LATEST, uri=daemon.front), made, {})
    assert {case: trace.fields and trace.fields["spans"] for case, trace in by_python.items()} == {
        trace["case"]: sorted(trace["times"]) for trace in made}
    assert balance_of_changes(daemon) == {"accepted": TRACES, "queued": TRACES}
    daemon.sigkill()
    daemon.start()
    server.start()
    wait_for_changes(daemon, TRACES)
    assert balance_of_changes(daemon) == {"accepted": TRACES, "delivered": TRACES}
    assert all(trace_info(server, trace["trace_id"]) for trace in made)
    assert not (found := unexplained(server, model_id, made, direct)), "\n".join(found)


def test_without_tracelinkd_the_trace_is_lost(make_server):
    """It tries nothing twice, so that these tests compare with a client that needs the daemon."""
    server = make_server(LATEST)
    server.start()
    experiment = server.create_experiment("support")
    with pytest.raises(AssertionError):
        run(server.uri, experiment, server.kill)
