"""`tracelink doctor`: what is wrong between an application and MLflow, and what to do, on real servers and daemons."""

import http.server
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading

import pytest

from harness import unix_http
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
        "configuration", "socket", "daemon", "SDK", "user", "state_dir", "room", "disk", "server", "clock", "experiment", "model")} \
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


def test_variables_that_keep_an_sdk_from_sending_are_named(make_daemon):
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    daemon.start()
    by_env = daemon.tracelink("env", "--json").json()

    def told(**more: str) -> list[str]:
        return [finding["message"] for finding in daemon.tracelink("doctor", "--json", **(by_env | more)).json()
                if finding["subject"] == "SDK" and finding["state"] == "warning"]
    assert told() == []
    assert told(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf", OTEL_EXPORTER_OTLP_TRACES_INSECURE="", OTEL_TRACES_EXPORTER="none") == [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_INSECURE is not set",
        "OTEL_TRACES_EXPORTER is none: nothing is sent"]


def findings_behind(make_daemon, status: int, body: bytes) -> list[dict]:
    """What doctor finds where the intake socket is served by something that answers so."""
    class Other(unix_http.Handler):
        def do_GET(self):
            self.answer(status, body)
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    with unix_http.serving(daemon.socket, Other):
        return json.loads(daemon.tracelink("doctor", "--json").out)


@pytest.mark.parametrize("status, body", [(404, b'{"message": "no such page"}'), (403, b"Forbidden"), (200, b"Welcome!")])
def test_a_socket_that_something_else_serves_is_no_daemon(make_daemon, status, body):
    [found] = [finding for finding in findings_behind(make_daemon, status, body) if finding["subject"] == "socket"]
    assert found["state"] == "failed" and found["message"].endswith(" is not a tracelink socket"), found


def test_another_version_than_the_installed_one_is_told(make_daemon):
    findings = findings_behind(make_daemon, 200, b'{"version": "0.0.9"}')
    [found] = [finding for finding in findings if finding["subject"] == "version"]
    assert found["state"] == "warning" and found["message"].startswith("tracelinkd 0.0.9 runs, and this is tracelink "), found


def remedy_of_server(daemon, uri: str, **tracking) -> str:
    daemon.configure({"tracking": {"uri": uri} | tracking})
    [found] = [finding for finding in json.loads(daemon.tracelink("doctor", "--json").out) if finding["subject"] == "server"]
    assert found["state"] == "failed", found
    return found["message"] + "; " + found["remedy"]


@pytest.fixture
def answers():
    """A server that answers everything with 401, plain on one port and by TLS with its own certificate on another."""
    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(401)

        def log_message(self, *_):
            pass
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        certificate = f"{folder}/both.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", certificate,
                        "-out", f"{folder}/ca.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        with open(certificate, "a", encoding="ascii") as both, open(f"{folder}/ca.pem", encoding="ascii") as ca:
            both.write(ca.read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        plain, tls = (http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse) for _ in range(2))
        tls.socket = context.wrap_socket(tls.socket, server_side=True)
        for server in (plain, tls):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield plain.server_port, tls.server_port, f"{folder}/ca.pem"
        for server in (plain, tls):
            server.shutdown()
            server.server_close()


def test_tls_proxy_and_credentials_are_told_apart(make_daemon, answers):
    plain, tls, ca = answers
    daemon = make_daemon({"model": {"name": "agent"}})
    assert "write tracking.uri with http://" in remedy_of_server(daemon, f"https://127.0.0.1:{plain}")
    assert "write tracking.uri with https://" in remedy_of_server(daemon, f"http://127.0.0.1:{tls}")
    assert "name its certificate in tracking.ca_file" in remedy_of_server(daemon, f"https://localhost:{tls}")
    assert "names other hosts" in remedy_of_server(daemon, f"https://127.0.0.1:{tls}", ca_file=ca)
    refused = remedy_of_server(daemon, f"https://localhost:{tls}", ca_file=ca, token="very-secret")
    line = daemon.config_file.read_text().splitlines().index("  token: very-secret") + 1
    assert f"sent: tracking.token of {daemon.config_file}:{line}" in refused and "very-secret" not in refused
    of_hashes = pathlib.Path(ca).parent / "authorities"
    of_hashes.mkdir()
    assert "name its certificate in tracking.ca_file" in remedy_of_server(daemon, f"https://localhost:{tls}", ca_file=str(of_hashes))
    shutil.copy(ca, of_hashes)
    subprocess.run(["openssl", "rehash", of_hashes], check=True, capture_output=True)
    assert "The server wants other credentials" in remedy_of_server(daemon, f"https://localhost:{tls}", ca_file=str(of_hashes))
    daemon.variables["http_proxy"] = f"http://127.0.0.1:{free_port()}"
    assert "cannot use the proxy of http_proxy: " in remedy_of_server(daemon, f"http://mlflow.example:{plain}")


def test_what_the_server_lacks_is_told(newest_server, make_daemon):
    newest_server.start()
    daemon = make_daemon({"model": {"id": "m-" + "0" * 32}, "tracking": {"uri": newest_server.uri}})
    by_subject = {finding["subject"]: finding for finding in json.loads(daemon.tracelink("doctor", "--json").out)}
    assert by_subject["server"]["state"] == "ok" and by_subject["model"]["state"] == "failed"
