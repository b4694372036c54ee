"""Servers that refuse: each ends in success, or in traces that are held with a remedy and delivered once it is followed."""

import pytest

from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import LATEST, NEWEST, OLDER, UNSUPPORTED
from harness.waiting import wait_until

USER = ("ada", "ada's own password")


@pytest.fixture
def start(daemon_for):
    """start(server): a daemon that has accepted one trace."""
    def start(server, **tracking):
        daemon = daemon_for(server)
        daemon.configure({"tracking": {"uri": server.uri, **tracking}})
        daemon.start()
        daemon.post(make_trace().request)
        return daemon
    return start


def wait_for_hold(daemon, remedy: str, scope: str = "server") -> dict:
    """The status once the trace is held in that scope, its remedy shown there and as the last error."""
    def held():
        status = daemon.status()
        return status if any(hold["scope"].startswith(scope) and remedy in hold["remedy"] for hold in status["held"]) else None
    status = wait_until(f"a hold of {scope} with {remedy!r}", held, state=lambda: f"{daemon.status()}\n{daemon.log_tail()}")
    assert remedy in status["last_error"]["remedy"], status
    assert status["spans"] == status["spans"] | {"queued": SPANS_PER_TRACE, "delivered": 0, "dead_lettered": 0}
    return status


def assert_delivered_after_restart(daemon, **tracking) -> None:
    """What an operator does: follow the remedy, restart."""
    daemon.configure({"tracking": daemon.config["tracking"] | tracking})
    daemon.restart()
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    status = daemon.status()
    assert (status["held"], status["last_error"], status["server"]["state"]) == ([], None, "up")


def test_a_server_before_3_6_holds_until_it_is_upgraded(make_server, start):
    old = make_server(UNSUPPORTED)
    old.start()
    daemon = start(old)
    status = wait_for_hold(daemon, "Upgrade the MLflow server to 3.6 or newer")
    assert status["server"] == status["server"] | {"state": "refusing", "version": UNSUPPORTED}
    old.stop()
    new = make_server(OLDER)
    new.start()
    assert_delivered_after_restart(daemon, uri=new.uri)


def test_a_file_store_holds_until_it_is_a_database(make_server, start, folder):
    files = make_server(OLDER, store=str(folder / "mlruns"))
    files.start()
    daemon = start(files)
    assert wait_for_hold(daemon, "--backend-store-uri naming a database")["server"]["state"] == "refusing"
    database = make_server(OLDER)
    database.start()
    assert_delivered_after_restart(daemon, uri=database.uri)


@pytest.fixture
def locked_server(authenticating_server):
    """One with basic authentication, where ada may read what others made."""
    authenticating_server.request("POST", "/api/2.0/mlflow/users/create", json={"username": USER[0], "password": USER[1]})
    return authenticating_server


def let_ada(server, experiment_id: str, permission: str, how: str = "grant") -> None:
    server.request("POST", f"/api/3.0/mlflow/users/permissions/{how}", json={
        "username": USER[0], "resource_type": "experiment", "resource_id": experiment_id, "permission": permission})


@pytest.mark.parametrize("credentials", [{}, {"username": "ada", "password": "a wrong one"}, {"token": "a bearer"}],
                         ids=["none", "wrong", "bearer"])
def test_credentials_that_are_missing_or_wrong_hold_until_they_are_right(locked_server, start, credentials):
    daemon = start(locked_server, **credentials)
    status = wait_for_hold(daemon, "MLFLOW_TRACKING_USERNAME")
    assert status["server"]["state"] == "refusing"
    assert "a wrong one" not in str(status) + daemon.log_tail()
    assert_delivered_after_restart(daemon, username=USER[0], password=USER[1], token="")


def test_credentials_that_are_corrected_in_their_file_need_no_restart(locked_server, start, folder):
    password = folder / "password"
    password.write_text("a wrong one")
    daemon = start(locked_server, username=USER[0], password=f"${{file:{password}}}")
    wait_for_hold(daemon, "MLFLOW_TRACKING_USERNAME")
    password.write_text(USER[1])
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    status = daemon.status()
    assert (status["held"], status["server"]["state"]) == ([], "up")


def test_a_user_without_permission_is_held_until_it_is_given(locked_server, start):
    experiment = locked_server.create_experiment("support")
    daemon = start(locked_server, username=USER[0], password=USER[1])
    status = wait_for_hold(daemon, "EDIT permission on the experiment", scope="link")
    assert status["server"]["state"] == "up"
    let_ada(locked_server, experiment, "EDIT")
    assert_delivered_after_restart(daemon)


def test_a_permission_that_is_taken_away_holds_what_comes_then(locked_server, start):
    experiment = locked_server.create_experiment("support")
    let_ada(locked_server, experiment, "EDIT")
    daemon = start(locked_server, username=USER[0], password=USER[1])
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE)
    let_ada(locked_server, experiment, "EDIT", how="revoke")
    daemon.post(make_trace().request)
    # The server is held, too, while its version is asked for.
    wait_until("a hold", lambda: any("EDIT permission on the experiment" in hold["remedy"] for hold in daemon.status()["held"]),
               state=daemon.log_tail)
    let_ada(locked_server, experiment, "EDIT")
    daemon.restart()
    daemon.wait_for_spans(delivered=2 * SPANS_PER_TRACE, queued=0)


def test_a_static_prefix_is_part_of_the_address(make_server, start):
    server = make_server(LATEST, prefix="/mlflow")
    server.start()
    daemon = start(server, uri=server.uri.removesuffix("/mlflow"))
    status = wait_for_hold(daemon, "--static-prefix")
    assert status["server"]["state"] == "refusing"
    assert_delivered_after_restart(daemon, uri=server.uri)
    status = daemon.status()
    assert len(server.search_traces(status["experiment"]["id"], status["model"]["id"])) == 1


def test_a_host_that_is_not_allowed_holds_until_it_is(make_server, start):
    server = make_server(NEWEST, arguments=("--allowed-hosts", "mlflow.example.org"))
    server.start()
    daemon = start(server)
    assert wait_for_hold(daemon, "--allowed-hosts")["server"]["state"] == "refusing"
    server.stop()
    allowing = make_server(NEWEST, arguments=("--allowed-hosts", "127.0.0.1:*"))
    allowing.start()
    assert_delivered_after_restart(daemon, uri=allowing.uri)


def test_a_workspace_is_named_by_the_configuration(make_server, start):
    server = make_server(LATEST, arguments=("--enable-workspaces",))
    server.start()
    server.request("POST", "/api/3.0/mlflow/workspaces", json={"name": "team-a"})
    daemon = start(server, workspace="team-a")
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    found = server.request("GET", "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "support"},
                           headers={"X-MLFLOW-WORKSPACE": "team-a"})
    assert found["experiment"]["experiment_id"] == daemon.status()["experiment"]["id"]


def test_an_unknown_workspace_holds_until_it_is_named_right(make_server, start):
    server = make_server(LATEST, arguments=("--enable-workspaces",))
    server.start()
    daemon = start(server, workspace="no-such-team")
    wait_for_hold(daemon, "tracking.workspace")
    assert_delivered_after_restart(daemon, workspace="default")
