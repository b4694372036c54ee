"""The measurement of `scripts/bench --mlflow`: delivery into a real MLflow server on SQLite, against a plain client that sends the same bodies,
by turns in one run. Standard library only.

The bodies are those that tracelinkd sent once, as a proxy has recorded them. The plain client has as many connections as tracelinkd; each
takes a batch, sends its trace infos one by one and then its spans. Both meet a server that has just been started on the same database.
"""

import gzip
import http.client
import http.server
import json
import pathlib
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from bench_sdk import PYTHON, ROUNDS, environment, free_port, start

TRACES = 1000
SPANS = 3
CONNECTIONS = 2
INFO = "/api/3.0/mlflow/traces"
SPANS_PATH = "/v1/traces"


class Recorder(http.server.ThreadingHTTPServer):
    """Passes each request on and keeps those that carry traces."""

    def __init__(self, port: int):
        super().__init__(("127.0.0.1", 0), Passing)
        self.port, self.requests, self.lock = port, [], threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command == "POST" and self.path in (INFO, SPANS_PATH):
            with self.server.lock:
                self.server.requests.append((self.path, dict(self.headers), body))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = pass_on

    def log_message(self, *arguments):
        pass


def batches_of(requests: list) -> list[list]:
    """Each with its trace infos first and its spans at the end."""
    plain = [gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body for path, headers, body in requests if path == SPANS_PATH]
    batches = [[] for _ in plain]
    for request in requests:
        if request[0] != INFO:
            continue
        trace = bytes.fromhex(json.loads(request[2])["trace"]["trace_info"]["trace_id"].removeprefix("tr-"))
        [number] = [number for number, body in enumerate(plain) if trace in body]
        batches[number].append(request)
    for batch, post in zip(batches, (request for request in requests if request[0] == SPANS_PATH), strict=True):
        batch.append(post)
    return batches


def send_plainly(port: int, batches: list[list]) -> float:
    """Seconds."""
    waiting = queue.SimpleQueue()
    for batch in batches:
        waiting.put(batch)

    def run():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            try:
                batch = waiting.get_nowait()
            except queue.Empty:
                return
            for path, headers, body in batch:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer.status} {text[:300]}")
    threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - begin


class Bench:
    def __init__(self, folder: pathlib.Path, binaries: pathlib.Path):
        self.folder, self.binaries, self.port = folder, binaries, free_port()
        self.children = []

    def start_server(self, database: pathlib.Path) -> subprocess.Popen:
        server = start([PYTHON, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1", "--backend-store-uri",
                        f"sqlite:///{database}", "--artifacts-destination", self.folder / "artifacts"],
                       self.folder / "server.log", f"http://127.0.0.1:{self.port}/health")
        self.children.append(server)
        return server

    def stop(self, child: subprocess.Popen) -> None:
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        self.children.remove(child)

    def command(self, *arguments) -> str:
        return subprocess.run([self.binaries / "tracelink", *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True,
                              env=environment(MLFLOW_TRACKING_URI=f"http://127.0.0.1:{self.port}", MLFLOW_EXPERIMENT_NAME="bench")).stdout

    def daemon(self, state: pathlib.Path, model: str, port: int | None) -> tuple[subprocess.Popen, pathlib.Path]:
        control = self.folder / "c.sock"
        config = self.folder / "tracelinkd.yaml"
        server = f"tracking: {{uri: 'http://127.0.0.1:{port}'}}\n" if port else ""
        config.write_text(f"model: {{id: {model}}}\nexperiment: {{name: bench}}\n{server}state_dir: {state}\nlog: {{level: warn}}\n"
                          f"listen: {{socket: {{path: {self.folder}/t.sock}}}}\ncontrol: {{socket: {control}}}\nforward: {{connections: {CONNECTIONS}}}\n")
        with (self.folder / "tracelinkd.log").open("ab") as log:
            child = subprocess.Popen([self.binaries / "tracelinkd", "--config", config], stdout=log, stderr=log, env=environment())
        self.children.append(child)
        while not control.exists():
            if child.poll() is not None:
                sys.exit(f"bench: tracelinkd ended:\n{(self.folder / 'tracelinkd.log').read_text()[-3000:]}")
            time.sleep(0.01)
        return child, control

    def spans(self, control: pathlib.Path) -> dict:
        done = subprocess.run([self.binaries / "tracelink", "--control", control, "status", "--json"], stdout=subprocess.PIPE, text=True, check=False,
                              env=environment())
        return json.loads(done.stdout)["spans"] if done.stdout else {}

    def fill(self, state: pathlib.Path, model: str) -> None:
        child, _ = self.daemon(state, model, None)
        subprocess.run([self.binaries / "tracelink-bench", self.folder / "t.sock", "8", "60", "0", str(TRACES), str(SPANS)], check=True,
                       stdout=subprocess.DEVNULL)
        self.stop(child)

    def deliver(self, full: pathlib.Path, model: str, port: int) -> float:
        """Seconds, start included."""
        state = self.folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(full, state)
        begin = time.monotonic()
        child, control = self.daemon(state, model, port)
        while self.spans(control).get("delivered", 0) < TRACES * SPANS:
            time.sleep(0.05)
        took = time.monotonic() - begin
        self.stop(child)
        return took

    def run(self) -> None:
        empty, full = self.folder / "empty.db", self.folder / "full"
        server = self.start_server(empty)
        model = json.loads(self.command("models", "create", "--name", "bench", "--json"))["model_id"]
        self.stop(server)
        self.fill(full, model)
        recorder = Recorder(self.port)
        database = self.folder / "mlflow.db"
        took = {"plain client": [], "tracelinkd": []}
        batches = None
        for _ in range(ROUNDS + 1):
            for road in ("tracelinkd", "plain client"):
                shutil.copy(empty, database)
                server = self.start_server(database)
                if batches is None:
                    self.deliver(full, model, recorder.server_address[1])
                    batches = batches_of(recorder.requests)
                elif road == "tracelinkd":
                    took[road].append(self.deliver(full, model, self.port))
                else:
                    took[road].append(send_plainly(self.port, batches))
                self.stop(server)
        took["plain client"] = took["plain client"][-ROUNDS:]
        plain = statistics.median(took["plain client"])
        for road, seconds in took.items():
            middle = statistics.median(seconds)
            print(f"{road:13} {TRACES / middle:6.1f} traces/s   {plain / middle:5.2f} of the plain client   rounds: "
                  + ", ".join(f"{second:.2f} s" for second in seconds))


def main(binaries: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tracelink-bench-") as folder:
        bench = Bench(pathlib.Path(folder), binaries)
        try:
            bench.run()
        finally:
            for child in bench.children:
                child.kill()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
