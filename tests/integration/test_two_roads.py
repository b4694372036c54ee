"""An application that tells of the same traces by OTLP and by MLflow's REST ends with one trace and what the fuller road says of it."""

import json
import subprocess
import threading

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.daemon import Daemon
from harness.fault_proxy import FaultProxy
from harness.mlflow_server import MlflowServer
from harness.otlp import make_trace
from harness.places import APPS, ENVIRONMENTS, LATEST, NEWEST, OLDER, PATIENT, clean_environment
from harness.waiting import wait_until
from test_differential import METADATA, read, run_directly
from test_mlflow_sdk import ASYNC, SUPPORT, SYNC, run_through, unexplained

# The older server adds up the price of spans again when they come a second time.
PRICE = f": {METADATA}mlflow.trace.cost: "
DUAL = {"MLFLOW_ENABLE_OTLP_EXPORTER": "true", "MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT": "true"}


class Gate(FaultProxy):
    """What is posted through it waits until it is opened."""

    def __init__(self, target_port: int):
        self.opened = threading.Event()
        super().__init__(target_port)

    def _fault_for(self, request: str) -> None:
        if request.startswith("POST"):
            self.opened.wait(600)


@pytest.mark.parametrize("version", [OLDER, LATEST])
def test_what_goes_both_roads_ends_as_what_the_sdk_stores_directly(make_server, front_of, version):
    """By the SDK's dual export, whose spans come a second time by OTLP, seconds later."""
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model_id = daemon.wait_for_model()["id"]
    made = run_through(daemon, **SUPPORT | SYNC | DUAL)
    daemon.wait_for_spans(queued=0)
    direct = run_directly(server, model_id)
    spans = daemon.spans()
    assert spans["accepted"] > sum(len(trace["times"]) for trace in made), "one road alone"
    names = {model_id: "<model id>"}
    found = unexplained(read(server, made, names), read(server, direct, names))
    assert not [difference for difference in found if not (version == OLDER and PRICE in difference)], "\n".join(found)


class Application:
    """mlflow_two_roads.py."""

    def __init__(self, daemon: Daemon, **environment: str):
        variables = dict(line.split("=", 1) for line in daemon.tracelink("env").out.splitlines())
        self._process = subprocess.Popen(
            [ENVIRONMENTS[NEWEST] / "bin/python", APPS / "mlflow_two_roads.py"],
            env=clean_environment(GIT_PYTHON_REFRESH="quiet", **SUPPORT, **PATIENT) | variables | ASYNC | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def trace_id(self) -> str:
        line = self._process.stdout.readline()
        assert line, "the application has ended"
        return json.loads(line)["trace_id"]

    def end(self) -> None:
        self._process.communicate("\n", timeout=600)
        assert self._process.returncode == 0


def spans_of(server: MlflowServer, trace_id: str) -> list[str]:
    [trace] = server.request("GET", "/api/3.0/mlflow/traces/batchGet", params={"trace_ids": trace_id})["traces"]
    return sorted(span["name"] for span in trace["spans"])


def told(server: MlflowServer, trace_id: str) -> dict:
    """What the SDK's own road alone tells of the trace, as the server has it, and the trace's experiment and model."""
    info = server.request("GET", f"/api/3.0/mlflow/traces/{trace_id}")["trace"]["trace_info"]
    metadata = info["trace_metadata"]
    return {
        "request": info.get("client_request_id"), "preview": info["request_preview"], "team": info["tags"].get("team"),
        "session": metadata.get("mlflow.trace.session"), "user": metadata.get("mlflow.trace.user"), "own": metadata.get("own"),
        "assessments": [item["assessment_name"] for item in info.get("assessments", [])],
        "experiment": info["trace_location"]["mlflow_experiment"]["experiment_id"], "model": metadata["mlflow.modelId"],
    }


ALL = {"request": "request-7", "preview": "by hand", "team": "ml", "session": "s-1", "user": "ada", "own": "1", "assessments": ["inside"]}
LATE_ON_OLD_SERVERS = {"request": None, "preview": '{"question": "why?"}', "assessments": []}


@pytest.mark.parametrize("version", [OLDER, NEWEST])
def test_an_info_that_comes_after_its_spans_went_by_otlp(make_server, front_of, version):
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model = daemon.wait_for_model()["id"]
    gate = Gate(int(daemon.front.rpartition(":")[2]))
    application = Application(daemon, MLFLOW_TRACKING_URI=gate.uri, **DUAL)
    daemon.wait_for_spans(delivered=2, queued=0)
    gate.opened.set()
    trace_id = application.trace_id()
    application.end()
    daemon.wait_for_spans(accepted=4, queued=0)
    expected = ALL | {"experiment": server.experiment_id("support"), "model": model}
    if version == OLDER:
        expected |= LATE_ON_OLD_SERVERS
    wait_until("the info is there", lambda: told(server, trace_id) == expected, state=lambda: told(server, trace_id))
    assert spans_of(server, trace_id) == ["answer", "step"]


@pytest.mark.parametrize("version", [OLDER, NEWEST])
def test_spans_that_come_by_otlp_after_their_info(make_server, front_of, version):
    server = make_server(version)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model = daemon.wait_for_model()["id"]
    application = Application(daemon, OTEL_BSP_SCHEDULE_DELAY="600000", **DUAL)
    trace_id = application.trace_id()
    daemon.wait_for_spans(accepted=2, delivered=2)
    expected = ALL | {"experiment": server.experiment_id("support"), "model": model}
    assert told(server, trace_id) == expected
    application.end()
    daemon.wait_for_spans(accepted=4, queued=0)
    assert told(server, trace_id) == expected
    assert spans_of(server, trace_id) == ["answer", "step"]


def test_a_span_of_a_library_joins_the_trace_that_the_sdk_tells(make_server, front_of):
    """It comes by OTLP through the same listener, without a word of an experiment."""
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    model = daemon.wait_for_model()["id"]
    application = Application(daemon, LIBRARY_ENDPOINT=f"{daemon.front}/v1/traces")
    trace_id = application.trace_id()
    application.end()
    daemon.wait_for_spans(accepted=3, delivered=3, queued=0)
    assert told(server, trace_id) == ALL | {"experiment": server.experiment_id("support"), "model": model}
    assert spans_of(server, trace_id) == ["answer", "library", "step"]


@pytest.mark.parametrize("order", ["otlp first", "info first"])
def test_the_experiment_and_the_model_that_the_application_named_are_obeyed(make_server, front_of, order):
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    other = daemon.tracelink("models", "create", "--name", "other", "--id-only").out.strip()
    experiment = server.create_experiment("of the application")
    gate = Gate(int(daemon.front.rpartition(":")[2]))
    named = {"ACTIVE_MODEL": other, "MLFLOW_EXPERIMENT_NAME": "of the application", "MLFLOW_TRACKING_URI": gate.uri}
    delay = "1" if order == "otlp first" else "600000"
    application = Application(daemon, OTEL_BSP_SCHEDULE_DELAY=delay, **named, **DUAL)
    if order == "otlp first":
        daemon.wait_for_spans(delivered=2, queued=0)
    gate.opened.set()
    trace_id = application.trace_id()
    application.end()
    daemon.wait_for_spans(accepted=4, queued=0)
    expected = ALL | {"experiment": experiment, "model": other}
    wait_until("the info is there", lambda: told(server, trace_id) == expected, state=lambda: told(server, trace_id))
    assert spans_of(server, trace_id) == ["answer", "step"]


def test_a_span_that_ended_in_a_thread_of_another_experiment_goes_with_its_trace(make_server, front_of):
    """A thread does not know what set_destination(…, context_local=True) said in the one that has begun it, and sends its span first."""
    server = make_server(NEWEST)
    server.start()
    daemon = front_of(server)
    daemon.start()
    daemon.wait_for_model()
    of_the_thread, of_the_trace = server.create_experiment("of the thread"), server.create_experiment("of the trace")
    trace = make_trace()
    inner, root = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    for request, left_out in ((inner, slice(-1, None)), (root, slice(0, -1))):
        request.CopyFrom(trace.request)
        del request.resource_spans[0].scope_spans[0].spans[left_out]
    for request, experiment in ((inner, of_the_thread), (root, of_the_trace)):
        answer = requests.post(f"{daemon.front}/v1/traces", data=request.SerializeToString(), timeout=60, headers={
            "Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": experiment})
        assert answer.status_code == 200, answer.text
    answer = requests.post(f"{daemon.front}/api/3.0/mlflow/traces", timeout=60, json={"trace": {"trace_info": {
        "trace_id": trace.trace_id, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": of_the_trace}},
        "request_time": "2026-01-01T00:00:00Z", "state": "OK", "trace_metadata": {}, "tags": {}}}})
    assert answer.status_code == 200, answer.text
    daemon.wait_for_spans(accepted=3, delivered=3, queued=0)
    assert told(server, trace.trace_id)["experiment"] == of_the_trace
    assert spans_of(server, trace.trace_id) == ["answer", "chat", "retrieve"]
