"""Ports of 127.0.0.1 for servers that keep theirs over restarts."""

import itertools
import os
import random
import socket


def ports_of(worker: int, workers: int) -> range:
    """Of a worker of pytest-xdist: below those that the kernel gives to outgoing connections, which could take a killed server's."""
    width = 20_000 // workers
    return range(12_000 + width * worker, 12_000 + width * (worker + 1))


def _rotated(ports: range) -> itertools.cycle:
    """From a random one on, for other checkouts that test at the same time."""
    first = random.randrange(len(ports))
    return itertools.cycle([*ports[first:], *ports[:first]])


_PORTS = ports_of(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
_candidates = _rotated(_PORTS)


def free_port() -> int:
    for port in itertools.islice(_candidates, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port of this worker is in use")
