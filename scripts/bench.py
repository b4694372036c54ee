"""The measurements of scripts/bench. Standard library only."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/bench/bin"
SECONDS = 10
SPANS_PER_REQUEST = 3
REQUEST_BYTES = 1700
BACKLOG_BYTES = 1 << 30
BACKLOG_PADDING = 1 << 18


class Daemon:
    """A daemon without a server: it accepts and keeps."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "tracelinkd.yaml"
        self.socket = folder / "t.sock"
        self.config.write_text(
            f"model: {{name: bench}}\nstate_dir: {folder}/state\nlisten: {{socket: {{path: {self.socket}}}}}\n"
            f"control: {{socket: {folder}/c.sock}}\n")

    def start(self):
        """Returns how many seconds passed until the socket answered."""
        begin = time.monotonic()
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MLFLOW_", "TRACELINK_"))}
        with (self.folder / "tracelinkd.log").open("ab") as log:
            self.child = subprocess.Popen([BIN / "tracelinkd", "--config", self.config], stdout=log, stderr=log,
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


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="b-", dir=pathlib.Path(sys.argv[1]).resolve()))
    daemon = Daemon(folder)
    try:
        say(f"raw append + fdatasync for {SECONDS} s")
        raw = measure(BIN / "raw-sync", folder, REQUEST_BYTES, SECONDS)
        start_s = daemon.start()
        rows = [["start to accepting, empty", f"{start_s * 1000:.0f} ms", "", ""],
                ["memory, idle", f"{daemon.memory_mib():.0f} MiB", "RSS", ""]]
        rows = measure_intake(daemon, raw) + rows
        rows += measure_backlog(daemon)
    finally:
        if getattr(daemon, "child", None) and daemon.child.poll() is None:
            daemon.child.kill()
        shutil.rmtree(folder, ignore_errors=True)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main()
