"""A process that may open few files: it serves fewer clients, keeps what state and delivery need, or says why it does not start."""

import os
import socket
import subprocess

import pytest

from harness.daemon import BIN
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.processes import Process
from harness.waiting import wait_until

FEW = 64
CANNOT_WORK = 78


@pytest.fixture
def daemon(make_daemon, folder):
    return make_daemon({"destination": "file", "archive": {"dir": str(folder / "archive")}, "model": {"name": "agent"},
                        "forward": {"trace_grace": "10ms"}})


def start_with(daemon, files: int) -> Process:
    return Process(["bash", "-c", f'ulimit -n {files}; exec "$0" --config "$1"', BIN / "tracelinkd", daemon.config_file],
                   daemon.environment, daemon.log_file)


def connect(path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(300)
    client.connect(str(path))
    return client


def test_few_files_are_shared_out(daemon):
    process = start_with(daemon, FEW)
    daemon.adopt(process)
    daemon.wait()
    few = "at most 10 clients are served at a time, since the process may open 64 files"
    wait_until("fewer clients are told", lambda: few in daemon.log_tail(), state=daemon.log_tail)
    idle = [connect(path) for path in (daemon.socket, daemon.control) for _ in range(FEW)]
    for _ in range(3):
        daemon.post(make_trace().request)
    daemon.wait_for_spans(delivered=3 * SPANS_PER_TRACE, queued=0)
    assert len(os.listdir(f"/proc/{process.pid}/fd")) < FEW - 5, "some are left for state"
    assert "Too many open files" not in daemon.log_tail()
    for client in idle:
        client.close()
    assert daemon.sigterm() == 0


def test_too_few_files_are_a_reason_not_to_start(daemon):
    process = start_with(daemon, 40)
    assert process.wait() == CANNOT_WORK
    assert "may open 40 files and needs at least 55" in daemon.log_file.read_text()


def null_streams(pid: int) -> list[str]:
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]


def test_closed_standard_streams_are_nobody_elses(daemon):
    process = Process(["bash", "-c", 'exec "$0" --config "$1" <&- >&- 2>&-', BIN / "tracelinkd", daemon.config_file],
                      daemon.environment, daemon.log_file)
    daemon.adopt(process)
    daemon.wait()
    assert null_streams(process.pid) == ["/dev/null"] * 3
    daemon.post(make_trace().request)
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    assert daemon.sigterm() == 0


def test_what_is_printed_without_a_standard_output_is_in_no_file(daemon):
    program = ["bash", "-c", 'exec "$0" run -- sleep 1000 <&- >&- 2>&-', BIN / "tracelink"]
    process = Process(program, daemon.environment, daemon.log_file)
    wait_until("it runs", lambda: open(f"/proc/{process.pid}/cmdline").read().startswith("sleep"))
    assert null_streams(process.pid) == ["/dev/null"] * 3
    process.kill()
    printed = subprocess.run(["bash", "-c", '"$0" config show "$1" >&-', BIN / "tracelink", daemon.config_file], env=daemon.environment,
                             stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert (printed.returncode, printed.stderr) == (1, "tracelink: standard output: not all could be written\n")
