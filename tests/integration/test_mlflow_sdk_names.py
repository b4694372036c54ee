"""Models and experiments that an application of MLflow's SDK names while the tracking server is away."""

import json
import subprocess

import pytest
import requests

from harness.daemon import Daemon
from harness.mlflow_server import MlflowServer
from harness.places import APPS, ENVIRONMENTS, LATEST, NEWEST, OLDER, clean_environment, versions
from harness.waiting import wait_until
from test_mlflow_sdk import trace_info, variables_of
from test_state_files import held, make_readable, make_unreadable


class Application:
    """mlflow_names.py, which waits in the middle."""

    def __init__(self, daemon: Daemon, version: str, *names: str, **environment: str):
        self._process = subprocess.Popen(
            [ENVIRONMENTS[version] / "bin/python", APPS / "mlflow_names.py", *names],
            env=clean_environment(GIT_PYTHON_REFRESH="quiet", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
                                  MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false") | variables_of(daemon) | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def halfway(self) -> "Application":
        assert self._process.stdout.readline() == "halfway\n", self._process.communicate()[1][-3000:]
        return self

    def end(self) -> dict:
        out, errors = self._process.communicate("\n", timeout=600)
        assert self._process.returncode == 0, errors[-3000:]
        return json.loads(out.splitlines()[-1])


def one_model(server: MlflowServer, experiment: str, name: str) -> str:
    """The id of the only model of that name; it is READY and made for an application."""
    ids = server.model_ids(server.experiment_id(experiment), name)
    assert len(ids) == 1, ids
    model = server.model(ids[0])
    assert (model["status"], model["tags"]["mlflow.model.isExternal"]) == ("LOGGED_MODEL_READY", "true")
    return ids[0]


def links(server: MlflowServer, traces: list[str], experiment: str) -> set[str]:
    """The models of these traces, each of which is whole and in that experiment."""
    found = set()
    for trace in traces:
        info = trace_info(server, trace)
        assert info, f"{trace} is not there"
        assert info["trace_location"]["mlflow_experiment"]["experiment_id"] == server.experiment_id(experiment)
        assert (info["tags"]["team"], info["tags"]["later"], json.loads(info["trace_metadata"]["mlflow.trace.sizeStats"])["num_spans"]) == (
            "ml", "yes", 1)
        found.add(info["trace_metadata"]["mlflow.modelId"])
    return found


def wait_for_traces(daemon: Daemon, count: int) -> None:
    daemon.wait_for_spans(accepted=count, delivered=count, queued=0)
    wait_until("the tags are set", lambda: daemon.status()["mlflow_sdk"]["delivered_changes"] >= count, state=daemon.log_tail)


def seen_while_away(made: dict, name: str) -> None:
    """The application has what it needs of its model, and reads its trace back."""
    assert made["told"] == [name, "READY"]
    assert made["read"] == [made["model_id"], "yes", ["first"]]


@pytest.mark.parametrize("version", versions("3.6.0", OLDER, LATEST))
def test_what_an_application_names_is_made_when_the_server_is_there(make_server, front_of, version):  # noqa: F811
    """The server is away from before the daemon starts until the application has ended; the daemon is killed halfway and at the end."""
    server = make_server(version)
    daemon = front_of(server)
    daemon.start()
    application = Application(daemon, version, "billing-7", "billing").halfway()
    daemon.sigkill()
    daemon.start()
    made = application.end()
    seen_while_away(made, "billing-7")
    daemon.sigkill()
    daemon.start()
    server.start()
    daemon.wait_for_spans(accepted=2, delivered=2, queued=0)
    model_id = wait_until("the model is there", lambda: one_model(server, "billing", "billing-7"), state=daemon.log_tail)
    wait_until("the tags are set", lambda: all(trace_info(server, trace)["tags"].get("later") for trace in made["traces"]), state=daemon.log_tail)
    assert links(server, made["traces"], "billing") == {model_id}
    again = Application(daemon, version, "billing-7", "billing").halfway().end()
    assert again["model_id"] == model_id
    daemon.wait_for_spans(accepted=4, delivered=4, queued=0)
    assert one_model(server, "billing", "billing-7") == model_id


def test_a_model_of_a_known_experiment_that_two_applications_name_is_one(make_server, front_of):  # noqa: F811
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    server.kill()
    applications = [Application(daemon, NEWEST, "support-8", MLFLOW_EXPERIMENT_NAME="support") for _ in range(2)]
    made = [application.halfway().end() for application in applications]
    assert made[0]["model_id"] == made[1]["model_id"]
    server.start()
    wait_for_traces(daemon, 4)
    assert links(server, made[0]["traces"] + made[1]["traces"], "support") == {one_model(server, "support", "support-8")}


def test_the_daemons_own_model_is_one_with_that_of_an_application_that_names_it(make_server, front_of):  # noqa: F811
    """Neither has met the server."""
    server = make_server(NEWEST)
    daemon = front_of(server)
    daemon.start()
    made = Application(daemon, NEWEST, "agent", "support").halfway().end()
    server.start()
    model_id = daemon.wait_for_model()["id"]
    wait_for_traces(daemon, 2)
    assert links(server, made["traces"], "support") == {one_model(server, "support", "agent")} == {model_id}


def test_an_application_lives_on_when_the_server_is_back(make_server, front_of):  # noqa: F811
    server = make_server(NEWEST)
    daemon = front_of(server)
    daemon.start()
    application = Application(daemon, NEWEST, "billing-9", "billing").halfway()
    server.start()
    wait_for_traces(daemon, 1)
    made = application.end()
    wait_for_traces(daemon, 2)
    model_id = one_model(server, "billing", "billing-9")
    assert made["told"] == ["billing-9", "READY"]
    assert links(server, made["traces"], "billing") == {model_id}
    found = requests.post(f"{daemon.front}/api/3.0/mlflow/traces/search", timeout=60, json={
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": server.experiment_id("billing")}}],
        "filter": f"request_metadata.`mlflow.modelId` = '{made['model_id']}'", "max_results": 100}).json()
    assert sorted(info["trace_id"] for info in found["traces"]) == sorted(made["traces"])
    tags = requests.patch(f"{daemon.front}/api/2.0/mlflow/logged-models/{made['model_id']}/tags", timeout=60,
                          json={"model_id": made["model_id"], "tags": [{"key": "team", "value": "ml"}]})
    assert tags.ok, tags.text
    assert server.model(model_id)["tags"]["team"] == "ml"


def test_while_the_names_cannot_be_read_no_trace_of_one_is_taken(make_server, front_of):  # noqa: F811
    daemon = front_of(make_server(NEWEST))
    daemon.start()
    found = requests.post(f"{daemon.front}/api/2.0/mlflow/logged-models/search", timeout=60,
                          json={"experiment_ids": ["0"], "filter": "name='other'"})
    model_id = found.json()["models"][0]["info"]["model_id"]

    def tell() -> int:
        return requests.post(f"{daemon.front}/api/3.0/mlflow/traces", timeout=60, json={"trace": {"trace_info": {
            "trace_id": f"tr-{1:032x}", "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
            "request_time": "2026-01-01T00:00:00Z", "state": "OK", "trace_metadata": {"mlflow.modelId": model_id}, "tags": {}}}}).status_code
    assert tell() == 200
    assert daemon.sigterm() == 0
    path = daemon.folder / "state/models/names.json"
    kept = make_unreadable(path)
    daemon.start()
    assert held(daemon, path)
    assert tell() == 503
    make_readable(path, kept)
    wait_until("it is read without help", lambda: tell() == 200, state=daemon.log_tail)


def test_what_is_known_of_the_server_is_not_replaced_while_it_cannot_be_read(make_server, front_of):  # noqa: F811
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)

    def learn(name: str) -> None:
        made = requests.post(f"{daemon.front}/api/2.0/mlflow/experiments/create", timeout=60, json={"name": name})
        assert made.status_code == 200
        found = requests.get(f"{daemon.front}/api/2.0/mlflow/experiments/get-by-name", timeout=60, params={"experiment_name": name})
        assert found.status_code == 200

    path = daemon.folder / "state/models/server.json"

    def known() -> list[str]:
        return [experiment["name"] for experiment in json.loads(path.read_text())["experiments"]]
    daemon.start()
    learn("first")
    assert daemon.sigterm() == 0
    assert "first" in known()
    kept = make_unreadable(path)
    daemon.start()
    assert "check the disk" in held(daemon, path)[0]["remedy"]
    learn("second")
    assert daemon.sigterm() == 0
    assert path.is_symlink(), "it stays where it is"
    daemon.start()
    learn("third")
    make_readable(path, kept)
    wait_until("it is read without help", lambda: not held(daemon, path), state=daemon.log_tail)
    assert daemon.sigterm() == 0
    assert {"first", "third"} <= set(known())


def test_a_name_is_not_noted_where_traces_may_not_name_models(make_server, front_of):  # noqa: F811
    daemon = front_of(make_server(NEWEST))
    daemon.configure({"model": {"name": "agent", "from_traces": "ids"}})
    daemon.start()
    answer = requests.post(f"{daemon.front}/api/2.0/mlflow/logged-models/search", timeout=60,
                           json={"experiment_ids": ["0"], "filter": "name='other'"})
    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
