"""An HTTP proxy before a server that spoils one request, chosen by number."""

import enum
import http.client
import http.server
import json
import threading

from harness.loopback_server import LoopbackServer


class Fault(enum.Enum):
    NOT_SENT = "the request is not forwarded and the connection closed"
    ANSWER_LOST = "the request is forwarded and its answer lost"
    BUSY = 503
    BROKEN = 500
    UNPROCESSABLE = 422


class FaultProxy(LoopbackServer):
    """Forwards to `target_port`; after spoil(n, fault) the n-th request from then on, counted from 0, meets the fault.

    With `agent` only requests whose User-Agent starts so are counted and meet it.
    """

    def __init__(self, target_port: int, agent: str = ""):
        self._target_port = target_port
        self._agent = agent
        self._lock = threading.Lock()
        self._left: int | None = None
        self._fault: Fault | None = None
        self.spoiled: str | None = None  # the request that met the fault: method and path
        super().__init__(self._handler())

    def spoil(self, number: int, fault: Fault, starts: str = "") -> None:
        """The request with that number, from 0, of those that start so ("GET /version") is to fail."""
        with self._lock:
            self._left, self._fault, self._starts, self.spoiled = number, fault, starts, None

    def _fault_for(self, request: str) -> Fault | None:
        with self._lock:
            if self._left is None or not request.startswith(self._starts):
                return None
            self._left -= 1
            if self._left >= 0:
                return None
            self._left, self.spoiled = None, request
            return self._fault

    def _handler(proxy):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                is_meant = self.headers.get("User-Agent", "").startswith(proxy._agent)
                fault = proxy._fault_for(f"{self.command} {self.path}") if is_meant else None
                if fault is Fault.NOT_SENT:
                    self.close_connection = True
                elif fault in (None, Fault.ANSWER_LOST):
                    status, headers, answer = self._forward(body)
                    if fault is None:
                        self._answer(status, headers, answer)
                    else:
                        self.close_connection = True
                else:
                    error = json.dumps({"error_code": "INTERNAL_ERROR", "message": "spoiled"}).encode()
                    self._answer(fault.value, [("Content-Type", "application/json")], error)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do

            def _forward(self, body):
                upstream = http.client.HTTPConnection("127.0.0.1", proxy._target_port, timeout=300)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                    upstream.request(self.command, self.path, body or None, headers)
                    answer = upstream.getresponse()
                    return answer.status, answer.getheaders(), answer.read()
                finally:
                    upstream.close()

            def _answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        return Handler
