"""Clients that only keep the daemon waiting take nothing from one that sends traces."""

import contextlib
import socket

import pytest

from harness import hostile_clients, unix_http
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.ports import free_port

CONNECTIONS = 20


@pytest.fixture
def daemon(make_daemon):
    """Nothing is delivered: what is accepted is queued."""
    daemon = make_daemon({"model": {"name": "agent"}, "limits": {"connections": CONNECTIONS}})
    daemon.config["listen"]["tcp"] = f"127.0.0.1:{free_port()}"
    daemon.configure({})
    daemon.start()
    return daemon


def unix_connection(daemon):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(str(daemon.socket))
    return client


def tcp_connection(daemon):
    host, _, port = daemon.config["listen"]["tcp"].rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


@pytest.mark.parametrize("connect", [unix_connection, tcp_connection])
@pytest.mark.parametrize("hostile", hostile_clients.ALL)
def test_a_good_client_is_served_beside_more_of_them_than_connections(daemon, hostile, connect):
    kept = []
    for _ in range(CONNECTIONS + 5):
        with contextlib.suppress(OSError):  # the daemon may already have closed it
            kept.append(hostile(lambda: connect(daemon)))
    for number in range(1, 4):
        daemon.post(make_trace().request)
        assert daemon.spans()["accepted"] == number * SPANS_PER_TRACE
    for client in kept:
        client.close()
    assert unix_http.request(daemon.socket, "GET", "/").status == 200
