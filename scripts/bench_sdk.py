"""The measurement of `scripts/bench --sdk`: what MLflow's SDK costs its caller, directly and through tracelinkd, in one run. Standard library only.

Both roads end at one MLflow server with SQLite, as the integration tests install it. A trace has three spans; the experiment comes from the
environment, so that the SDK asks for it before each trace. The same is done by one thread, and by 64 of one process at once.
"""

import itertools
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv/main/bin/python"
TRACES = {1: 40, 64: 5}  # of each thread, by how many there are
ROUNDS = 3
START_S = 300

# Prints the milliseconds that each trace took its caller, behind one that is not counted.
CALLER = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
import mlflow
def trace():
    with mlflow.start_span("answer") as root:
        root.set_inputs({"question": "why?"})
        for name in ("retrieve", "generate"):
            with mlflow.start_span(name):
                pass
def took(traces):
    times = []
    for _ in range(traces):
        begin = time.perf_counter()
        trace()
        times.append((time.perf_counter() - begin) * 1000)
    return times
threads, traces = map(int, sys.argv[1:])
trace()
with ThreadPoolExecutor(threads) as pool:
    all_times = [time for times in pool.map(took, [traces] * threads) for time in times]
mlflow.flush_trace_async_logging()
print(json.dumps(all_times))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**more: str) -> dict[str, str]:
    foreign = ("MLFLOW_", "OTEL_", "TRACELINK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


def wait_for(url: str, child: subprocess.Popen, log: pathlib.Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and child.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"bench: nothing answers at {url}:\n{log.read_text()[-3000:]}")


def start(command: list, log: pathlib.Path, url: str) -> subprocess.Popen:
    with log.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    wait_for(url, child, log)
    return child


def measure(uri: str, is_async: bool, threads: int) -> list[float]:
    finished = subprocess.run(
        [PYTHON, "-c", CALLER, str(threads), str(TRACES[threads])], check=True, stdout=subprocess.PIPE, text=True,
        env=environment(MLFLOW_TRACKING_URI=uri, MLFLOW_EXPERIMENT_NAME="bench", MLFLOW_ENABLE_OTLP_EXPORTER="false",
                        MLFLOW_ENABLE_ASYNC_TRACE_LOGGING=str(is_async).lower(), GIT_PYTHON_REFRESH="quiet"))
    return json.loads(finished.stdout.splitlines()[-1])


def row(mode: str, threads: int, road: str, took: list[float], direct: list[float]) -> str:
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    return f"{mode:6} {threads:3} threads   {road:12} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   {p50 / statistics.median(direct):5.2f} of direct"


def compare(server: str, front: str, down: str) -> None:
    """Rounds of all roads by turns, so that what else the machine does meets all of them."""
    roads = {"direct": server, "tracelinkd": front, "server away": down}
    for threads, is_async in itertools.product(TRACES, (False, True)):
        took: dict[str, list[float]] = {road: [] for road in roads}
        for _ in range(ROUNDS):
            for road, uri in roads.items():
                took[road] += measure(uri, is_async, threads)
        for road, times in took.items():
            print(row("async" if is_async else "sync", threads, road, times, took["direct"]), flush=True)


def print_memory(name: str, daemon: subprocess.Popen) -> None:
    """The most that it has had, after all the rounds."""
    status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]
    print(f"memory of tracelinkd, {name}: {int(peak) / 1024:.1f} MiB at most", flush=True)


def configure(folder: pathlib.Path, server: str, port: int) -> pathlib.Path:
    folder.mkdir()
    config = folder / "tracelinkd.yaml"
    config.write_text(
        f"model: {{name: bench}}\nexperiment: {{name: bench}}\ntracking: {{uri: '{server}'}}\nstate_dir: {folder}/state\n"
        f"listen: {{socket: {{path: {folder}/t.sock}}, mlflow: 127.0.0.1:{port}}}\ncontrol: {{socket: {folder}/c.sock}}\n")
    return config


def main(binaries: pathlib.Path) -> None:
    children = []
    with tempfile.TemporaryDirectory(prefix="tracelink-bench-") as temporary:
        folder = pathlib.Path(temporary)
        ports = [free_port() for _ in range(4)]
        server, front, down = (f"http://127.0.0.1:{port}" for port in ports[:3])
        try:
            children.append(start(
                [PYTHON, "-m", "mlflow", "server", "--port", str(ports[0]), "--workers", "1", "--backend-store-uri",
                 f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "artifacts"],
                folder / "server.log", f"{server}/health"))
            subprocess.run([PYTHON, "-c", "import mlflow; mlflow.create_experiment('bench')"], check=True,
                           stdout=subprocess.DEVNULL, env=environment(MLFLOW_TRACKING_URI=server))
            for name, behind, port in (("front", server, ports[1]), ("alone", f"http://127.0.0.1:{ports[3]}", ports[2])):
                config = configure(folder / name, behind, port)
                state = folder / name / "state/models"
                state.mkdir(parents=True)
                known = {"experiment_id": "1", "name": "bench", "artifact_location": "mlflow-artifacts:/1", "lifecycle_stage": "active"}
                (state / "server.json").write_text(json.dumps(
                    {"format": 1, "uri": behind, "server_version": "3.17.2", "experiments": [known]}))
                children.append(start([binaries / "tracelinkd", "--config", config], folder / f"{name}.log",
                                      f"http://127.0.0.1:{port}/version"))
            compare(server, front, down)
            for name, daemon in zip(("server there", "server away"), children[1:]):
                print_memory(name, daemon)
        finally:
            for child in reversed(children):
                child.send_signal(signal.SIGTERM)
                child.wait(60)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
