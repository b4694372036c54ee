"""Unchanged SDKs, pointed at the socket by environment variables only."""

import pytest

from harness.expect import assert_shown
from harness.places import NEWEST, OLDER, versions
from harness.ports import free_port
from harness.programs import programs


@pytest.mark.parametrize("app", ["otel_agent.py", "mlflow_agent.py"])
@pytest.mark.parametrize("server", versions(NEWEST, OLDER), indirect=True)
def test_traces_are_shown_linked_and_right(server, daemon_for, run_app, app):
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    sent = run_app(daemon, app, 4)
    daemon.wait_for_spans(accepted=16, delivered=16, queued=0)
    status = daemon.status()
    assert status["model"]["state"] == "ready"
    assert status["server"] == status["server"] | {"version": server.version, "state": "up"}
    # 3.6 does not read JSON text back; what the SDK of MLflow sends is typed on the way.
    json_as_text = (server.version, app) == ("3.6.0", "otel_agent.py")
    stored = server.search_traces(status["experiment"]["id"], status["model"]["id"])
    assert_shown(stored, sent, status["model"]["id"], json_as_text=json_as_text)


@pytest.mark.long
def test_traces_of_other_languages_are_shown_as_their_recipes_say(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server)
    loopback = f"127.0.0.1:{free_port()}"
    daemon.configure({"listen": daemon.config["listen"] | {"tcp": loopback}})
    daemon.start()
    running = programs(daemon.socket, loopback)
    sent = {name: program.send() for name, program in running.items()}
    for program in running.values():
        program.end()
    model = daemon.wait_for_model()
    daemon.wait_for_spans(queued=0)
    stored = {trace["trace_id"].removeprefix("tr-"): trace for trace in newest_server.search_traces(daemon.status()["experiment"]["id"], model["id"])}
    for name, [trace_id] in sent.items():
        trace = stored[trace_id]
        assert "Where is my parcel?" in trace["request_preview"] and "On its way." in trace["response_preview"], name
        assert trace["token_usage"] == trace["token_usage"] | {"input_tokens": 21, "output_tokens": 8, "total_tokens": 29}, name
        metadata = trace["metadata"]
        assert (metadata["mlflow.trace.session"], metadata["mlflow.trace.user"]) == ("session-1", "ada"), name


@pytest.mark.parametrize("server", versions(NEWEST, OLDER), indirect=True)
def test_the_model_is_an_external_ready_logged_model(server, make_daemon):
    server.start()
    daemon = make_daemon({
        "model": {"name": "agent", "type": "agent", "params": {"llm": "gpt-4o", "temperature": 0.7}, "tags": {"team": "ml"}},
        "experiment": {"name": "support"}, "tracking": {"uri": server.uri}})
    daemon.start()
    stored = server.model(daemon.wait_for_model()["id"])
    assert stored["name"] == "agent"
    assert stored["status"] == "LOGGED_MODEL_READY"
    assert stored["model_type"] == "agent"
    assert stored["params"] == {"llm": "gpt-4o", "temperature": "0.7"}
    assert stored["tags"] == stored["tags"] | {"team": "ml", "mlflow.model.isExternal": "true"}
    assert stored["experiment_id"] == server.experiment_id("support")


def test_a_name_that_mlflow_refuses_becomes_portable(newest_server, make_daemon):
    newest_server.start()
    daemon = make_daemon({"model": {"name": "my-agent-v1.0"}, "tracking": {"uri": newest_server.uri}})
    daemon.start()
    model = daemon.wait_for_model()
    assert (model["requested_name"], model["name"]) == ("my-agent-v1.0", "my-agent-v1-0")
    assert newest_server.model(model["id"])["tags"]["tracelink.model_name"] == "my-agent-v1.0"


def test_two_daemons_of_one_version_share_one_model(newest_server, daemon_for):
    newest_server.start()
    daemons = [daemon_for(newest_server) for _ in range(2)]
    for daemon in daemons:
        daemon.start()
    assert len({daemon.wait_for_model()["id"] for daemon in daemons}) == 1
    experiment = newest_server.experiment_id("support")
    assert len(newest_server.model_ids(experiment, "agent-v1")) == 1
