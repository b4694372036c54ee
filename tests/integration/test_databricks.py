"""destination: a Databricks workspace, modelled by harness/databricks_workspace.py, which MLflow's own client takes for one."""

import http.server
import json
import subprocess
import threading

import pytest

from harness.databricks_workspace import CLIENT, LOCATION, SCHEMA, TABLES, TOKEN, Fault, Refusal, Workspace
from harness.loopback_server import LoopbackServer
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import APPS, ENVIRONMENTS, LATEST, NEWEST, PATIENT, clean_environment
from harness.ports import free_port
from harness.waiting import wait_until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

COUNT = 2

# What differs between the trace that MLflow's client stores and the one that tracelinkd stores of the same application.
ESTIMATES = ("mlflow.trace.sizeBytes", "mlflow.trace.sizeStats")
OF_THE_SDK = ("mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit", "mlflow.source.git.branch",
              "mlflow.source.git.repoURL")
KNOWN = ({f"metadata.{key}": "the size of the whole trace is an estimate" for key in ESTIMATES}
         | {f"metadata.{key}": "OTLP does not carry the SDK's user, source file and git facts" for key in OF_THE_SDK}
         | {f"metadata.mlflow.trace.{key}": "the daemon makes metadata of the root's attributes, the client does not" for key in ("user", "session")}
         | {"tags.tracelink.version": "the daemon says the version where MLflow's list of traces shows it"})


CLIENTS = [NEWEST, *(pytest.param(version, marks=pytest.mark.long) for version in (LATEST, "3.14.0", "3.11.1"))]
SPANS = ("answer", "plan", "retrieve", "chat")
OF_THE_SENDER = {"3.11.1": {f"span {name}.mlflow.spanLogLevel": "an attribute of later SDKs, one of which sends to the daemon" for name in SPANS}}
BEFORE_3_18 = {f"span {name}.kind": "the client does not write it; the daemon does, as 3.18" for name in SPANS}
SENDER = {"3.11.1": NEWEST}  # whose environment has an OTLP exporter, where the client's has none
STORAGES = pytest.mark.parametrize("experiment", ["2", "1"], ids=["unity-catalog", "experiment"])
ALL_STORAGES = pytest.mark.parametrize("experiment", ["2", "3", "1", "4"], ids=["unity-catalog", "schema", "experiment", "volume"])
PLACES = {"2": LOCATION, "3": SCHEMA}  # in Unity Catalog


@pytest.fixture
def workspace():
    workspace = Workspace()
    yield workspace
    workspace.close()


def run(version: str, program: str, *arguments, **environment: str) -> list:
    """What the program writes, under that version of MLflow."""
    done = subprocess.run([ENVIRONMENTS[version] / "bin/python", APPS / program, *map(str, arguments)], env=clean_environment() | environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def as_client(workspace: Workspace, folder, **more: str) -> dict[str, str]:
    return {"MLFLOW_TRACKING_URI": "databricks", "DATABRICKS_HOST": workspace.host, "DATABRICKS_TOKEN": TOKEN, "HOME": str(folder),
            "MLFLOW_TRACING_SQL_WAREHOUSE_ID": "wh-1", "MLFLOW_DISABLE_TELEMETRY": "true"} | more


def daemon_of(make_daemon, workspace: Workspace, experiment: str, **more):
    daemon = make_daemon({"tracking": {"uri": "databricks"}, "experiment": {"id": experiment}, "model": {"name": "my-agent-v1.0"}} | more)
    daemon.variables = {"DATABRICKS_HOST": workspace.host, "DATABRICKS_TOKEN": TOKEN}
    return daemon


@pytest.fixture(scope="module", params=CLIENTS)
def client(request):
    return request.param


@pytest.fixture(scope="module")
def made(client, tmp_path_factory):
    """One run of the application in OTLP mode: what it says of its traces, and the requests that it sent."""
    requests = []

    class Recorder(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            requests.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass
    server = LoopbackServer(Recorder)
    traces = run(SENDER.get(client, client), "mlflow_agent.py", COUNT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{server.uri}/v1/traces",
                 OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf", HOME=str(tmp_path_factory.mktemp("home")), **PATIENT)
    server.close()
    return traces, requests


def otlp_value(value: dict):
    """A typed OTLP value as Python has it."""
    kind, held = next(iter(value.items()), (None, None))
    if kind == "kvlist_value":
        return {pair["key"]: otlp_value(pair["value"]) for pair in held.get("values", [])}
    if kind == "array_value":
        return [otlp_value(item) for item in held.get("values", [])]
    return int(held) if kind == "int_value" else held


def stored(workspace: Workspace, trace_id: str) -> dict[str, object]:
    """What the workspace holds of a trace, as flat fields; ids and times that differ between runs become words."""
    hex_id = trace_id.rsplit("/")[-1].removeprefix("tr-")
    info = workspace.infos[hex_id][-1]
    fields = {key: info.get(key) for key in ("state", "request_preview", "response_preview", "client_request_id", "trace_location")}
    fields |= {f"metadata.{key}": value for key, value in info["trace_metadata"].items()}
    fields |= {f"tags.{key}": value for key, value in info["tags"].items()}
    rows = workspace.spans_of(hex_id)
    files = [file for path, file in workspace.files.items() if hex_id in path]
    spans = rows or json.loads(files[0])["spans"]
    names = {span["span_id"]: span["name"] for span in spans}
    for span in spans:
        key = f"span {span['name']}"
        attributes = span["attributes"]
        if rows:
            attributes = {pair["key"]: otlp_value(pair["value"]) for pair in attributes}
        fields |= {f"{key}.{name}": value for name, value in attributes.items()}
        fields |= {f"{key}.status": span["status"].get("code"), f"{key}.parent": names.get(span.get("parent_span_id")),
                   f"{key}.kind": span.get("kind"), f"{key}.links": len(span.get("links", [])),
                   f"{key}.events": [event["name"] for event in span.get("events", [])]}
    fields["span names"] = sorted(names.values())
    return {key: json.loads(json.dumps(value).replace(hex_id, "<id>")) for key, value in fields.items()}


def by_question(workspace: Workspace, trace_ids: list[str]) -> list[dict[str, object]]:
    """In the order in which the application asked: the client stores in the background, in any."""
    return sorted((stored(workspace, trace_id) for trace_id in trace_ids), key=lambda fields: fields["request_preview"])


def deliver(make_daemon, workspace: Workspace, experiment: str, requests, spans: int = 4 * COUNT) -> None:
    daemon = daemon_of(make_daemon, workspace, experiment)
    daemon.start()
    for request in requests:
        daemon.post(request)
    daemon.wait_for_spans(queued=0, delivered=spans)


@ALL_STORAGES
def test_the_workspace_holds_what_mlflows_client_stores(make_daemon, workspace, client, made, folder, experiment):
    traces, requests = made
    deliver(make_daemon, workspace, experiment, requests)
    model = next(number for number, model in workspace.models.items()
                 if model["info"]["name"] == "my-agent-v1.0" and model["info"]["experiment_id"] == experiment)
    assert workspace.models[model]["info"]["status"] == "LOGGED_MODEL_READY"
    before = set(workspace.infos)
    # An older binding is not in the tags that the client reads.
    place = {"MLFLOW_TRACING_DESTINATION": SCHEMA} if experiment == "3" else {}
    run(client, "mlflow_agent.py", COUNT, **as_client(workspace, folder, MLFLOW_EXPERIMENT_ID=experiment, MLFLOW_ACTIVE_MODEL_ID=model, **place))
    direct = [trace for trace in workspace.infos if trace not in before]
    assert len(direct) == COUNT
    for ours, theirs in zip(by_question(workspace, [trace["trace_id"] for trace in traces]), by_question(workspace, direct), strict=True):
        differing = {key: (theirs.get(key), ours.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        of_the_client = OF_THE_SENDER.get(client, {}) | ({} if client == LATEST else BEFORE_3_18)
        unknown = {key: pair for key, pair in differing.items() if key not in KNOWN | of_the_client}
        assert unknown == {}, "(the client's, the daemon's)"


@ALL_STORAGES
def test_mlflows_client_reads_what_the_daemon_wrote(make_daemon, workspace, client, made, folder, experiment):
    traces, requests = made
    deliver(make_daemon, workspace, experiment, requests)
    first = traces[0]
    place = PLACES.get(experiment, experiment)
    trace_id = f"trace:/{place}/{hex_of(first)}" if experiment in PLACES else first["trace_id"]
    trace, found, model = run(client, "read_databricks.py", place, trace_id, **as_client(workspace, folder))
    assert trace["spans"]["answer"]["inputs"] == first["inputs"]
    assert trace["spans"]["answer"]["outputs"] == first["outputs"]
    assert trace["spans"]["retrieve"]["events"] == ["cache miss"]
    assert trace["spans"]["chat"]["attributes"]["temperature"] == 0.2
    assert trace["spans"]["chat"]["type"] == "CHAT_MODEL"
    assert trace_id in found
    assert (model["name"], model["status"]) == ("my-agent-v1.0", "READY")


@pytest.mark.parametrize("kind", ["GCP_SIGNED_URL", "AZURE_SAS_URI", "AZURE_ADLS_GEN2_SAS_URI"])
def test_mlflows_client_reads_the_file_in_each_cloud(make_daemon, folder, kind):
    workspace = Workspace(upload_type=kind)
    trace = make_trace()
    deliver(make_daemon, workspace, "1", [trace.request], SPANS_PER_TRACE)
    read, _, _ = run(NEWEST, "read_databricks.py", "1", trace.trace_id, **as_client(workspace, folder))
    assert len(read["spans"]) == SPANS_PER_TRACE
    workspace.close()


def hex_of(trace) -> str:
    return (trace["trace_id"] if isinstance(trace, dict) else trace.trace_id).removeprefix("tr-")


@pytest.mark.parametrize("experiment, step", [("2", "/info"), ("2", "otel/v1/traces"), ("1", "POST /api/3.0"), ("1", "data-upload"), ("1", "PUT /signed")])
def test_a_daemon_that_is_killed_between_the_steps_finishes_them(make_daemon, workspace, experiment, step):
    daemon = daemon_of(make_daemon, workspace, experiment)
    workspace.faults = [Fault(step, lose=True, hook=lambda: daemon.sigkill())]
    daemon.start()
    trace = make_trace()
    daemon.post(trace.request)
    wait_until("the daemon is killed", lambda: not daemon.is_running())
    daemon.start()
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    hex_id = trace.trace_id.removeprefix("tr-")
    info = workspace.infos[hex_id][-1]
    assert info["trace_metadata"]["mlflow.modelId"] in workspace.models
    if experiment == "1":
        assert [len(json.loads(file)["spans"]) for path, file in workspace.files.items() if hex_id in path] == [SPANS_PER_TRACE]
        return
    again = SPANS_PER_TRACE if "otel" in step else 0
    assert len(workspace.spans_of(hex_id)) == SPANS_PER_TRACE + again
    assert daemon.status()["server"]["possible_duplicate_spans"] == again


def test_pieces_that_were_acknowledged_are_not_sent_again_after_a_kill(make_daemon, workspace):
    daemon = daemon_of(make_daemon, workspace, "2", forward={"max_batch_bytes": "4KiB"})
    # The first piece is acknowledged, the second one is lost.
    requests = iter([lambda: None, daemon.sigkill])
    workspace.faults = [Fault("otel/v1/traces", hook=lambda: next(requests, lambda: None)(), times=2)]
    daemon.start()
    request, hex_id = large_trace(40)
    daemon.post(request)
    wait_until("the daemon is killed", lambda: not daemon.is_running())
    first = sum(path == "/api/2.0/otel/v1/traces" for _, path in workspace.requests)
    assert first == 2
    daemon.start()
    daemon.wait_for_spans(queued=0, delivered=40)
    rows = [span["span_id"] for span in workspace.spans_of(hex_id)]
    twice = {span for span in rows if rows.count(span) > 1}
    assert len(set(rows)) == 40 and len(rows) == 40 + len(twice)
    assert rows[0] not in twice
    assert daemon.status()["server"]["possible_duplicate_spans"] == len(twice)


def large_trace(count: int):
    """A trace whose spans have half a kilobyte each, and its id."""
    trace = make_trace()
    request = ExportTraceServiceRequest()
    request.CopyFrom(trace.request)
    spans = request.resource_spans[0].scope_spans[0].spans
    del spans[1:]
    for number in range(1, count):
        span = spans.add()
        span.CopyFrom(spans[0])
        span.span_id, span.parent_span_id = number.to_bytes(8, "big"), spans[0].span_id
        span.name = "n" * 500
    return request, trace.trace_id.removeprefix("tr-")


# Every request of a daemon that begins: who it is, its model, its trace.
BEGINNING = ["GET /.well-known", "GET /oidc/.well-known", "POST /oidc/v1/token", "GET .*/experiments/get", "POST .*/logged-models/search",
             "POST .*/logged-models$", "PATCH .*/logged-models/m-"]
STEPS = {"2": ["/info", "otel/v1/traces"], "1": ["POST /api/3.0", "GET .*data-upload", "PUT /signed"], "4": ["POST /api/3.0", "PUT .*/fs/files/Volumes"]}
EACH_STEP = pytest.mark.parametrize("experiment", list(STEPS), ids=["unity-catalog", "experiment", "volume"])


def away() -> Fault:
    return Fault("", Refusal(503, "TEMPORARILY_UNAVAILABLE", "not yet"), times=10**6)


def daemon_with_a_trace(make_daemon, workspace: Workspace, experiment: str):
    """As a service principal, with a trace that is accepted while the workspace is away; and the trace."""
    daemon = make_daemon({"tracking": {"uri": "databricks"}, "experiment": {"id": experiment}, "model": {"name": "my-agent-v1.0"}})
    daemon.variables = {"DATABRICKS_HOST": workspace.host, "DATABRICKS_CLIENT_ID": CLIENT[0], "DATABRICKS_CLIENT_SECRET": CLIENT[1]}
    workspace.faults = [away()]
    daemon.start()
    trace = make_trace()
    daemon.post(trace.request)
    daemon.sigkill()
    workspace.faults = []
    return daemon, trace


def check_one_trace_of_one_model(daemon, workspace: Workspace, trace, experiment: str) -> None:
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    [model] = [number for number, model in workspace.models.items() if model["info"]["status"] == "LOGGED_MODEL_READY"]
    assert {workspace.models[number]["info"]["name"] for number in workspace.models} == {"my-agent-v1.0"}
    infos = workspace.infos[hex_of(trace)]
    assert infos[-1]["trace_metadata"]["mlflow.modelId"] == model
    if experiment == "2":
        twice = daemon.status()["server"]["possible_duplicate_spans"]
        assert SPANS_PER_TRACE <= len(workspace.spans_of(hex_of(trace))) <= SPANS_PER_TRACE + twice
        return
    assert len(infos) == 1
    assert [len(json.loads(file)["spans"]) for path, file in workspace.files.items() if hex_of(trace) in path] == [SPANS_PER_TRACE]


@EACH_STEP
def test_each_answer_lost_in_turn_ends_with_one_model_and_one_trace(make_daemon, workspace, experiment):
    daemon, trace = daemon_with_a_trace(make_daemon, workspace, experiment)
    # Without the first the daemon does not ask the second: it knows where tokens are given, if nobody tells.
    workspace.faults = faults = [Fault(request, lose=True) for request in BEGINNING[1:] + STEPS[experiment]]
    daemon.start()
    wait_until("each answer is lost", lambda: not any(fault.times for fault in faults),
               state=lambda: [fault.match.pattern for fault in faults if fault.times])
    check_one_trace_of_one_model(daemon, workspace, trace, experiment)


@EACH_STEP
def test_a_kill_at_each_request_ends_with_one_model_and_one_trace(make_daemon, workspace, experiment):
    daemon, trace = daemon_with_a_trace(make_daemon, workspace, experiment)
    for request in BEGINNING + STEPS[experiment]:
        asked, killed = threading.Event(), threading.Event()
        # What was asked is done, and the daemon does not live to see the answer, nor to go on with what it asks beside that.
        workspace.faults = [Fault(request, lose=True, hook=lambda asked=asked, killed=killed: (asked.set(), killed.wait()), then=[away()])]
        daemon.start()
        wait_until(f"it asks {request}", asked.is_set, state=daemon.log_tail)
        daemon.sigkill()
        killed.set()
    workspace.faults = []
    daemon.start()
    check_one_trace_of_one_model(daemon, workspace, trace, experiment)


@STORAGES
def test_faults_on_the_way_end_with_each_trace_once(make_daemon, workspace, experiment):
    """Each answer lost in turn, a token that ends in the middle, answers that ask for patience, a URL that has expired."""
    daemon = make_daemon({"tracking": {"uri": "databricks"}, "experiment": {"id": experiment}, "model": {"name": "agent"}})
    daemon.variables = {"DATABRICKS_HOST": workspace.host, "DATABRICKS_CLIENT_ID": CLIENT[0], "DATABRICKS_CLIENT_SECRET": CLIENT[1]}
    daemon.start()
    steps = {"2": ["/info", "otel/v1/traces"], "1": ["POST /api/3.0", "GET .*data-upload", "PUT /signed"]}[experiment]
    last = steps[-1]
    busy = Refusal(429, "REQUEST_LIMIT_EXCEEDED", "slow down", {"Retry-After": "1"})
    faults = [Fault(step, lose=True) for step in steps]
    faults += [Fault(steps[0], hook=workspace.tokens.clear), Fault(steps[0], busy), Fault(last, Refusal(503, "TEMPORARILY_UNAVAILABLE", "later"))]
    if experiment == "1":
        faults.append(Fault(last, Refusal(403, "", "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")))
    for number, fault in enumerate(faults, 1):
        workspace.faults = [fault]
        trace = make_trace()
        daemon.post(trace.request)
        daemon.wait_for_spans(queued=0, delivered=number * SPANS_PER_TRACE)
        assert fault.times == 0, fault.match
        hex_id = trace.trace_id.removeprefix("tr-")
        if experiment == "1":
            assert [len(json.loads(file)["spans"]) for path, file in workspace.files.items() if hex_id in path] == [SPANS_PER_TRACE]
            assert len(workspace.infos[hex_id]) == 1
            continue
        again = SPANS_PER_TRACE if fault.lose and "otel" in fault.match.pattern else 0
        assert len(workspace.spans_of(hex_id)) == SPANS_PER_TRACE + again
    assert daemon.status()["server"]["possible_duplicate_spans"] == (SPANS_PER_TRACE if experiment == "2" else 0)
    assert len(workspace.issued) == 2, "one token, and one after the first had ended"


def test_a_redirect_is_held_and_not_followed(make_daemon, workspace):
    elsewhere = Workspace()
    moved = Refusal(302, "", "", {"Location": f"{elsewhere.host}/login.html?error=private-link-validation-error"})
    workspace.faults = [Fault("/info", moved, times=10**6)]
    daemon = daemon_of(make_daemon, workspace, "2")
    daemon.start()
    daemon.post(make_trace().request)
    wait_until("the redirect is told", lambda: "private-link-validation-error" in json.dumps(daemon.status()["held"]), state=daemon.log_tail)
    assert elsewhere.requests == []
    elsewhere.close()
    workspace.faults = []
    daemon.restart()
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)


def test_refusals_are_held_with_the_grant_and_end_when_it_is_given(make_daemon, workspace):
    daemon = daemon_of(make_daemon, workspace, "2")
    workspace.faults = [Fault("/info", Refusal(403, "PERMISSION_DENIED", "User does not have MODIFY on the table"), times=10**6)]
    daemon.start()
    daemon.post(make_trace().request)
    grant = "GRANT MODIFY, SELECT ON TABLE `main`.`agents`.`app_otel_spans`"
    wait_until("the traces are held with the grant", lambda: grant in json.dumps(daemon.status()["held"]), state=daemon.log_tail)
    workspace.faults = []
    daemon.restart()
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    assert len(workspace.rows[TABLES[LOCATION]]) == SPANS_PER_TRACE


IS_REMOTE = 0x300  # a span's flags: its parent is in another process


def with_one_span(request, span_id: bytes, **more) -> ExportTraceServiceRequest:
    """The first span of the request, under another id."""
    part = ExportTraceServiceRequest()
    part.CopyFrom(request)
    spans = part.resource_spans[0].scope_spans[0].spans
    del spans[1:]
    spans[0].span_id, spans[0].parent_span_id = span_id, more.pop("parent", b"")
    for key, value in more.items():
        setattr(spans[0], key, value)
    return part


@pytest.mark.parametrize("experiment", ["2", "1", "4"], ids=["unity-catalog", "experiment", "volume"])
def test_late_spans_join_their_trace(make_daemon, workspace, folder, experiment):
    daemon = daemon_of(make_daemon, workspace, experiment)
    daemon.start()
    trace = make_trace()
    daemon.post(trace.request)
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    root = trace.request.resource_spans[0].scope_spans[0].spans[0].span_id
    daemon.post(with_one_span(trace.request, b"latespan", parent=root, name="late"))
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE + 1)
    place = PLACES.get(experiment, experiment)
    trace_id = f"trace:/{place}/{hex_of(trace)}" if experiment in PLACES else trace.trace_id
    read, _, _ = run(NEWEST, "read_databricks.py", place, trace_id, **as_client(workspace, folder))
    assert "late" in read["spans"] and len(read["spans"]) == SPANS_PER_TRACE + 1


def test_a_trace_of_two_hosts_is_whole_in_unity_catalog(make_daemon, workspace, folder):
    trace = make_trace()
    root = trace.request.resource_spans[0].scope_spans[0].spans[0].span_id
    first, second = (daemon_of(make_daemon, workspace, "2") for _ in range(2))
    for daemon in (first, second):
        daemon.start()
    second.post(with_one_span(trace.request, b"elsewher", parent=root, name="there", flags=IS_REMOTE))
    first.post(trace.request)
    first.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    second.wait_for_spans(queued=0, delivered=1)
    [info] = workspace.infos[hex_of(trace)]
    read, _, model = run(NEWEST, "read_databricks.py", LOCATION, f"trace:/{LOCATION}/{hex_of(trace)}", **as_client(workspace, folder))
    assert "there" in read["spans"] and len(read["spans"]) == SPANS_PER_TRACE + 1
    assert (model["name"], info["state"]) == ("my-agent-v1.0", "OK")


def test_a_part_whose_root_is_elsewhere_becomes_a_dead_letter_that_explains(make_daemon, workspace):
    daemon = daemon_of(make_daemon, workspace, "1")
    daemon.start()
    daemon.post(with_one_span(make_trace().request, b"elsewher", parent=b"far away", flags=IS_REMOTE))
    daemon.wait_for_spans(queued=0, dead_lettered=1)
    [letter] = daemon.tracelink("dead-letters", "ls", "--json").json()
    assert "one file for each trace" in json.dumps(letter), letter


WAREHOUSE = {"MLFLOW_TRACING_SQL_WAREHOUSE_ID": "wh-1"}


@STORAGES
def test_commands_read_the_traces_of_a_version(make_daemon, workspace, experiment):
    daemon = daemon_of(make_daemon, workspace, experiment)
    daemon.start()
    trace = make_trace()
    daemon.post(trace.request)
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    daemon.tracelink("models", "create", "--name", "other", "--json").json()
    if experiment == "2":
        run = daemon.tracelink("models", "traces", "my-agent-v1.0")
        assert run.code == 1 and "databricks.warehouse_id" in run.err, run.err
    hex_id = trace.trace_id.removeprefix("tr-")
    [found] = daemon.tracelink("models", "traces", "my-agent-v1.0", "--json", **WAREHOUSE).json()
    assert found["trace_id"] == {"1": trace.trace_id, "2": f"trace:/{LOCATION}/{hex_id}"}[experiment]
    assert daemon.tracelink("models", "traces", "other", "--json", **WAREHOUSE).json() == []
    compared = daemon.tracelink("models", "compare", "my-agent-v1.0", "other", "--json", **WAREHOUSE).json()
    assert [model["figures"]["traces"] for model in compared["models"]] == [1, 0]


@STORAGES
def test_each_command_of_models_has_a_workspace(make_daemon, workspace, experiment):
    """As a service principal whose token ends behind each request."""
    daemon = daemon_of(make_daemon, workspace, experiment)
    daemon.variables = {"DATABRICKS_HOST": workspace.host, "DATABRICKS_CLIENT_ID": CLIENT[0], "DATABRICKS_CLIENT_SECRET": CLIENT[1]}
    workspace.faults = [Fault("/api/", hook=workspace.tokens.clear, times=10**6)]

    def models(*arguments: str) -> str:
        run = daemon.tracelink("models", *arguments, **WAREHOUSE)
        assert run.code == 0, (arguments, run.err)
        return run.out
    created = json.loads(models("create", "--name", "agent-v1.0", "--param", "llm=gpt", "--tag", "team=ml", "--json"))
    assert models("create", "--name", "agent-v1.0", "--if-missing", "--id-only").strip() == created["model_id"]
    assert created["params"] == {"llm": "gpt"} and created["tags"]["team"] == "ml"
    models("create", "--name", "agent-v2.0")
    models("tag", "agent-v1.0", "state of=good")
    assert json.loads(models("get", "agent-v1.0", "--json"))["tags"]["state of"] == "good"
    models("untag", "agent-v1.0", "state of")
    assert "state of" not in json.loads(models("get", created["model_id"], "--json"))["tags"]
    assert [model["name"] for model in json.loads(models("search", "--filter", "name='agent-v1.0'", "--json"))] == ["agent-v1.0"]
    models("log-metric", "agent-v1.0", "accuracy=0.5")
    models("compare", "agent-v1.0", "agent-v2.0", "--publish")
    metrics = {metric["key"]: metric["value"] for metric in workspace.models[created["model_id"]]["data"]["metrics"]}
    assert metrics["accuracy"] == 0.5 and metrics["traces"] == 0
    assert [run["info"]["status"] for run in workspace.runs.values()] == ["FINISHED"] * 2, "one for each model"
    models("delete", "agent-v1.0", "--yes")
    assert [model["name"] for model in json.loads(models("list", "--json"))] == ["agent-v2.0"]


@STORAGES
def test_a_search_whose_pages_have_no_end_ends_the_command(make_daemon, workspace, experiment):
    daemon = daemon_of(make_daemon, workspace, experiment)
    for name in ("one", "two"):
        daemon.tracelink("models", "create", "--name", name, "--json").json()
    workspace.next_page = "once more"
    for command in (["models", "traces", "one"], ["models", "list", "--stats"], ["models", "compare", "one", "two"]):
        run = daemon.tracelink(*command, **WAREHOUSE)
        assert run.code == 1 and "the search for traces has no end" in run.err, run.err


@STORAGES
def test_doctor_stores_a_trace_and_reads_it_back(make_daemon, workspace, experiment):
    daemon = daemon_of(make_daemon, workspace, experiment)
    run = daemon.tracelink("doctor", "--json", **WAREHOUSE)
    findings = {finding["subject"]: finding for finding in json.loads(run.out)}
    steps = {subject: findings[subject]["state"] for subject in ("workspace", "experiment", "storage", "model rights", "trace", "read back")}
    assert steps == dict.fromkeys(steps, "ok"), findings
    assert workspace.models == {}, "the model is deleted"
    [rows] = [rows for rows in workspace.infos.values() if rows]
    assert rows[0]["tags"]["mlflow.traceName"] == "tracelink doctor"
    if experiment == "2":
        findings = {finding["subject"]: finding for finding in json.loads(daemon.tracelink("doctor", "--json").out)}
        assert findings["read back"]["state"] == "skipped" and "databricks.warehouse_id" in findings["read back"]["remedy"]
    workspace.faults = [Fault("POST .*/logged-models$", Refusal(403, "PERMISSION_DENIED", "no CAN EDIT on the experiment"))]
    findings = {finding["subject"]: finding for finding in json.loads(daemon.tracelink("doctor", "--json").out)}
    assert findings["model rights"]["state"] == "failed" and findings["model rights"]["remedy"]


def examine(daemon, **environment: str) -> dict[str, dict]:
    """What `tracelink doctor` finds, by its subject."""
    return {finding["subject"]: finding for finding in json.loads(daemon.tracelink("doctor", "--json", **environment).out)}


def test_doctor_says_that_a_workspace_is_out_of_reach(make_daemon, workspace):
    daemon = daemon_of(make_daemon, workspace, "2")
    findings = examine(daemon, DATABRICKS_HOST=f"http://127.0.0.1:{free_port()}")
    assert findings["workspace"]["state"] == "failed", findings
    assert "databricks.host" in findings["workspace"]["remedy"]
    assert not findings.keys() & {"token", "discovery", "experiment"}, "nothing is known of them"


def test_doctor_tells_an_experiment_that_is_made_from_one_that_is_missing(make_daemon, workspace):
    daemon = daemon_of(make_daemon, workspace, "99")
    missing = examine(daemon)["experiment"]
    assert missing["state"] == "failed" and "correct experiment.id" in missing["remedy"], missing
    daemon.configure({"experiment": {"name": "/Shared/later"}})
    assert examine(daemon)["experiment"] == {"subject": "experiment", "state": "warning", "message": "there is no experiment named '/Shared/later'",
                                             "remedy": "the daemon creates it"}


def test_doctor_looks_at_the_experiment_of_a_model_that_is_named_by_its_id(make_daemon, workspace):
    daemon = daemon_of(make_daemon, workspace, "2")
    model = daemon.tracelink("models", "create", "--name", "agent", "--json").json()["model_id"]
    daemon.configure({"experiment": {}, "model": {"id": model}})
    findings = examine(daemon)
    assert findings["experiment"]["message"] == "/Shared/app-2 is 2"
    assert findings["model"]["state"] == findings["trace"]["state"] == "ok", findings


@pytest.mark.parametrize("experiment", ["3", "4"], ids=["schema", "volume"])
def test_doctor_and_the_commands_know_older_bindings_and_volumes(make_daemon, workspace, experiment):
    daemon = daemon_of(make_daemon, workspace, experiment)
    daemon.start()
    daemon.post(make_trace().request)
    daemon.wait_for_spans(queued=0, delivered=SPANS_PER_TRACE)
    findings = examine(daemon, **WAREHOUSE)
    assert {findings[subject]["state"] for subject in ("storage", "model rights", "trace", "read back")} == {"ok"}, findings
    assert len(daemon.tracelink("models", "traces", "my-agent-v1.0", "--json", **WAREHOUSE).json()) == 1
    [model] = daemon.tracelink("models", "list", "--stats", "--json", **WAREHOUSE).json()
    assert model["traces"] == 1, model


def test_doctor_sends_no_file_where_the_workspace_keeps_the_spans(make_daemon, workspace):
    workspace.keeps_spans = True
    daemon = daemon_of(make_daemon, workspace, "1")
    finding = examine(daemon)["trace"]
    assert finding["state"] == "failed" and "spansLocation" in finding["message"] and finding["remedy"], finding
    assert workspace.files == {}


def test_doctor_tells_what_passes_by_itself(make_daemon, workspace):
    workspace.faults = [Fault("/info", Refusal(429, "REQUEST_LIMIT_EXCEEDED", "slow down"))]
    finding = examine(daemon_of(make_daemon, workspace, "2"))["trace"]
    assert finding["state"] == "failed" and "passes by itself" in finding["remedy"], finding


def test_a_registration_that_is_refused_is_told_in_the_words_of_databricks(make_daemon, workspace):
    denied = Refusal(403, "PERMISSION_DENIED", "no CAN EDIT")
    page = Refusal(200, "", "", {"Content-Type": "text/html"})
    page.body = b"<html>Sign in</html>"
    for refusal, remedy in ((denied, "give it CAN EDIT on the experiment"), (page, "check databricks.host")):
        workspace.faults = [Fault("POST .*/logged-models$", refusal, times=10**6)]
        daemon = daemon_of(make_daemon, workspace, "2")
        daemon.start()
        daemon.post(make_trace().request)
        wait_until("the remedy is shown", lambda: remedy in json.dumps(daemon.status()["held"]), state=daemon.log_tail)
        assert remedy in json.dumps(daemon.status()["model"])
        listed = daemon.tracelink("models", "create", "--name", "other")
        assert listed.code != 0 and remedy in listed.err, listed.err


def test_an_unreachable_store_holds_its_experiment_alone(make_daemon, workspace):
    nowhere = Refusal(200, "", "")
    nowhere.body = {"credential_info": {"type": "AWS_PRESIGNED_URL", "signed_uri": f"http://127.0.0.1:{free_port()}/f"}}
    workspace.faults = [Fault("data-upload", nowhere, times=10**6)]
    daemon = daemon_of(make_daemon, workspace, "1")
    daemon.start()
    daemon.post(make_trace().request)
    wait_until("the store is named", lambda: "Object storage" in json.dumps(daemon.status()["held"]), state=daemon.log_tail)
    daemon.post(make_trace().request, headers={"x-mlflow-experiment-id": "2"})
    daemon.wait_for_spans(queued=SPANS_PER_TRACE, delivered=SPANS_PER_TRACE)
    assert daemon.status()["server"]["state"] == "up"


def test_no_secret_that_a_token_endpoint_repeats_is_told(make_daemon, workspace):
    echo = Refusal(401, "", "")
    echo.body = {"error": "invalid_client", "error_description": f"the secret {CLIENT[1]} is wrong"}
    workspace.faults = [Fault("oidc/v1/token", echo, times=10**6)]
    daemon = daemon_of(make_daemon, workspace, "2")
    daemon.variables = {"DATABRICKS_HOST": workspace.host, "DATABRICKS_CLIENT_ID": CLIENT[0], "DATABRICKS_CLIENT_SECRET": CLIENT[1]}
    daemon.start()
    wait_until("the refusal is told", lambda: "the secret *** is wrong" in json.dumps(daemon.status()), state=daemon.log_tail)
    told = daemon.tracelink("doctor").out + json.dumps(daemon.status())
    kept = [file.read_bytes() for file in daemon.folder.rglob("*") if file.is_file()]
    assert CLIENT[1] not in told and not any(CLIENT[1].encode() in content for content in kept)
