"""Clients that only keep the daemon waiting or busy. Each opens one connection by `connect()` and returns its socket, to be kept open."""

import functools
import gzip
import socket
import struct
from collections.abc import Callable

Connect = Callable[[], socket.socket]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HTTP = (b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
         b"Content-Type: application/x-protobuf\r\n")
_EXPORT = b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _settings(**window: int) -> bytes:
    return _frame(4, 0, 0, b"".join(struct.pack(">HI", 4, size) for size in window.values()))


def _headers(stream: int, flags: int = 4) -> bytes:
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", _EXPORT), (b":authority", b"x"),
              (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    block = b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields)
    return _frame(1, flags, stream, block)


def _open(connect: Connect, first_bytes: bytes) -> socket.socket:
    client = connect()
    client.sendall(first_bytes)
    return client


def silent(connect: Connect) -> socket.socket:
    return connect()


def http_header_without_end(connect: Connect) -> socket.socket:
    return _open(connect, _HTTP + b"X-Slow: ")


def http_body_that_does_not_come(connect: Connect) -> socket.socket:
    return _open(connect, _HTTP + b"Content-Length: 60000000\r\n\r\n\x0a")


def http_chunk_extension_without_end(connect: Connect) -> socket.socket:
    return _open(connect, _HTTP + b"Transfer-Encoding: chunked\r\n\r\n5;a=" + b"x" * 10_000)


def http_answers_that_are_not_read(connect: Connect) -> socket.socket:
    client = connect()
    client.setblocking(False)
    try:
        while True:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    except BlockingIOError:
        return client


def blanks_without_end(connect: Connect) -> socket.socket:
    return _open(connect, b"\r\n" * 4_000)


def empty_json_lines_without_end(connect: Connect) -> socket.socket:
    return _open(connect, b"{}\n" + b"\n" * 100_000)


def json_line_without_end(connect: Connect) -> socket.socket:
    return _open(connect, b'{"resourceSpans":[' + b" " * 100_000)


def grpc_preface_alone(connect: Connect) -> socket.socket:
    return _open(connect, _PREFACE)


def grpc_header_without_end(connect: Connect) -> socket.socket:
    return _open(connect, _PREFACE + _settings() + _headers(1, flags=0))


def grpc_messages_that_do_not_come(connect: Connect) -> socket.socket:
    calls = b"".join(_headers(1 + 2 * i) + _frame(0, 0, 1 + 2 * i, b"\0" + struct.pack(">I", 60_000_000) + b"abcd")
                     for i in range(100))
    return _open(connect, _PREFACE + _settings() + calls)


def grpc_answers_that_are_not_taken(connect: Connect) -> socket.socket:
    """The window is shut: the answer can never be sent."""
    return _open(connect, _PREFACE + _settings(window=0) + _headers(1) + _frame(0, 1, 1, bytes(5)))


def grpc_pings_without_end(connect: Connect) -> socket.socket:
    return _open(connect, _PREFACE + _settings() + _frame(6, 0, 0, bytes(8)) * 2000)


@functools.cache
def _gzip_of_nothing() -> bytes:
    return gzip.compress(b"\x0a\x00" * 30_000_000, 1)


def gzip_of_nothing(connect: Connect) -> socket.socket:
    """Some KB that unpack to 30 million empty messages."""
    body = _gzip_of_nothing()
    return _open(connect, _HTTP + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


ALL = [silent, http_header_without_end, http_body_that_does_not_come, http_chunk_extension_without_end,
       http_answers_that_are_not_read, blanks_without_end, empty_json_lines_without_end, json_line_without_end, grpc_preface_alone, grpc_header_without_end,
       grpc_messages_that_do_not_come, grpc_answers_that_are_not_taken, grpc_pings_without_end, gzip_of_nothing]
