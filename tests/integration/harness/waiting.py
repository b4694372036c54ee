"""Waiting for something to become true, with a limit that only a broken product reaches."""

import logging
import time
from typing import Callable, TypeVar

T = TypeVar("T")
log = logging.getLogger("wait")

LIMIT_S = 600.0


def wait_until(what: str, probe: Callable[[], T], limit_s: float = LIMIT_S,
               state: Callable[[], object] = lambda: "") -> T:
    """The first true value of probe(); logs progress, and fails with state() after limit_s."""
    started = time.monotonic()
    reported = started
    while True:
        value = probe()
        if value:
            return value
        now = time.monotonic()
        if now - started > limit_s:
            raise AssertionError(f"not within {limit_s:.0f} s: {what}\n{state()}")
        if now - reported > 10:
            reported = now
            log.info("… %s (%.0f s)  %s", what, now - started, state())
        time.sleep(0.1)
