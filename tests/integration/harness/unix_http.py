"""HTTP/1.1 over a Unix socket with the standard library."""

import http.client
import pathlib
import socket
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
