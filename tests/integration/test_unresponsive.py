"""Nobody outside can make the daemon wait: the reader of its log, clients, connections to its ports."""

import contextlib
import os
import socket
import subprocess

import pytest
import requests
import yaml

from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import BIN
from harness.ports import free_port


@pytest.fixture
def full_pipe(tmp_path):
    """A named pipe that is full and that nobody reads."""
    path = tmp_path / "log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 512)
    yield path
    os.close(writer)
    os.close(reader)


def test_a_log_that_nobody_reads_stops_nothing(make_daemon, full_pipe):
    daemon = make_daemon({"model": {"name": "agent"}, "log": {"level": "debug"}})
    daemon.log_file = full_pipe
    daemon.log_tail = lambda: "(in the pipe)"  # reading it has no end
    daemon.start()
    for _ in range(20):
        daemon.post(make_trace().request)
    assert daemon.spans()["accepted"] == 20 * SPANS_PER_TRACE
    assert daemon.sigterm() == 0


def test_clients_that_hang_do_not_keep_it_from_stopping(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.start()
    beginnings = (b"", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nx",
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    clients = []
    for path in (daemon.socket, daemon.control):
        for beginning in beginnings:
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(path))
            client.sendall(beginning)
            clients.append(client)
    assert daemon.status()["pid"]
    assert daemon.sigterm() == 0


def test_idle_connections_to_the_probes_port_keep_nobody_out(make_daemon):
    port = free_port()
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.configure({"control": {"socket": str(daemon.control), "http": f"127.0.0.1:{port}"}})
    daemon.start()
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=300).status_code == 200
    metrics = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=300).text
    counts = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert float(counts["tracelink_control_connections_open"]) <= 32
    assert float(counts['tracelink_control_connections_closed_total{reason="evicted"}']) >= 200 - 32
    for connection in idle:
        connection.close()


@pytest.mark.parametrize("wrong", [{"queue": {"max_bytes": "1"}}, {"limits": {"connections": 0}},
                                   {"model": {"name": "a\nb"}}])
def test_a_configuration_that_cannot_work_ends_it_with_78(make_daemon, wrong):
    daemon = make_daemon({"model": {"name": "agent"}})
    daemon.config_file.write_text(yaml.safe_dump(daemon.config | wrong))
    run = subprocess.run([BIN / "tracelinkd", "--config", daemon.config_file], env=daemon.environment,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    (section, values), = wrong.items()
    assert run.returncode == 78
    assert f"{section}.{next(iter(values))}" in run.stderr
