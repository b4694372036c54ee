"""Hostile and unlucky clients: each runs beside a good one until it is told to stop, and says when it is well under way."""

import contextlib
import gzip
import http.client
import json
import os
import socket
import struct
import threading

from . import unix_http
from .daemon import PROTOBUF
from .otlp import make_trace, set_attribute
from .stand_in import POISON

MIB = 1 << 20


class Stage:
    """What a neighbour finds: the daemon, and when to stop."""

    def __init__(self, daemon, probes: tuple[str, int], mlflow: tuple[str, int]):
        self.daemon, self.probes, self.mlflow = daemon, probes, mlflow
        self.stop = threading.Event()
        self.under_way = threading.Semaphore(0)  # released by each neighbour that is
        self.due: dict[str, int] = {}  # what has to arrive all the same: spans by trace
        self._sockets: list[socket.socket] = []

    def connect(self, data: bytes = b"") -> socket.socket | None:
        """A connection that stays open to the end. None: refused."""
        return self._keep(socket.socket(socket.AF_UNIX), str(self.daemon.socket), data)

    def connect_to_probes(self, data: bytes = b"") -> socket.socket | None:
        return self._keep(socket.socket(), self.probes, data)

    def _keep(self, connection, address, data):
        self._sockets.append(connection)
        connection.settimeout(5)
        try:
            connection.connect(address)
            connection.sendall(data)
            return connection
        except OSError:
            return None

    def send(self, body: bytes, **headers: str) -> None:
        """One request, whatever the answer."""
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            unix_http.request(self.daemon.socket, "POST", "/v1/traces", body, {"Content-Type": PROTOBUF} | headers, timeout_s=15)

    def send_until_stored(self, body: bytes) -> None:
        """As an exporter does, which may find the daemon overloaded."""
        while not self._is_stored(body) and self.pause(1):
            pass

    def _is_stored(self, body: bytes) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return unix_http.request(self.daemon.socket, "POST", "/v1/traces", body, {"Content-Type": PROTOBUF}).status == 200
        return False

    def send_to_mlflow(self, target: str, body: bytes) -> None:
        """One request to listen.mlflow, whatever the answer."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(*self.mlflow, timeout=15)
            connection.request("POST", target, body, {"Content-Type": "application/json"})
            connection.getresponse().read()
            connection.close()

    def pause(self, seconds: float) -> bool:
        """False: it is time to stop."""
        return not self.stop.wait(seconds)

    def rounds(self, until_under_way: int, seconds: float):
        """Numbers with a pause between them, until it is time to stop."""
        number = 0
        while self.pause(seconds):
            yield number
            number += 1
            if number == until_under_way:
                self.under_way.release()

    def stay(self) -> None:
        """Nothing more, to the end."""
        self.under_way.release()
        self.stop.wait()

    def close(self) -> None:
        for connection in self._sockets:
            connection.close()


def head(length: int) -> bytes:
    return f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {length}\r\n\r\n".encode()


def slow_bodies(stage: Stage) -> None:
    connections = [stage.connect(head(MIB)) for _ in range(30)]
    for _ in stage.rounds(5, 0.2):
        for connection in filter(None, connections):
            with contextlib.suppress(OSError):
                connection.send(b"\0")


def announcements(stage: Stage) -> None:
    for _ in range(100):
        stage.connect(head(60 * MIB))
    stage.stay()


def idle_connections(stage: Stage) -> None:
    for _ in range(500):
        stage.connect()
    stage.stay()


def probe_connections(stage: Stage) -> None:
    for _ in range(500):
        stage.connect_to_probes(b"GET /healthz HTTP/1.1\r\n")
    stage.stay()


def frame(kind: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, 0]) + struct.pack(">I", stream) + payload


def shut_windows(stage: Stage) -> None:
    """HTTP/2 with an initial window of 0, and then nothing more."""
    for _ in range(100):
        stage.connect(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, struct.pack(">HI", 4, 0)))
    stage.stay()


def headers_without_end(stage: Stage) -> None:
    connection = stage.connect(b"POST /v1/traces HTTP/1.1\r\n")
    for _ in stage.rounds(50, 0.01):
        try:
            connection.sendall(b"X: " + b"y" * 8000 + b"\r\n")
        except (OSError, AttributeError):  # refused
            connection = stage.connect(b"POST /v1/traces HTTP/1.1\r\n")


def empty_messages_in_gzip(stage: Stage) -> None:
    bomb = gzip.compress(b"\x0a\x00" * 30_000_000, 6)
    for _ in stage.rounds(3, 0.05):
        stage.send(bomb, **{"Content-Encoding": "gzip"})


def message_field(number: int, payload: bytes) -> bytes:
    length, varint = len(payload), bytearray()
    while length > 0x7f:
        varint.append(length & 0x7f | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *varint, length]) + payload


def with_empty_attributes(count: int, trace_id: bytes) -> bytes:
    span = make_trace().request.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id = trace_id
    return message_field(1, message_field(2, message_field(2, span.SerializeToString() + b"\x4a\x00" * count)))


def empty_attributes_in_gzip(stage: Stage) -> None:
    """More than a request may have; and, of one trace, more than are read at once."""
    trace_id = os.urandom(16)
    too_many, some = (gzip.compress(with_empty_attributes(count, trace_id), 6) for count in (30_000_000, 300_000))
    for _ in range(10):
        stage.send(some, **{"Content-Encoding": "gzip"})
    for _ in stage.rounds(3, 0.05):
        stage.send(too_many, **{"Content-Encoding": "gzip"})


def invented_experiments(stage: Stage) -> None:
    for _ in stage.rounds(100, 0.01):
        stage.send(make_trace().request.SerializeToString(), **{"x-mlflow-experiment-id": str(int.from_bytes(os.urandom(4)) + 10)})


def invented_models(stage: Stage) -> None:
    for _ in stage.rounds(100, 0.01):
        trace = make_trace()
        trace.request.resource_spans[0].resource.attributes.add(key="mlflow.modelName").value.string_value = os.urandom(8).hex()
        stage.send(trace.request.SerializeToString())


def forged_lines(stage: Stage) -> None:
    """What it invents holds line breaks and escape sequences."""
    for _ in stage.rounds(100, 0.01):
        trace = make_trace(service="x\nerror failing subject=\"forged\"\x1b[2J")
        trace.request.resource_spans[0].resource.attributes.add(key="mlflow.modelName").value.string_value = "a/b\nforged line\x1b[31m"
        stage.send(trace.request.SerializeToString())


def poison_spans(stage: Stage) -> None:
    for _ in stage.rounds(5, 0.1):
        trace = make_trace()
        set_attribute(trace.root, "bad", POISON.decode())
        stage.send(trace.request.SerializeToString())


def poison_below_a_large_resource(stage: Stage) -> None:
    trace = make_trace(service="s" * 300_000)
    spans = trace.request.resource_spans[0].scope_spans[0].spans
    for _ in range(1_000):
        spans.add().CopyFrom(spans[0])
        spans[-1].span_id = os.urandom(8)
    set_attribute(spans[-1], "bad", POISON.decode())
    stage.due[trace.trace_id] = len(spans) - 1
    stage.send_until_stored(trace.request.SerializeToString())
    stage.stay()


def a_large_trace(stage: Stage) -> None:
    trace = make_trace()
    root = trace.root.SerializeToString()
    spans = trace.request.resource_spans[0].scope_spans[0].spans
    del spans[1:]
    for _ in range(30):
        spans[0].span_id = os.urandom(8)
        set_attribute(spans[0], "document", os.urandom(2 * MIB).hex())
        stage.send_until_stored(trace.request.SerializeToString())
    spans[0].ParseFromString(root)
    stage.due[trace.trace_id] = 31
    stage.send_until_stored(trace.request.SerializeToString())
    stage.stay()


def a_trace_without_end(stage: Stage) -> None:
    trace = make_trace()
    spans = trace.request.resource_spans[0].scope_spans[0].spans
    del spans[1:]
    for _ in stage.rounds(100, 0.01):
        spans[0].span_id = os.urandom(8)
        stage.send(trace.request.SerializeToString())


MASK = (1 << 64) - 1
MURMUR = 0xc6a4a7935bd1e995
BACK = pow(MURMUR, -1, 1 << 64)


def id_with_hash(value: int) -> bytes:
    """The eight bytes that libstdc++ hashes to that: its function has no secret, and each step of it can be undone."""
    value = (value ^ value >> 47) * BACK & MASK
    value = (value ^ value >> 47) * BACK & MASK
    value ^= 0xc70f6907 ^ 8 * MURMUR & MASK
    value = value * BACK & MASK
    return struct.pack("<Q", (value ^ value >> 47) * BACK & MASK)


def span_ids_of_one_bucket(stage: Stage) -> None:
    """A trace whose span ids would all share one bucket of a table of so many."""
    buckets, count = 172_933, 160_000
    trace = make_trace()
    root = trace.root
    times = b"\x39" + struct.pack("<Q", root.start_time_unix_nano) + b"\x41" + struct.pack("<Q", root.end_time_unix_nano)
    fixed = message_field(1, root.trace_id) + message_field(4, root.span_id) + message_field(5, b"s") + times
    spans = [message_field(2, root.SerializeToString())]
    spans += [message_field(2, fixed + message_field(2, id_with_hash(n * buckets))) for n in range(1, count)]
    stage.due[trace.trace_id] = count
    stage.send_until_stored(message_field(1, message_field(2, b"".join(spans))))
    stage.stay()


def scopes_below_a_large_resource(stage: Stage) -> None:
    trace = make_trace()
    span = trace.root
    attribute = message_field(1, b"text") + message_field(2, message_field(1, b"x" * (4 * MIB)))
    scopes = []
    for number in range(60_000):
        name = message_field(1, message_field(1, str(number).encode()))
        scopes.append(message_field(2, name + message_field(2, span.SerializeToString())))
        span.span_id = os.urandom(8)
        span.parent_span_id = b"parents!"
        del span.attributes[:]
    stage.due[trace.trace_id] = len(scopes)
    stage.send_until_stored(message_field(1, message_field(1, message_field(1, attribute)) + b"".join(scopes)))
    stage.stay()


def many_objects_in_inputs(stage: Stage) -> None:
    """The inputs and outputs of each are searched for a message to show."""
    messages = '{"messages":[' + "{}," * 49_000 + "{}]}"
    for _ in range(40):
        trace = make_trace()
        set_attribute(trace.root, "mlflow.spanInputs", messages)
        set_attribute(trace.root, "mlflow.spanOutputs", messages)
        stage.send_until_stored(trace.request.SerializeToString())
    stage.stay()


def info_of_mlflow(more: str) -> bytes:
    info = {"trace_id": "tr-" + os.urandom(16).hex(), "trace_location": {"mlflow_experiment": {"experiment_id": "1"}}}
    return f'{{"trace":{{"trace_info":{json.dumps(info)[:-1]},"assessments":{more}}}}}}}'.encode()


def many_objects_in_json(stage: Stage) -> None:
    for _ in stage.rounds(2, 0.05):
        stage.send_to_mlflow("/api/3.0/mlflow/traces", info_of_mlflow("[" + ",".join(["{}"] * 300_000) + "]"))


def an_object_of_many_members(stage: Stage) -> None:
    members = ",".join(f'"{number}":0' for number in range(90_000))
    for _ in stage.rounds(2, 0.05):
        stage.send_to_mlflow("/api/3.0/mlflow/traces", info_of_mlflow("{" + members + "}"))


ALL = (slow_bodies, announcements, idle_connections, probe_connections, shut_windows, headers_without_end, empty_messages_in_gzip,
       empty_attributes_in_gzip,
       invented_experiments, invented_models, forged_lines, poison_spans, poison_below_a_large_resource, a_large_trace, a_trace_without_end,
       span_ids_of_one_bucket, scopes_below_a_large_resource, many_objects_in_inputs, many_objects_in_json, an_object_of_many_members)


@contextlib.contextmanager
def beside(daemon, probes: tuple[str, int], mlflow: tuple[str, int], neighbours):
    """Runs them all, from now to the end of the block. Gives their Stage."""
    stage = Stage(daemon, probes, mlflow)
    threads = [threading.Thread(target=neighbour, args=(stage,)) for neighbour in neighbours]
    for thread in threads:
        thread.start()
    try:
        yield stage
    finally:
        stage.stop.set()
        for thread in threads:
            thread.join()
        stage.close()
