"""tracelink's commands, their JSON and their exit codes."""

import contextlib
import fcntl
import itertools
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios

import pytest
import requests

from harness import unix_http
from harness.otlp import SPANS_PER_TRACE, make_trace, otlp_json
from harness.places import BIN
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import wait_until

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


@pytest.fixture
def daemon(make_daemon):
    daemon = make_daemon({"model": {"name": "agent", "version": "v1"}, "tracking": {"token": "very-secret"}})
    daemon.start()
    return daemon


def test_status_has_the_stable_keys(daemon):
    status = daemon.status()
    assert status.keys() >= {"version", "pid", "uptime_s", "model", "experiment", "server", "queue", "spans",
                             "rejected_spans", "quarantine", "held", "last_error"}
    assert status["model"].keys() >= {"state", "id", "name", "requested_name", "error"}
    assert status["server"]["state"] == "none"
    assert status["queue"].keys() >= {"spans", "traces", "bytes", "oldest_age_s"}
    assert status["spans"].keys() >= {"accepted", "delivered", "queued", "dead_lettered", "duplicate", "damaged", "dropped"}
    assert status["quarantine"].keys() >= {"files", "bytes"}
    human = daemon.tracelink("status")
    assert human.code == DONE and "accepted 0 = delivered 0" in human.out


def on_terminal(command: list, environment: dict[str, str], columns: int) -> str:
    """What the command writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert running.returncode == DONE, shown
    return shown.decode().replace("\r\n", "\n")


def test_the_status_fits_the_terminal_and_has_colour_there_only(daemon):
    command = [BIN / "tracelink", "--config", daemon.config_file, "status"]
    environment = daemon.environment | {"TERM": "xterm"}
    coloured = on_terminal(command, environment, 50)
    assert coloured.startswith("\x1b[1mtracelinkd ") and "\x1b[1mModels\x1b[0m\n" in coloured
    plain = on_terminal(command, environment | {"NO_COLOR": "1"}, 50)
    assert "\x1b" not in plain
    spans = plain.split("  spans ")[1]
    assert spans.splitlines()[:2] == ["          accepted 0 = delivered 0 +", "                  queued 0 + dead-lettered 0 +"]
    assert "\x1b" not in daemon.tracelink("status", TERM="xterm").out


def test_the_status_knows_where_everything_is_and_when_something_came(daemon):
    before = daemon.status()
    assert before["last_request_at"] is None
    daemon.post(make_trace().request)
    status = daemon.status()
    assert status["last_request_at"].endswith("Z")
    assert (status["config_file"], status["state_dir"]) == (str(daemon.config_file), daemon.config["state_dir"])
    assert status["sockets"] == {"intake": str(daemon.socket), "from_systemd": False, "tcp": None, "control": str(daemon.control), "http": None}


def test_the_configuration_of_a_relative_path_is_found_from_everywhere(make_daemon):
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    daemon.adopt(Process([BIN / "tracelinkd", "--config", daemon.config_file.name], daemon.environment, daemon.log_file, cwd=daemon.folder))
    daemon.wait()
    assert daemon.status()["config_file"] == str(daemon.config_file)


def test_health_is_that_of_the_daemon_whatever_its_server_does(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}"}})
    daemon.start()
    wait_until("it is healthy", lambda: daemon.tracelink("health").code == DONE, state=daemon.log_tail)
    assert (daemon.tracelink("health").out, daemon.tracelink("health", "--json").json()) == ("ok\n", {"health": "ok"})


def test_a_page_in_a_browser_cannot_read_it_under_a_name_of_its_own(make_daemon):
    address = f"127.0.0.1:{free_port()}"
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    daemon.configure({"control": daemon.config["control"] | {"http": address}})
    daemon.start()

    def asked_as(host: str) -> requests.Response:
        return requests.get(f"http://{address}/status.json", headers={"Host": host}, timeout=300)
    assert [asked_as(host).status_code for host in (address, "localhost:80", socket.gethostname(), "10.0.0.7:9464")] == [200] * 4
    refused = asked_as("rebound.example:9464")
    assert refused.status_code == 403 and address in refused.text and "agent" not in refused.text


def test_a_daemon_that_does_not_run_is_exit_code_3(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    for command in (["status"], ["health"], ["env"], ["run", "--require-daemon", "--", "true"], ["dead-letters", "ls"],
                    ["models", "set-active", "agent-v2"], ["models", "clear-active"]):
        result = daemon.tracelink(*command)
        assert (result.code, bool(result.err)) == (UNREACHABLE, True), command


@pytest.mark.parametrize("command", [[], ["no-such-command"], ["no-such-command", "--help"], ["models", "no-such-command", "--help"],
                                     ["status", "--no-such-option"], ["run"], ["send"], ["models", "create", "--param", "no-value"]])
def test_wrong_usage_is_exit_code_2(daemon, command):
    assert daemon.tracelink(*command).code == USAGE


@pytest.mark.parametrize("command", [["status"], ["health"], ["tap"], ["top"], ["env"], ["run"], ["send"], ["config", "check"], ["config", "show"],
                                     ["models", "create"], ["models", "get"], ["models", "list"],
                                     ["models", "search"], ["models", "traces"], ["models", "tag"], ["models", "untag"],
                                     ["models", "log-metric"], ["models", "delete"], ["models"], ["config"], ["dead-letters"],
                                     ["models", "set-active"], ["models", "clear-active"], ["models", "relink"],
                                     ["dead-letters", "ls"], ["dead-letters", "show"], ["dead-letters", "replay"],
                                     ["dead-letters", "rm"]])
def test_help_has_an_example(daemon, command):
    result = daemon.tracelink(*command, "--help")
    assert result.code == DONE and "Example" in result.out


def test_config_check_names_every_error_with_its_place(daemon):
    assert daemon.tracelink("config", "check").code == DONE
    broken = daemon.folder / "broken.yaml"
    broken.write_text("model: {nmae: agent}\nqueue: {max_bytes: many}\n")
    result = daemon.tracelink("config", "check", broken)
    assert result.code == FAILED
    assert f"{broken}:1:" in result.err and "model.nmae" in result.err and "model.name" in result.err
    assert f"{broken}:2:" in result.err and "queue.max_bytes" in result.err


def test_config_check_as_json(daemon):
    well = daemon.tracelink("config", "check", "--json").json()
    assert (well["ok"], well["file"], well["errors"]) == (True, str(daemon.config_file), [])
    broken = daemon.folder / "broken.yaml"
    broken.write_text("model: {name: agent}\nqueue: {max_bytes: many}\n")
    result = daemon.tracelink("config", "check", broken, "--json")
    told = json.loads(result.out)
    assert (result.code, result.err, told["ok"]) == (FAILED, "", False)
    [error] = told["errors"]
    assert (error["source"], error["line"], error["column"], error["key"]) == (str(broken), 2, 20, "queue.max_bytes")
    assert error["message"].startswith('found "many", allowed: a size')
    [warning] = told["warnings"]
    assert (warning["source"], warning["line"], warning["key"]) == ("configuration", None, "tracking.uri")


def test_config_check_warns_of_credentials_that_only_the_service_has(daemon):
    file = daemon.folder / "service.yaml"
    secret = "${file:/run/credentials/none.service/token}"
    file.write_text(f'model: {{name: agent}}\ntracking: {{uri: "http://127.0.0.1:9", token: "{secret}"}}\n')
    result = daemon.tracelink("config", "check", file)
    assert (result.code, result.out) == (DONE, f"{file}: ok but for that\n")
    assert result.err.startswith(f"warning: {file}:2:") and f"tracking.token: {secret} is not there" in result.err
    assert "systemd hands it to the service alone" in result.err
    file.write_text(file.read_text() + "queue: {max_bytes: many}\n")
    assert daemon.tracelink("config", "check", file).code == FAILED


def test_config_show_has_origins_and_no_secrets(daemon):
    result = daemon.tracelink("config", "show", TRACELINK_QUEUE__MAX_BYTES="5GiB")
    assert result.code == DONE
    assert "very-secret" not in result.out + result.err
    [line] = [line for line in result.out.splitlines() if line.startswith("queue.max_bytes =")]
    assert "TRACELINK_QUEUE__MAX_BYTES" in line
    [line] = [line for line in result.out.splitlines() if line.startswith("model.name =")]
    assert "agent" in line and daemon.config_file.name in line


def test_config_show_tells_what_is_known_beside_a_mistake(daemon, folder):
    file = folder / "mistaken.yaml"
    file.write_text("state_dir: /srv/state\nqueue: {max_bytes: many}\nlog: {level: debug}\n")
    result = daemon.tracelink("config", "show", "--json", file)
    assert result.code == FAILED
    assert f"error: {file}:2:20: queue.max_bytes: found" in result.err and "model.name: no model" in result.err
    shown = json.loads(result.out)
    assert shown["state_dir"] == {"value": "/srv/state", "origin": f"{file}:1"}
    assert shown["log.level"]["value"] == "debug"
    assert shown["queue.max_bytes"] == {"value": "10GiB", "origin": "default"}
    assert "log.level = debug" in daemon.tracelink("config", "show", file).out


def test_a_port_that_the_kernel_chose_is_told(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.config["listen"]["tcp"] = "127.0.0.1:0"
    daemon.configure({})
    daemon.start()
    address = daemon.tracelink("env", "--tcp", "--json").json()["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
    sent = requests.post(address, data=otlp_json(make_trace()), headers={"Content-Type": "application/json"}, timeout=300)
    assert sent.status_code == 200
    assert daemon.spans()["accepted"] == SPANS_PER_TRACE
    assert f"http://{daemon.status()['sockets']['tcp']}/v1/traces" == address


def test_env_and_run_point_a_program_at_the_socket(daemon):
    expected = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"unix://{daemon.socket}",
                "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true"}
    printed = dict(line.split("=", 1) for line in daemon.tracelink("env").out.splitlines())
    assert printed == printed | expected
    assert daemon.tracelink("env", "--json").json() == printed
    result = daemon.tracelink("run", "--", "sh", "-c", "env; exit 7")
    assert result.code == 7, "the program's own exit code"
    seen = dict(line.split("=", 1) for line in result.out.splitlines() if "=" in line)
    assert seen == seen | expected
    assert daemon.tracelink("run", "--", "/no/such/program").code == FAILED


def test_env_is_evaluated_by_a_shell(daemon):
    tracelink = f"{BIN / 'tracelink'} --config {daemon.config_file}"
    awkward = "it's a \"test\" $HOME"

    def shell(command: str, **variables: str):
        return subprocess.run(["sh", "-c", command], env=daemon.environment | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    shown = shell(f'eval "$({tracelink} env --shell --model x)" && printenv OTEL_RESOURCE_ATTRIBUTES OTEL_METRICS_EXPORTER OTEL_LOGS_EXPORTER',
                  OTEL_RESOURCE_ATTRIBUTES=f"a={awkward}", OTEL_LOGS_EXPORTER="console")
    assert shown.stdout.splitlines() == [f"a={awkward},mlflow.modelName=x", "none", "console"], shown.stderr
    for wrong in ("--model m-0123", "--modle x"):
        refused = shell(f'eval "$({tracelink} env --shell {wrong})" && echo went on')
        assert (refused.returncode, refused.stdout, bool(refused.stderr)) == (1, "", True), wrong
    assert daemon.tracelink("run", "--model", "m-0123", "--", "true").code == USAGE
    daemon.sigkill()
    gone = shell(f'eval "$({tracelink} env --shell)" && echo went on')
    assert (gone.returncode, gone.stdout) == (1, "") and "tracelink: " in gone.stderr


def test_sdks_without_unix_sockets_get_the_loopback_listener(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.start()
    refused = daemon.tracelink("env", "--tcp")
    assert refused.code == FAILED and "set listen.tcp" in refused.err
    address = f"127.0.0.1:{free_port()}"
    daemon.configure({"listen": {"socket": {"path": str(daemon.socket)}, "tcp": address}})
    daemon.restart()
    printed = dict(line.split("=", 1) for line in daemon.tracelink("env", "--tcp").out.splitlines())
    assert printed["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == f"http://{address}/v1/traces"
    assert printed["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"


def test_a_program_is_started_without_the_daemon_with_a_warning(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    run = daemon.tracelink("run", "--", "printenv", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    assert (run.code, run.out) == (0, f"unix://{daemon.socket}\n"), "where the daemon will be"
    assert "tracelink: starting printenv all the same: its traces may be lost" in run.err


def test_a_check_of_the_status_is_a_line_and_an_exit_code(make_daemon):
    archive = make_daemon({"destination": "file", "model": {"name": "agent"}})
    archive.start()
    well = archive.tracelink("status", "--check")
    assert (well.code, well.out.split(" spans")[0]) == (DONE, "ok: 0")
    assert archive.tracelink("status", "--check", "--json").json() == {"ok": True, "troubles": []}
    archive.sigkill()
    assert archive.tracelink("status", "--check").code == UNREACHABLE
    nowhere = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}"}})
    nowhere.start()
    wait_until("the server is known to be down", lambda: nowhere.status()["server"]["state"] == "down")
    unwell = nowhere.tracelink("status", "--check")
    assert unwell.code == FAILED and unwell.out == f"attention: server: {nowhere.config['tracking']['uri']} is down\n"
    as_json = nowhere.tracelink("status", "--check", "--json")
    assert as_json.code == FAILED and json.loads(as_json.out) == {"ok": False, "troubles": [unwell.out[len("attention: "):-1]]}


def test_the_status_is_watched_until_it_is_interrupted(daemon):
    watching = subprocess.Popen([BIN / "tracelink", "--config", daemon.config_file, "status", "--watch"], env=daemon.environment,
                                stdout=subprocess.PIPE, text=True,
                                # A shell's background job, and what it starts, ignores the signal.
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    headers = (line for line in watching.stdout if line.startswith("tracelinkd "))
    assert len(list(itertools.islice(headers, 2))) == 2
    watching.send_signal(signal.SIGINT)
    assert watching.wait(timeout=300) == -signal.SIGINT


def test_send_takes_json_lines_and_protobuf(daemon):
    lines = daemon.folder / "traces.jsonl"
    lines.write_bytes(otlp_json(make_trace()) + b"\r\n\n" + otlp_json(make_trace()))
    assert daemon.tracelink("send", lines).code == DONE
    request = daemon.folder / "request.bin"
    request.write_bytes(make_trace().request.SerializeToString())
    assert daemon.tracelink("send", request).code == DONE
    assert daemon.tracelink("send", "-", input=otlp_json(make_trace()).decode()).code == DONE
    pretty = json.dumps(json.loads(otlp_json(make_trace())), indent=2)
    assert daemon.tracelink("send", "-", input="\ufeff" + pretty).code == DONE
    assert daemon.spans()["accepted"] == 5 * SPANS_PER_TRACE
    assert daemon.tracelink("send", "-", input="{bad json").code == FAILED
    cut = daemon.tracelink("send", "-", input=pretty[:-3])
    assert cut.code == FAILED and cut.err.count("HTTP 400: ") == 1
    text = daemon.tracelink("send", "-", input="no request")
    assert text.code == FAILED and "HTTP 400: " in text.err and "sent as a protobuf request" in text.err


def test_send_says_how_many_spans_were_stored_and_fails_without_any(daemon):
    sent = daemon.tracelink("send", "-", input=otlp_json(make_trace()).decode())
    assert sent.out == f"{SPANS_PER_TRACE} spans in 1 requests stored\n"
    lines = "\n".join(['{"resourceLogs":[]}', otlp_json(make_trace()).decode(), "{}"])
    some = daemon.tracelink("send", "-", input=lines)
    assert some.code == FAILED and "line 1: no spans" in some.err and "line 3: no spans" in some.err
    assert some.out == f"{SPANS_PER_TRACE} spans in 1 requests stored\n"
    for nothing in ('{"resourceLogs":[]}', '{"resourcespans":[]}', "{}"):
        assert daemon.tracelink("send", "-", input=nothing).code == FAILED
    as_json = daemon.tracelink("send", "-", "--json", input=otlp_json(make_trace()).decode())
    assert as_json.json() == {"requests": 1, "spans": SPANS_PER_TRACE}
    assert daemon.spans()["accepted"] == 3 * SPANS_PER_TRACE


def with_first_span(**changes) -> dict:
    """A request as JSON whose first span has these values."""
    request = json.loads(otlp_json(make_trace()))
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= changes
    return request


def test_send_counts_neither_rejected_spans_nor_more_than_there_are(daemon):
    rejected = daemon.tracelink("send", "-", input="\n".join(["{}", json.dumps(with_first_span(kind=1 << 32))]))
    assert rejected.code == FAILED and "line 2: rejected spans: " in rejected.err
    assert rejected.out == f"{SPANS_PER_TRACE - 1} spans in 1 requests stored\n"
    repaired = daemon.tracelink("send", "-", input=json.dumps(with_first_span(name="\ud83e")))
    assert (repaired.code, repaired.out) == (DONE, f"{SPANS_PER_TRACE} spans in 1 requests stored\n"), repaired.err
    assert daemon.spans()["accepted"] == 2 * SPANS_PER_TRACE - 1


def test_send_says_what_is_stored_of_a_request_with_rejected_spans(daemon):
    stored = f"{SPANS_PER_TRACE - 1} spans in 1 requests stored\n"
    document = daemon.tracelink("send", "-", input=json.dumps(with_first_span(kind=1 << 32)))
    assert (document.code, document.out) == (FAILED, stored) and "rejected spans: " in document.err
    trace = make_trace()
    trace.request.resource_spans[0].scope_spans[0].spans[0].trace_id = b""
    request = daemon.folder / "request.bin"
    request.write_bytes(trace.request.SerializeToString())
    protobuf = daemon.tracelink("send", request)
    assert (protobuf.code, protobuf.out) == (FAILED, stored) and "some spans were rejected: " in protobuf.err
    assert daemon.spans()["accepted"] == 2 * (SPANS_PER_TRACE - 1)


def test_send_says_what_was_stored_before_the_daemon_was_gone(make_daemon):
    class Ending(unix_http.Handler):
        left = 1

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if Ending.left == 0:
                return
            Ending.left -= 1
            self.answer(200, b"{}")
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    with unix_http.serving(daemon.socket, Ending):
        sent = daemon.tracelink("send", "-", input="\n".join(otlp_json(make_trace()).decode() for _ in range(3)))
    assert (sent.code, sent.out) == (UNREACHABLE, f"{SPANS_PER_TRACE} spans in 1 requests stored\n")
    assert sent.err.startswith("tracelink: line 2: ") and "line 3" not in sent.err


@pytest.mark.parametrize("arguments", [["--version"], ["status", "--json"], ["status", "--watch"], ["dead-letters", "ls", "--json"], ["env"]])
def test_what_could_not_be_written_is_not_done(daemon, arguments):
    command = [BIN / "tracelink", "--config", daemon.config_file, *arguments]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, env=daemon.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert ended.returncode == FAILED
    assert ended.stderr == "tracelink: standard output: not all could be written\n"


def test_dead_letters_of_a_healthy_daemon_are_none(daemon):
    assert daemon.tracelink("dead-letters", "ls", "--json").json() == []
    assert daemon.tracelink("dead-letters", "show", "no-such-id").code == FAILED


def test_models_work_without_a_daemon(server, make_daemon):
    server.start()
    daemon = make_daemon({"experiment": {"name": "ci"}, "tracking": {"uri": server.uri}})
    assert daemon.tracelink("models", "get", "nobody").code == FAILED
    created = daemon.tracelink("models", "create", "--name", "release-7", "--model-type", "agent", "--param", "llm=gpt-4o",
                               "--param", "temperature=0.7", "--tag", "team=ml", "--experiment-name", "ci", "--json").json()
    assert created["status"] == "READY"
    assert created.keys() >= {"model_id", "name", "experiment_id", "creation_timestamp", "last_updated_timestamp",
                              "model_type", "source_run_id", "status", "tags", "params", "model_uri"}
    stored = server.model(created["model_id"])
    assert stored["status"] == "LOGGED_MODEL_READY"
    assert created["params"] == stored["params"] == {"llm": "gpt-4o", "temperature": "0.7"}
    assert created["tags"]["team"] == stored["tags"]["team"] == "ml"
    assert created["creation_timestamp"] > 10**12, "milliseconds"

    for key in (created["model_id"], "release-7"):
        assert daemon.tracelink("models", "get", key, "--json").json()["model_id"] == created["model_id"]
    listed = daemon.tracelink("models", "list", "--experiment-name", "ci", "--json").json()
    assert [model["name"] for model in listed] == ["release-7"]
    unknown = daemon.tracelink("models", "list", "--experiment-id", "999")
    assert unknown.code == FAILED and "999" in unknown.err
    refused = daemon.tracelink("models", "create", "--name", "a/b", "--experiment-name", "ci",
                               TRACELINK_MODEL__NAME_POLICY="exact")
    assert refused.code == FAILED and "a/b" in refused.err
    server.kill()
    assert daemon.tracelink("models", "list", "--experiment-name", "ci").code == UNREACHABLE
