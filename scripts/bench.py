"""The measurements of scripts/bench. Standard library only."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/bench/bin"
SECONDS = 10
SPANS_PER_REQUEST = 3
REQUEST_BYTES = 1700
BACKLOG_BYTES = 1 << 30
BACKLOG_PADDING = 1 << 18
# Traces, spans of each, bytes more than 1.6 KB.
BACKLOGS = [(1_000, 3, 0), (40_000, 3, 0), (150_000, 4, 3_000)]
LONGEST_DRAIN_S = 600


class Daemon:
    """A daemon that accepts and keeps, and forwards where start() is given a server."""

    def __init__(self, folder, binaries=BIN):
        self.folder = folder
        self.binaries = binaries
        self.config = folder / "tracelinkd.yaml"
        self.socket = folder / "t.sock"
        self.config.write_text(
            f"model: {{name: bench}}\nstate_dir: {folder}/state\nlisten: {{socket: {{path: {self.socket}}}}}\n"
            f"control: {{socket: {folder}/c.sock}}\n")

    def start(self, server=None):
        """Returns how many seconds passed until the socket answered."""
        begin = time.monotonic()
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MLFLOW_", "TRACELINK_"))}
        if server:
            environment["MLFLOW_TRACKING_URI"] = server
        with (self.folder / "tracelinkd.log").open("ab") as log:
            self.child = subprocess.Popen([self.binaries / "tracelinkd", "--config", self.config], stdout=log, stderr=log,
                                          env=environment)
        while subprocess.run(["curl", "--silent", "--fail", "--output", "/dev/null", "--unix-socket", self.socket,
                              "http://localhost/"], check=False).returncode != 0:
            if self.child.poll() is not None:
                sys.exit(f"bench: tracelinkd ended:\n{(self.folder / 'tracelinkd.log').read_text()[-3000:]}")
            time.sleep(0.005)
        return time.monotonic() - begin

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(60)

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, kind="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(kind + ":"):
                return int(line.split()[1]) / 1024
        raise KeyError(kind)


def measure(*command):
    run = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=False)
    if run.returncode != 0:
        sys.exit(f"bench: {pathlib.Path(command[0]).name} failed with exit code {run.returncode}")
    return json.loads(run.stdout)


def say(text):
    print(f"-- {text}", file=sys.stderr, flush=True)


def rate_row(name, result, raw):
    return [name, f"{result['per_s']:.0f}/s", f"p50 {result['p50_us']:.0f} us, p99 {result['p99_us']:.0f} us",
            f"{result['per_s'] / raw['per_s']:.2f} x raw"]


def measure_intake(daemon, raw):
    rows = [rate_row("append + fdatasync, raw", raw, raw)]
    for concurrent in (1, 64):
        say(f"{concurrent} concurrent for {SECONDS} s")
        before = daemon.cpu_s()
        result = measure(BIN / "tracelink-bench", daemon.socket, concurrent, SECONDS)
        rows.append(rate_row(f"acknowledged, {concurrent} concurrent", result, raw))
        cpu = (daemon.cpu_s() - before) / (result["count"] * SPANS_PER_REQUEST) * 1e6
        rows.append([f"CPU per million spans, {concurrent} concurrent", f"{cpu:.1f} s", "", ""])
    rows.append(["memory, peak under load", f"{daemon.memory_mib('VmHWM'):.0f} MiB", "RSS", ""])
    return rows


def measure_backlog(daemon):
    say("filling 1 GiB of backlog")
    # Eight connections, each with one large request open; the time limit only ends a run that hangs.
    measure(BIN / "tracelink-bench", daemon.socket, 8, 600, BACKLOG_PADDING, BACKLOG_BYTES // BACKLOG_PADDING)
    daemon.stop()
    start_s = daemon.start()
    return [["start to accepting, 1 GiB backlog", f"{start_s * 1000:.0f} ms", "", ""],
            ["memory, 1 GiB backlog", f"{daemon.memory_mib():.0f} MiB", "RSS", ""]]


class Sink:
    """A tracking server that answers at once."""

    def __init__(self):
        self.child = subprocess.Popen([BIN / "mlflow-sink"], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.child.stdout.readline())}"

    def counts(self):
        with urllib.request.urlopen(self.url + "/counts", timeout=10) as answer:
            return json.load(answer)

    def wait_for(self, traces):
        end = time.monotonic() + LONGEST_DRAIN_S
        while (counts := self.counts())["infos"] < traces:
            if time.monotonic() > end:
                sys.exit(f"bench: only {counts['infos']} of {traces} traces were delivered")
            time.sleep(0.05)
        return counts

    def stop(self):
        self.child.kill()
        self.child.wait()


def drain(folder, binaries, traces, spans, padding):
    """Fills a queue and delivers it: traces a second, microseconds of CPU a trace."""
    folder.mkdir()
    daemon = Daemon(folder, binaries)
    sink = Sink()
    try:
        daemon.start()
        measure(BIN / "tracelink-bench", daemon.socket, 64, 600, padding, traces, spans)
        daemon.stop()
        daemon.start(sink.url)
        counts = sink.wait_for(traces)
        cpu_us = daemon.cpu_s() / traces * 1e6
        daemon.stop()
    finally:
        if daemon.child.poll() is None:
            daemon.child.kill()
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return traces / max(counts["seconds"], 1e-3), cpu_us


def measure_delivery(folder, before):
    rows = []
    for traces, spans, padding in BACKLOGS:
        for label, binaries in [("before", before), ("after" if before else "", BIN)]:
            if not binaries:
                continue
            say(f"{traces} traces of {spans} spans, {label or binaries}")
            rate, cpu_us = drain(folder / "drain", binaries, traces, spans, padding)
            say(f"  {rate:.0f}/s, CPU {cpu_us:.0f} us a trace")
            rows.append([f"delivery of {traces:,} waiting traces, {spans} spans, "
                         f"{(1_600 + spans // 4 * 400 + padding) / 1e3:.1f} KB",
                         f"{rate:.0f}/s", f"CPU {cpu_us:.0f} us a trace", label])
    return rows


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("folder", nargs="?", default="build/bench")
    parser.add_argument("--before", type=lambda path: pathlib.Path(path).resolve())
    return parser.parse_args()


def main():
    chosen = options()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="b-", dir=pathlib.Path(chosen.folder).resolve()))
    daemon = Daemon(folder)
    try:
        say(f"raw append + fdatasync for {SECONDS} s")
        raw = measure(BIN / "raw-sync", folder, REQUEST_BYTES, SECONDS)
        start_s = daemon.start()
        rows = [["start to accepting, empty", f"{start_s * 1000:.0f} ms", "", ""],
                ["memory, idle", f"{daemon.memory_mib():.0f} MiB", "RSS", ""]]
        rows = measure_intake(daemon, raw) + rows
        rows += measure_backlog(daemon)
        daemon.stop()
        rows += measure_delivery(folder, chosen.before)
    finally:
        if getattr(daemon, "child", None) and daemon.child.poll() is None:
            daemon.child.kill()
        shutil.rmtree(folder, ignore_errors=True)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main()
