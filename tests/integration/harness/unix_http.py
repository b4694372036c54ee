"""HTTP/1.1 over a Unix socket with the standard library."""

import contextlib
import http.client
import http.server
import pathlib
import socket
import socketserver
import threading
from typing import NamedTuple


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float):
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def request(socket_path: pathlib.Path, method: str, target: str, body: bytes = b"",
            headers: dict[str, str] | None = None, timeout_s: float = 120) -> Reply:
    connection = _UnixConnection(str(socket_path), timeout_s)
    try:
        connection.request(method, target, body or None, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(),
                     {name.lower(): value for name, value in answer.getheaders()})
    finally:
        connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    """For serving()."""
    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
    address_string = log_message  # a client has none


@contextlib.contextmanager
def serving(socket_path: pathlib.Path, handler: type[Handler]):
    """Serves the socket as a daemon would, to the end of the block."""
    with socketserver.ThreadingUnixStreamServer(str(socket_path), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
