"""`tracelink doctor`: what is wrong between an application and MLflow, and what to do, on real servers and daemons."""

import json

from harness.ports import free_port

DONE, FAILED = 0, 1


def states(run) -> dict[str, str]:
    return {finding["subject"]: finding["state"] for finding in run}


def test_all_is_well(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server, "v1")
    daemon.start()
    model = daemon.wait_for_model()
    run = daemon.tracelink("doctor", "--json")
    assert run.code == DONE, run.out
    findings = run.json()
    assert states(findings) == {subject: "ok" for subject in (
        "configuration", "socket", "daemon", "SDK", "state_dir", "room", "disk", "server", "experiment", "model")} \
        | {"disk": states(findings)["disk"], "room": states(findings)["room"]}, "the disk and its room are the machine's"
    [found] = [finding["message"] for finding in findings if finding["subject"] == "model"]
    assert found == f"agent-v1 is {model['id']}, READY"
    assert not list((daemon.folder / "state").glob(".doctor*"))


def test_each_fault_is_named_with_what_to_do(newest_server, make_daemon):
    nowhere = f"http://127.0.0.1:{free_port()}"
    daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": nowhere}})
    run = daemon.tracelink("doctor", OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4317")
    assert run.code == FAILED
    lines = run.out.splitlines()
    for expected in ("failed   socket", "warning  SDK", "warning  state_dir", "failed   server"):
        assert any(line.startswith(expected) for line in lines), (expected, run.out)
    assert f"start the server at {nowhere}" in run.out and "start the daemon" in run.out
    daemon.configure({"queue": {"on_full": "never"}})
    assert "failed   configuration" in daemon.tracelink("doctor").out


def test_what_the_server_lacks_is_told(newest_server, make_daemon):
    newest_server.start()
    daemon = make_daemon({"model": {"id": "m-" + "0" * 32}, "tracking": {"uri": newest_server.uri}})
    by_subject = {finding["subject"]: finding for finding in json.loads(daemon.tracelink("doctor", "--json").out)}
    assert by_subject["server"]["state"] == "ok" and by_subject["model"]["state"] == "failed"
