"""A hundred restarts behind a socket that outlives the daemon: no client is refused, and what was acknowledged is delivered."""

import http.client
import json
import socket
import subprocess
import threading
import time

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from harness import unix_http
from harness.daemon import PROTOBUF
from harness.otlp import make_trace, otlp_json
from harness.places import APPS, BIN, ENVIRONMENTS, NEWEST, PATIENT, clean_environment
from harness.processes import Process
from harness.programs import programs

pytestmark = pytest.mark.long

RESTARTS = 100
# What tells a client that it does not know whether its request was kept: it sends it again, as every exporter does.
UNKNOWN = (http.client.HTTPException, ConnectionError)


class Activation:
    """What systemd does: the listening sockets are kept, and handed to each daemon as descriptors 3 and 4."""

    def __init__(self, daemon):
        self._daemon = daemon
        self._listeners = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET)
        for listener, address in zip(self._listeners, (str(daemon.socket), ("127.0.0.1", 0)), strict=True):
            listener.bind(address)
            listener.listen(4096)

    @property
    def loopback(self) -> str:
        """For those who dial no Unix socket."""
        return f"127.0.0.1:{self._listeners[1].getsockname()[1]}"

    def start(self) -> None:
        kept = [listener.fileno() for listener in self._listeners]
        script = f'export LISTEN_FDS=2 LISTEN_PID=$$; exec "$@" 3<&{kept[0]} 4<&{kept[1]}'
        self._daemon.adopt(Process(["bash", "-c", script, "activate", BIN / "tracelinkd", "--config", self._daemon.config_file],
                                   self._daemon.environment, self._daemon.log_file, pass_fds=kept))

    def restart(self) -> None:
        assert self._daemon.sigterm() == 0, self._daemon.log_tail()
        self.start()

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


class Client:
    """Sends until it is stopped; `send` returns the ids of traces that were acknowledged, or raises what no restart explains."""

    def __init__(self, name: str, send):
        self.name, self.acknowledged, self.failure = name, [], None
        self._send, self._stop = send, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.acknowledged += self._send()
        except BaseException as error:  # shown by the test
            self.failure = error

    def wait_for(self, count: int) -> None:
        """Until so many more are acknowledged, or it failed."""
        goal = len(self.acknowledged) + count
        while len(self.acknowledged) < goal and self.failure is None:
            time.sleep(0.01)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def over_http(path, body: bytes, content_type: str) -> None:
    while True:
        try:
            reply = unix_http.request(path, "POST", "/v1/traces", body, {"Content-Type": content_type})
        except UNKNOWN:
            continue
        assert reply.status == 200, reply
        return


def send_protobuf(daemon) -> list[str]:
    trace = make_trace()
    over_http(daemon.socket, trace.request.SerializeToString(), PROTOBUF)
    return [trace.trace_id]


def send_json(daemon) -> list[str]:
    trace = make_trace()
    over_http(daemon.socket, otlp_json(trace), "application/json")
    return [trace.trace_id]


def grpc_sender(daemon):
    """On one channel, which connects again after each restart."""
    stub = TraceServiceStub(grpc.insecure_channel(f"unix://{daemon.socket}"))

    def send() -> list[str]:
        trace = make_trace()
        while True:
            try:
                stub.Export(trace.request, wait_for_ready=True, timeout=300)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error
                continue
            return [trace.trace_id]
    return send


def send_by_command_line(daemon) -> list[str]:
    trace = make_trace()
    while daemon.tracelink("send", "-", input=otlp_json(trace).decode()).code != 0:
        pass
    return [trace.trace_id]


def send_by_sdk(daemon) -> list[str]:
    """A program with OpenTelemetry's own SDK and exporter."""
    run = subprocess.run([ENVIRONMENTS[NEWEST] / "bin/python", APPS / "otel_agent.py", "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         check=True, env=clean_environment(**PATIENT, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_TRACES_INSECURE="true",
                                                           OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"unix://{daemon.socket}"))
    return [json.loads(line)["trace_id"] for line in run.stdout.splitlines()]


def send_line(daemon) -> list[str]:
    trace = make_trace()
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(daemon.socket))
            try:
                connection.sendall(otlp_json(trace) + b"\n")
                answer = connection.makefile("rb").readline()
            except ConnectionError:
                continue
        if answer:
            assert json.loads(answer) == {}, answer
            return [trace.trace_id]


def delivered(archive) -> set[str]:
    lines = [json.loads(line) for file in archive.iterdir() for line in file.read_text().splitlines()]
    return {span["traceId"] for line in lines for resource in line["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]}


def test_a_hundred_restarts_lose_nothing(make_daemon):
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    archive = daemon.folder / "archive"
    activation = Activation(daemon)
    daemon.configure({"archive": {"dir": str(archive)}, "listen": daemon.config["listen"] | {"tcp": activation.loopback}})
    activation.start()
    others = programs(daemon.socket, activation.loopback)
    senders = {"HTTP, protobuf": lambda: send_protobuf(daemon), "HTTP, JSON": lambda: send_json(daemon), "gRPC": grpc_sender(daemon),
               "JSON lines": lambda: send_line(daemon), "tracelink send": lambda: send_by_command_line(daemon), "Python": lambda: send_by_sdk(daemon)}
    senders |= {name: program.send for name, program in others.items()}
    assert len(senders) == 9
    clients = [Client(name, send) for name, send in senders.items()]
    try:
        for _ in range(RESTARTS):
            clients[0].wait_for(3)
            activation.restart()
        for client in clients:
            client.wait_for(1)
    finally:
        for client in clients:
            client.stop()
        for program in others.values():
            program.end()
    assert {client.name: client.failure for client in clients} == {client.name: None for client in clients}
    daemon.wait_for_spans(queued=0)
    kept = delivered(archive)
    lost = {client.name: [trace for trace in client.acknowledged if trace.removeprefix("tr-") not in kept] for client in clients}
    assert lost == {client.name: [] for client in clients}
    activation.close()
