"""`tracelink upgrade`: another tracelinkd takes the place of the running one, in the same process, and no client is refused."""

import contextlib
import http.client
import re
import shutil
import socket
import threading
import time

import pytest

from harness import places, unix_http
from harness.daemon import PROTOBUF
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.ports import free_port
from harness.waiting import wait_until

DONE, FAILED, UNREACHABLE = 0, 1, 3
UPGRADES = 10


def send_local(daemon) -> int:
    body = make_trace().request.SerializeToString()
    return unix_http.request(daemon.socket, "POST", "/v1/traces", body, {"Content-Type": PROTOBUF}).status


def send_tcp(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/v1/traces", make_trace().request.SerializeToString(), {"Content-Type": PROTOBUF})
        return connection.getresponse().status
    finally:
        connection.close()


class Sender:
    """Sends one trace after the other, each on a connection of its own. A connection that ends without an answer is tried
    again, as every OTLP client does; one that cannot be made is a refusal."""

    def __init__(self, send):
        self._send, self._stop = send, threading.Event()
        self.accepted, self.refusals = 0, []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                status = self._send()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                continue
            except OSError as error:
                self.refusals.append(repr(error))
                continue
            if status == 200:
                self.accepted += 1
            else:
                self.refusals.append(status)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_no_client_is_refused(make_daemon):
    port = free_port()
    daemon = make_daemon({"destination": "file", "listen": {"tcp": f"127.0.0.1:{port}"}})
    daemon.config["listen"]["socket"] = {"path": str(daemon.socket)}
    daemon.configure({})
    daemon.start()
    pid = daemon.status()["pid"]
    with Sender(lambda: send_local(daemon)) as local, Sender(lambda: send_tcp(port)) as tcp:
        for number in range(UPGRADES):
            wait_until("both have sent", lambda: min(local.accepted, tcp.accepted) > number, state=daemon.log_tail)
            upgraded = daemon.tracelink("upgrade", "--json").json()
            assert upgraded["now"] == upgraded["before"]
            assert daemon.status()["pid"] == pid
        wait_until("both send on", lambda: min(local.accepted, tcp.accepted) > UPGRADES, state=daemon.log_tail)
    assert (local.refusals, tcp.refusals) == ([], [])
    spans = daemon.wait_for_spans(queued=0)
    # A connection that ended without an answer may have been stored: at most one each time, of each client.
    sent = (local.accepted + tcp.accepted) * SPANS_PER_TRACE
    assert sent <= spans["delivered"] <= sent + 2 * UPGRADES * SPANS_PER_TRACE
    assert daemon.sigterm() == 0
    assert not daemon.socket.exists(), "the last one removes its socket file"


def test_what_could_not_start_changes_nothing(make_daemon):
    daemon = make_daemon({"destination": "file"})
    daemon.start()
    good = dict(daemon.config)
    daemon.configure({"queue": {"on_full": "forget"}})
    refused = daemon.tracelink("--control", daemon.control, "upgrade")
    assert refused.code == FAILED and "queue.on_full" in refused.err
    daemon.config = good
    daemon.configure({})
    assert daemon.tracelink("upgrade").code == DONE


def test_the_program_that_is_installed_by_now_takes_over(make_daemon, folder, monkeypatch):
    installed = folder / "bin"
    shutil.copytree(places.BIN, installed, ignore=lambda _, names: set(names) - {"tracelinkd", "tracelink"})
    monkeypatch.setattr("harness.daemon.BIN", installed)
    daemon = make_daemon({"destination": "file"})
    daemon.start()
    (installed / "tracelinkd").unlink()
    gone = daemon.tracelink("upgrade")
    assert gone.code == FAILED and "tracelinkd" in gone.err
    send_local(daemon)
    shutil.copy(places.BIN / "tracelinkd", installed / "new")
    (installed / "new").rename(installed / "tracelinkd")  # as a package does
    assert daemon.tracelink("upgrade").code == DONE
    daemon.wait_for_spans(accepted=SPANS_PER_TRACE, queued=0)


def test_without_a_daemon(make_daemon):
    daemon = make_daemon({"destination": "file"})
    assert daemon.tracelink("upgrade").code == UNREACHABLE


def test_a_signal_during_an_upgrade_ends_the_daemon(make_daemon):
    for _ in range(5):
        daemon = make_daemon({"destination": "file"})
        daemon.start()
        with socket.socket(socket.AF_UNIX) as busy:  # a client that is waited for, 2.5 s at most
            busy.connect(str(daemon.socket))
            busy.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            began = time.monotonic()
            with contextlib.suppress(http.client.RemoteDisconnected):  # the answer may not arrive
                unix_http.request(daemon.control, "POST", "/upgrade")
            wait_until("the upgrade begins", lambda: 'reason="upgrade"' in daemon.log_file.read_text(), state=daemon.log_tail)
            daemon.terminate()
            was_during = time.monotonic() - began < 2  # else a busy machine was too late with the signal
            code = daemon.exit_code()
        if was_during:
            break
    else:
        pytest.fail("the signal came five times too late to be during the upgrade")
    assert code == 0, daemon.log_tail()
    assert len(re.findall(r" tracelinkd \d", daemon.log_file.read_text())) == 1
