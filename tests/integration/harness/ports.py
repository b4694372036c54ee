"""Ports of 127.0.0.1 for servers that keep theirs over restarts."""

import itertools
import os
import random
import socket

# Below the ports that the kernel gives to outgoing connections, which could take a killed server's; a range a worker of
# pytest-xdist, at a random place for other checkouts that test at the same time.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_candidates = itertools.count(12_000 + 2_000 * _WORKER + random.randrange(1_500))


def free_port() -> int:
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
