"""MLflow's own SDK with tracelinkd as its tracking server: what it stores is what it stores without it, the server up or down."""

import itertools
import json
import re
import subprocess
from datetime import datetime
from typing import Callable

import pytest
import requests

from harness.daemon import Daemon
from harness.mlflow_server import ADMIN, MlflowServer
from harness.places import APPS, ENVIRONMENTS, LATEST, NEWEST, OLDER, clean_environment, versions
from harness.stored_trace import differences
from harness.waiting import wait_until
from test_differential import ATTEMPTS, CASES, METADATA, SIZES, Trace, read, reference, run_cases, run_directly

SYNC = {"MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false"}
ASYNC = {"MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "true"}

LOST_SPANS = "integers_beyond_64_bits"

KNOWN = {
    r"info\.tags\.tracelink\.version": "MLflow's own pages show tags, not models: the daemon names the version in one",
    METADATA + r"mlflow\.trace\.tokenUsage": "the SDK's totals meet the server's own sum below 3.12: right, doubled or short",
    r"info\.execution_duration_ms": "the server widens a trace to its spans when they come after the trace info",
    SIZES + r"(Bytes|Stats\.total_size_bytes)": "the SDK counts what it knows: the link that the daemon adds is not among it",
}
# Directly: that SDK sends the spans first, and its server takes no info where they told a session (docs/mlflow-servers.md#order-of-info-and-spans).
WITHOUT_INFO = {"3.9.0": {"session_and_user", "session_and_user_of_a_child"}}


SUPPORT = {"MLFLOW_EXPERIMENT_NAME": "support"}


def variables_of(daemon: Daemon) -> dict[str, str]:
    return dict(line.split("=", 1) for line in daemon.tracelink("env").out.splitlines())


def run_through(daemon: Daemon, command: list = CASES, **environment: str) -> list[dict]:
    """With what `tracelink env` says; the other variables are the deployment's."""
    variables = variables_of(daemon)
    assert variables["MLFLOW_TRACKING_URI"] == daemon.front
    return run_cases(command, **variables | environment)


def spans_of(made: list[dict]) -> int:
    """Those that the SDK sends: it cannot write integers beyond 64 bits, and loses the span that has some on every road."""
    return sum(len(trace["times"]) - (trace["case"] == LOST_SPANS) for trace in made)


def unexplained(ours: dict[str, Trace], theirs: dict[str, Trace], known: dict[str, str] = KNOWN, without_info: set[str] = frozenset()) -> list[str]:
    found = []
    assert ours.keys() == theirs.keys()
    for case, trace in ours.items():
        if case == LOST_SPANS:
            continue
        assert trace.fields, f"{case} cannot be read"
        assert trace.fields[METADATA + "mlflow.modelId"] == "<model id>", case
        if case in without_info:
            assert METADATA + "mlflow.modelId" not in theirs[case].fields, f"{case} is whole: compare it"
            continue
        for field, (mine, direct) in differences(trace.fields, theirs[case].fields or {}).items():
            if not any(re.fullmatch(fields, field) for fields in known):
                found.append(f"{case}: {field}: through tracelinkd {mine!r}, directly {direct!r}")
    return found


@pytest.mark.parametrize("version", versions("3.6.0", OLDER, LATEST))
def test_nothing_differs_from_what_the_sdk_stores_directly(make_server, front_of, version):
    """In the SDK's synchronous mode: in the other one a span that it cannot write takes with it what was to be sent beside it."""
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model_id = daemon.wait_for_model()["id"]
    made = run_through(daemon, **SUPPORT | SYNC)
    daemon.wait_for_spans(accepted=spans_of(made), delivered=spans_of(made), queued=0)
    direct = run_directly(server, model_id)
    names = {model_id: "<model id>"}
    found = unexplained(read(server, made, names), read(server, direct, names), without_info=WITHOUT_INFO.get(version, set()))
    assert not found, "\n".join(found)


WAYS = APPS / "mlflow_ways.py"
OF_ANOTHER_MODEL = ("a thread with a model", "a block with a model", "a created model")


@pytest.mark.parametrize("mode", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("version", versions("3.6.0", OLDER, LATEST))
def test_each_way_of_tracing_ends_as_a_direct_one(make_server, front_of, version, mode):
    """By the client of the server's own version."""
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model_id = daemon.wait_for_model()["id"]
    command = [ENVIRONMENTS[version] / "bin/python", WAYS]
    made = run_through(daemon, command, **SUPPORT | mode)
    spans = sum(trace["spans"] for trace in made)
    daemon.wait_for_spans(accepted=spans, delivered=spans, queued=0)
    direct = run_directly(server, model_id, command)
    names = {model_id: "<model id>"} | {value: f"<{word}>" for trace in made + direct for word, value in trace["names"].items()}
    ours, theirs = read(server, made, names), read(server, direct, names)
    found = [f"{way}: {field}: {pair}" for way, trace in ours.items()
             for field, pair in differences(trace.fields, theirs[way].fields or {}).items()
             if not any(re.fullmatch(fields, field) for fields in KNOWN)]
    assert not found, "\n".join(found)
    linked = {way for way, trace in ours.items() if trace.fields[METADATA + "mlflow.modelId"] == "<model id>"}
    assert ours.keys() - linked == set(OF_ANOTHER_MODEL)


def test_what_was_traced_while_the_server_was_away_is_all_there(make_server, front_of):
    """The server is away from before the application starts until it has ended, and the daemon is killed in between."""
    server = make_server(LATEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model_id = daemon.wait_for_model()["id"]
    direct = run_directly(server, model_id)
    server.kill()
    made = run_through(daemon, **SUPPORT | SYNC)
    daemon.wait_for_spans(accepted=spans_of(made), delivered=0)
    daemon.sigkill()
    daemon.start()
    server.start()
    daemon.wait_for_spans(accepted=spans_of(made), delivered=spans_of(made), queued=0)
    names = {model_id: "<model id>"}
    assert not (found := unexplained(read(server, made, names), read(server, direct, names))), "\n".join(found)


OWN_TAGS = ("tracelink.version", "mlflow.artifactLocation")


def run_changes(version: str, halfway=lambda: None, **environment: str) -> dict:
    process = subprocess.Popen(
        [ENVIRONMENTS[version] / "bin/python", APPS / "mlflow_changes.py"],
        env=clean_environment(GIT_PYTHON_REFRESH="quiet", MLFLOW_EXPERIMENT_NAME="support", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
                              MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false") | environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout.readline() == "halfway\n":
        halfway()
    out, errors = process.communicate("\n", timeout=600)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(out.splitlines()[-1])


def change_directly(server: MlflowServer, version: str) -> dict:
    return reference(server, lambda: run_changes(version, MLFLOW_TRACKING_URI=server.uri), lambda made: [made["trace_id"]])


def trace_info(server: MlflowServer, trace_id: str) -> dict | None:
    answer = requests.get(f"{server.uri}/api/3.0/mlflow/traces/{trace_id}", timeout=300)
    assert answer.status_code in (200, 404), answer.text
    return answer.json()["trace"]["trace_info"] if answer.ok else None


def changed(server: MlflowServer, made: dict) -> dict:
    """What a server has of the trace that changes, with words for what differs by run."""
    info = trace_info(server, made["trace_id"])
    assert info, f"{made['trace_id']} is not there"
    for item in info["assessments"]:
        # A time is written without a fraction when it has none, so that texts have another order.
        created, updated = (datetime.fromisoformat(item.pop(key)) for key in ("create_time", "last_update_time"))
        assert created <= updated
        item["is_updated"] = created < updated
        if item["assessment_name"] != "inside":
            assert item["assessment_id"] in made["ids"]
        del item["assessment_id"]
    text = json.dumps({"tags": {key: value for key, value in info["tags"].items() if key not in OWN_TAGS},
                       "assessments": sorted(info["assessments"], key=lambda item: item["assessment_name"]),
                       "deleted": trace_info(server, made["deleted"]) is None})
    return json.loads(text.replace(made["trace_id"], "<trace id>"))


def sees_its_own_changes(made: dict, direct: dict) -> None:
    """The application reads back the same through the daemon as directly."""
    for key in ("deletions", "updated", "spans", "assessments"):
        assert made[key] == direct[key], key
    assert made["tags"]["changed"] == "new" and "gone" not in made["tags"]


def attached(server: MlflowServer, made: dict) -> dict[str, bytes]:
    """What the server has of the attachments of the trace that changes."""
    location = trace_info(server, made["trace_id"])["tags"]["mlflow.artifactLocation"]
    folder = f"{location.removeprefix('mlflow-artifacts:/')}/attachments"
    listed = requests.get(f"{server.uri}/api/2.0/mlflow-artifacts/artifacts", params={"path": folder}, timeout=60)
    return {file["path"]: requests.get(f"{server.uri}/api/2.0/mlflow-artifacts/artifacts/{folder}/{file['path']}", timeout=60).content
            for file in listed.json().get("files", [])}


def balance_of_changes(daemon: Daemon) -> dict[str, int]:
    """The terms that are not 0."""
    sdk = daemon.status()["mlflow_sdk"]
    terms = {term: sdk[f"{term}_changes"] for term in ("accepted", "delivered", "queued", "dead_lettered", "damaged")} | sdk["dropped_changes"]
    assert 2 * terms["accepted"] == sum(terms.values()), terms
    return {term: count for term, count in terms.items() if count != 0}


def wait_for_changes(daemon: Daemon, expected: int) -> None:
    def reached():
        sdk = daemon.status()["mlflow_sdk"]
        return sdk if sdk["delivered_changes"] + sdk["dead_lettered_changes"] >= expected else None
    assert wait_until("the changes are delivered", reached, state=daemon.log_tail)["dead_lettered_changes"] == 0
    daemon.wait_for_spans(queued=0)


@pytest.mark.parametrize("version", versions("3.6.0", LATEST))
def test_changes_end_as_those_that_the_sdk_makes_directly(make_server, front_of, version):
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    made = run_changes(version, **variables_of(daemon))
    wait_for_changes(daemon, made["changes"] + made["attachments"])
    direct = change_directly(server, version)
    assert daemon.status()["mlflow_sdk"]["accepted_changes"] == made["changes"] + made["attachments"]
    assert changed(server, made) == changed(server, direct)
    sees_its_own_changes(made, direct)


@pytest.mark.parametrize("version", versions(OLDER, NEWEST))
def test_changes_made_while_the_server_is_away_are_all_made(make_server, front_of, version):
    """From before the application starts until it has ended; the daemon is killed halfway, again when all is accepted, and when all is made."""
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    direct = change_directly(server, version)
    server.kill()

    def kill_daemon():
        daemon.sigkill()
        daemon.start()
    made = run_changes(version, kill_daemon, **variables_of(daemon))
    daemon.sigkill()
    daemon.start()
    changes = made["changes"] + made["attachments"]
    assert balance_of_changes(daemon) == {"accepted": changes, "queued": changes}
    server.start()
    wait_for_changes(daemon, changes)
    assert balance_of_changes(daemon) == {"accepted": changes, "delivered": changes}
    assert changed(server, made) == changed(server, direct)
    assert sorted(attached(server, made).values()) == made["attachments"] // 4 * [b"", bytes(range(256))]
    daemon.sigkill()
    daemon.start()
    wait_for_changes(daemon, changes)
    assert balance_of_changes(daemon) == {"accepted": changes, "delivered": changes}


def tell(daemon: Daemon, number: int, second: int) -> str:
    """The name of a trace that begins at that second and has no spans."""
    name = f"tr-{number:032x}"
    answer = requests.post(f"{daemon.front}/api/3.0/mlflow/traces", timeout=60, json={"trace": {"trace_info": {
        "trace_id": name, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
        "request_time": f"2026-01-01T00:00:{second:02}Z", "state": "OK", "trace_metadata": {}, "tags": {}}}})
    assert answer.status_code == 200, answer.text
    return name


def test_a_deletion_by_time_that_waits_takes_what_is_here_and_what_is_there(make_server, front_of):
    """The server is away, and the daemon is killed before it is back."""
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    there = tell(daemon, 1, second=10)
    wait_until("the first trace is delivered", lambda: trace_info(server, there), state=daemon.log_tail)
    server.kill()
    here, later = tell(daemon, 2, second=20), tell(daemon, 3, second=21)
    answer = requests.post(f"{daemon.front}/api/2.0/mlflow/traces/delete-traces", timeout=60,
                           json={"experiment_id": "0", "max_timestamp_millis": 1767225620000})
    assert answer.json() == {"traces_deleted": 2}  # the daemon remembers the first one, too
    daemon.sigkill()
    daemon.start()
    server.start()
    wait_until("the deletions are made", lambda: daemon.status()["mlflow_sdk"]["delivered_changes"] == 3, state=daemon.log_tail)
    wait_until("the last trace is delivered", lambda: trace_info(server, later), state=daemon.log_tail)
    assert [trace_info(server, name) for name in (there, here)] == [None, None]


@pytest.mark.parametrize("name", ["tr-1234", "mine", "tr-" + "A" * 32])
def test_a_trace_of_another_name_is_what_the_server_makes_of_it(make_server, front_of, name):
    """It is passed on, as nothing but the server can keep it."""
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    seen = []
    for uri in (server.uri, daemon.front):
        told = requests.post(f"{uri}/api/3.0/mlflow/traces", timeout=60, json={"trace": {"trace_info": {
            "trace_id": name, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
            "request_time": "2026-01-01T00:00:00Z", "state": "OK", "trace_metadata": {"own": "1"}, "tags": {}}}})
        tagged = requests.patch(f"{uri}/api/2.0/mlflow/traces/{name}/tags", timeout=60, json={"key": "team", "value": "ml"})
        read = requests.get(f"{uri}/api/3.0/mlflow/traces/{name}", timeout=60)
        deleted = requests.post(f"{uri}/api/2.0/mlflow/traces/delete-traces", timeout=60, json={"experiment_id": "0", "request_ids": [name]})
        seen.append([(answer.status_code, answer.json()) for answer in (told, tagged, read, deleted)])
    assert seen[0] == seen[1]
    assert [status for status, _ in seen[1]] == [200] * 4
    assert seen[1][2][1]["trace"]["trace_info"]["trace_id"] == name
    assert daemon.status()["mlflow_sdk"]["accepted_infos"] == 0


def test_a_queued_trace_is_read_as_it_was_sent(make_server, front_of):
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    direct = change_directly(server, NEWEST)
    server.kill()
    made = run_changes(NEWEST, **variables_of(daemon))
    sees_its_own_changes(made, direct)
    deleted = requests.get(f"{daemon.front}/api/3.0/mlflow/traces/{made['deleted']}", timeout=300)
    assert (deleted.status_code, deleted.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_change_of_a_trace_that_the_server_does_not_know_is_a_dead_letter_that_says_so(make_server, front_of):
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    tags = f"{daemon.front}/api/2.0/mlflow/traces/tr-{'7' * 32}/tags"
    assert requests.patch(tags, json={"key": "team", "value": "ml"}, timeout=300).json() == {}

    def letters():
        return daemon.tracelink("dead-letters", "ls", "--json").json()
    letter = wait_until("there is a dead letter", letters)[0]
    assert letter["reason"].startswith(f"the server refuses it: it does not know tr-{'7' * 32}, which was to be changed: ")
    shown = daemon.tracelink("dead-letters", "show", letter["id"]).json()
    assert shown["trace_change"] == {"kind": "set_tag", "body": {"key": "team", "value": "ml"}}


def run_app(daemon: Daemon, version: str, **environment: str) -> dict:
    variables = dict(line.split("=", 1) for line in daemon.tracelink("env").out.splitlines())
    finished = subprocess.run(
        [ENVIRONMENTS[version] / "bin/python", APPS / "mlflow_sdk.py"],
        env=clean_environment(GIT_PYTHON_REFRESH="quiet", MLFLOW_EXPERIMENT_NAME="support") | variables | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])


def read_in_time(run: Callable[[], dict]) -> tuple[dict, int]:
    """What the application mlflow_sdk.py reads back, and how many ran. A read waits 5 s until the server has its trace
    (docs/limits.md); on a busy machine, which takes longer, the application is run again."""
    for number in range(1, ATTEMPTS + 1):
        seen = run()
        if seen["took_s"] < 5:
            break
    return seen, number


@pytest.mark.parametrize("mode", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("version", versions(OLDER, NEWEST))
def test_an_application_sees_what_it_has_written(make_server, front_of, version, mode):
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model_id = daemon.wait_for_model()["id"]
    seen, applications = read_in_time(lambda: run_app(daemon, version, **mode))
    assert seen["spans"] == ["answer", "step"]
    assert (seen["tags"]["team"], seen["tags"]["later"]) == ("ml", "yes")
    assert seen["client_request_id"] == "request-7"
    expected = {"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada", "own": "1", "mlflow.modelId": model_id}
    assert seen["metadata"] == seen["metadata"] | expected
    assert [name for name, _ in seen["assessments"]] == ["expected", "good"]
    assert seen["trace_id"] in seen["found"]
    assert daemon.status()["mlflow_sdk"]["accepted_infos"] == applications


def test_the_model_that_the_application_chose_is_obeyed(make_server, front_of):
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    other = daemon.tracelink("models", "create", "--name", "other", "--id-only").out.strip()
    assert run_app(daemon, NEWEST, ACTIVE_MODEL=other)["metadata"]["mlflow.modelId"] == other


def test_without_the_server_an_application_starts_and_what_needs_it_is_told_so(front_of, make_server):
    """The daemon has never met the server."""
    daemon = front_of(make_server(NEWEST))
    daemon.start()
    made = run_through(daemon, MLFLOW_EXPERIMENT_ID="0", **SYNC)
    daemon.wait_for_spans(accepted=spans_of(made), delivered=0)
    assert requests.get(f"{daemon.front}/version", timeout=300).text == "3.6.0"
    answer = requests.post(f"{daemon.front}/api/3.0/mlflow/traces/search", json={}, timeout=300)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "cannot be reached" in answer.json()["message"]


def test_what_is_passed_on_has_the_applications_own_credentials(authenticating_server, front_of):
    daemon = front_of(authenticating_server)
    daemon.configure({"tracking": {"uri": authenticating_server.uri, "username": ADMIN[0], "password": ADMIN[1]}})
    daemon.start()
    daemon.wait_for_model()
    path = f"{daemon.front}/api/2.0/mlflow/experiments/search?max_results=5"
    assert requests.get(path, timeout=300).status_code == 401
    assert requests.get(path, auth=ADMIN, timeout=300).status_code == 200


def test_a_large_artifact_passes_both_ways(make_server, front_of):
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    content = bytes(range(256)) * 4096 * 24  # 24 MiB
    url = f"{daemon.front}/api/2.0/mlflow-artifacts/artifacts/0/large"
    assert requests.put(url, data=content, timeout=300).status_code == 200
    assert requests.get(url, timeout=300).content == content


def test_the_variables_point_mlflows_sdk_at_the_listener_and_others_at_the_socket(make_server, front_of):
    daemon = front_of(make_server(NEWEST))
    daemon.start()
    printed = daemon.tracelink("env", "--json").json()
    assert (printed["MLFLOW_TRACKING_URI"], printed["MLFLOW_ENABLE_OTLP_EXPORTER"]) == (daemon.front, "false")
    assert printed["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == f"unix://{daemon.socket}"
    assert daemon.front.removeprefix("http://") in daemon.tracelink("status").out


def run_evaluation(uri: str, experiment: str, name: str) -> str:
    """The id of the model whose traces `mlflow.genai.evaluate` has judged with scorers that are plain Python."""
    finished = subprocess.run(
        [ENVIRONMENTS[NEWEST] / "bin/python", APPS / "evaluate_versions.py", experiment, name],
        env=clean_environment(GIT_PYTHON_REFRESH="quiet", MLFLOW_TRACKING_URI=uri, MLFLOW_ENABLE_OTLP_EXPORTER="false"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])[0]


def judged(server: MlflowServer, experiment: str, model_id: str) -> list:
    """What the server has of the traces of a model, without what differs by run."""
    found = requests.post(f"{server.uri}/api/3.0/mlflow/traces/search", timeout=60, json={
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}],
        "filter": f"request_metadata.`mlflow.modelId` = '{model_id}'", "max_results": 100})
    assert found.ok, found.text
    return sorted([info["request_preview"], info["response_preview"], info["state"], sorted(info["trace_metadata"]),
                   sorted(key for key in info["tags"] if key not in OWN_TAGS),
                   sorted([item["assessment_name"], item["source"]["source_type"], item["feedback"]["value"], sorted(item.get("metadata", {}))]
                          for item in info.get("assessments", []))]
                  for info in found.json()["traces"])


@pytest.mark.long
def test_an_evaluation_ends_as_a_direct_one(make_server, front_of):
    server = make_server(NEWEST)
    server.start()
    experiment = server.create_experiment("support")
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    through = run_evaluation(daemon.front, experiment, "through")
    daemon.wait_for_spans(queued=0)
    names = map("direct-{}".format, itertools.count())
    direct = reference(server, lambda: run_evaluation(server.uri, experiment, next(names)),
                       lambda model: [info["trace_id"] for info in server.linked_traces(experiment, model)])
    expected = judged(server, experiment, direct)
    assert len(expected) == 6
    assert judged(server, experiment, through) == expected
