"""One name, one model: by the name that was asked for and by the one that MLflow shows, through every door."""

import pytest

from harness.expect import linked_once
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import NEWEST
from harness.waiting import wait_until

DONE, FAILED = 0, 1
ASKED, SHOWN = "my-agent-v1.0", "my-agent-v1-0"


@pytest.fixture
def server(server_of_module):
    return server_of_module


@pytest.fixture
def place(request) -> str:
    return request.node.name


def maker(server, make_daemon, place):
    """make(model, **variables): a daemon in the experiment, not started."""
    def make(model: dict | None = None, **variables: str):
        daemon = make_daemon({"experiment": {"name": place}, "tracking": {"uri": server.uri}} | ({"model": model} if model else {}))
        daemon.variables = variables
        return daemon
    return make


@pytest.fixture
def make(server, make_daemon, place):
    return maker(server, make_daemon, place)


def models_in(server, place: str) -> list[dict]:
    found = server.request("POST", "/api/2.0/mlflow/logged-models/search", json={"experiment_ids": [server.experiment_id(place)]})
    return [model["info"] for model in found.get("models", [])]


def sdk_model(server, place: str, name: str) -> str:
    """As MLflow's own SDK makes one: without our tags."""
    created = server.request("POST", "/api/2.0/mlflow/logged-models", json={"experiment_id": server.experiment_id(place), "name": name})
    model_id = created["model"]["info"]["model_id"]
    server.request("PATCH", f"/api/2.0/mlflow/logged-models/{model_id}", json={"model_id": model_id, "status": "LOGGED_MODEL_READY"})
    return model_id


def send(daemon, resource: str | None = None):
    trace = make_trace()
    if resource:
        trace.request.resource_spans[0].resource.attributes.add(key="mlflow.modelName").value.string_value = resource
    daemon.post(trace.request)
    return trace


def test_both_names_mean_one_model_through_every_door(server, make, place):
    created = make().tracelink("models", "create", "--name", ASKED, "--json").json()
    model_id = created["model_id"]
    sent = []
    for deployment in (make({"name": ASKED}), make({"name": SHOWN}), make(MLFLOW_ACTIVE_MODEL_ID=SHOWN), make({"name": "other"})):
        deployment.start()
        for name in (ASKED, SHOWN):
            sent.append(send(deployment, name))
            assert deployment.tracelink("models", "get", name, "--json").json()["model_id"] == model_id
            deployment.tracelink("models", "set-active", name, "--json").json()
            sent.append(send(deployment))
        deployment.wait_for_spans(delivered=4 * SPANS_PER_TRACE, queued=0)
    linked_once(server, server.experiment_id(place), model_id, sent)
    assert sorted(model["name"] for model in models_in(server, place)) == [SHOWN, "other"]


@pytest.mark.parametrize("replicas", [2, 8])
def test_replicas_that_ask_by_either_name_end_with_one_model(server, make, place, replicas):
    made = make({"name": ASKED})
    made.start()
    made.wait_for_model()
    daemons = [make({"name": SHOWN if index % 2 else ASKED}) for index in range(replicas)]
    for daemon in daemons:
        daemon.start()
    ids = {daemon.wait_for_model()["id"] for daemon in daemons}
    [model] = models_in(server, place)
    assert ids == {model["model_id"]}


def test_on_postgresql_both_names_mean_one_model(make_postgres_server, make_daemon, place):
    server = make_postgres_server(NEWEST, workers=2)
    server.start()
    doors = place + "-doors"
    test_both_names_mean_one_model_through_every_door(server, maker(server, make_daemon, doors), doors)
    test_replicas_that_ask_by_either_name_end_with_one_model(server, maker(server, make_daemon, place), place, 8)


def test_a_name_that_may_be_two_models_is_an_error_that_names_both(server, make, place):
    job = make()
    ours = job.tracelink("models", "create", "--name", ASKED, "--json").json()["model_id"]
    theirs = sdk_model(server, place, SHOWN)
    refused = job.tracelink("models", "get", SHOWN)
    assert refused.code == FAILED and ours in refused.err and theirs in refused.err
    assert job.tracelink("models", "get", ASKED, "--json").json()["model_id"] == ours
    daemon = make({"name": SHOWN})
    daemon.start()
    status = wait_until("the registration fails", lambda: daemon.status()["model"]["error"] and daemon.status()["model"])
    assert ours in status["error"] and theirs in status["error"] and "model.id" in status["error"]
    assert len(models_in(server, place)) == 2


def test_several_models_of_one_name_are_told(server, make, place):
    job = make()
    first = job.tracelink("models", "create", "--name", "twice", "--id-only").out.strip()
    second = job.tracelink("models", "create", "--name", "twice", "--id-only").out.strip()
    got = job.tracelink("models", "get", "twice", "--json")
    assert got.json()["model_id"] == first
    assert f"{first} is taken, the oldest that is READY; also there: {second}" in got.err
    daemon = make({"name": "twice"})
    daemon.start()
    model = daemon.wait_for_model()
    assert model["id"] == first and second in " ".join(model["warnings"])


def test_what_is_not_there_is_told_with_the_place(server, make, place):
    job = make()
    job.tracelink("models", "create", "--name", "here")
    missing = job.tracelink("models", "get", "gone")
    assert missing.code == FAILED and f"there is no model 'gone' in experiment '{place}'" in missing.err
    elsewhere = job.tracelink("models", "get", "here", "--experiment-id", "0")
    assert elsewhere.code == FAILED and "in experiment 'Default' (0)" in elsewhere.err
    unknown = job.tracelink("models", "get", "here", "--experiment-name", "nowhere")
    assert unknown.code == FAILED and "there is no experiment named 'nowhere'" in unknown.err


def test_a_name_copied_from_the_page_makes_no_second_model_in_silence(server, make, place):
    job = make()
    model_id = job.tracelink("models", "create", "--name", ASKED, "--id-only").out.strip()
    assert job.tracelink("models", "create", "--name", SHOWN, "--if-missing", "--id-only").out.strip() == model_id
    created = job.tracelink("models", "create", "--name", SHOWN)
    assert created.code == DONE and model_id in created.err and "--if-missing" in created.err


def test_set_active_and_relink_find_names_in_an_experiment_of_their_own(server, make, place):
    other = server.create_experiment(f"other {place}")
    daemon = make({"name": "agent"})
    daemon.start()
    daemon.wait_for_model()
    daemon.tracelink("models", "set-active", "elsewhere", "--experiment-id", other, "--json").json()
    trace = send(daemon)
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    [model_id] = server.model_ids(other, "elsewhere")
    linked_once(server, other, model_id, [trace])
