"""An HTTP server in this process, on a free port of 127.0.0.1."""

import http.server
import threading


class LoopbackServer:
    """Serves each connection on a thread of its own, until close()."""

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]):
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
