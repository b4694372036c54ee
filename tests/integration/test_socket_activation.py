"""What systemd gives and is told: a socket that outlives the daemon, in which clients wait while it restarts, and its status."""

import os
import re
import shutil
import signal
import socket
import time

import requests

from harness.daemon import PROTOBUF
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import BIN
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import wait_until

CANNOT_WORK = 78  # EX_CONFIG: systemd does not try again
ACTIVATE = shutil.which("systemd-socket-activate") or "/usr/bin/systemd-socket-activate"


def is_connected(family: socket.AddressFamily, address) -> bool:
    """The first connection is what starts the daemon."""
    with socket.socket(family) as client:
        return client.connect_ex(address) == 0


def test_a_handed_over_socket_is_served_and_left_in_place(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    process = Process([ACTIVATE, f"--listen={daemon.socket}", BIN / "tracelinkd", "--config", daemon.config_file],
                      daemon.environment, daemon.folder / "activate.log")
    daemon.adopt(process)
    wait_until("somebody listens", lambda: is_connected(socket.AF_UNIX, str(daemon.socket)), state=process.log_tail)
    daemon.post(make_trace().request)
    assert daemon.spans()["accepted"] == SPANS_PER_TRACE
    assert daemon.sigterm() == 0
    assert daemon.socket.exists(), "the socket file belongs to whoever made it"


def test_a_request_made_while_the_daemon_is_down_is_answered_by_the_next_one(make_daemon):
    daemon = make_daemon({"model": {"name": "agent"}})
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(daemon.socket))
    listener.listen(16)

    def start():
        # What systemd does: the socket as descriptor 3, and LISTEN_PID of the program itself.
        script = f'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&{listener.fileno()}'
        daemon.adopt(Process(["bash", "-c", script, "activate", BIN / "tracelinkd", "--config", daemon.config_file],
                             daemon.environment, daemon.folder / "activated.log", pass_fds=[listener.fileno()]))

    start()
    daemon.post(make_trace().request)
    assert daemon.sigterm() == 0
    body = make_trace().request.SerializeToString()
    waiting = socket.socket(socket.AF_UNIX)
    waiting.settimeout(300)
    waiting.connect(str(daemon.socket))  # accepted by the kernel; nobody serves it yet
    waiting.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (PROTOBUF.encode(), len(body)) + body)
    start()
    assert waiting.recv(4096).startswith(b"HTTP/1.1 200")
    waiting.close()
    listener.close()
    assert daemon.spans()["accepted"] == 2 * SPANS_PER_TRACE


def activate(daemon, *addresses: str) -> Process:
    """systemd's sockets: the intake's and these, of which the last is made last."""
    sockets = [f"--listen={place}" for place in (daemon.socket, *addresses)]
    daemon.socket.unlink(missing_ok=True)
    process = Process([ACTIVATE, *sockets, BIN / "tracelinkd", "--config", daemon.config_file],
                      daemon.environment, daemon.folder / "activate.log")
    host, port = addresses[-1].split(":")
    wait_until("somebody listens", lambda: is_connected(socket.AF_INET, (host, int(port))), state=process.log_tail)
    return process


def test_further_sockets_are_the_loopback_listeners(make_daemon):
    tcp, mlflow = (f"127.0.0.1:{free_port()}" for _ in range(2))
    daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}"}})
    daemon.configure({"listen": daemon.config["listen"] | {"tcp": tcp, "mlflow": mlflow}})
    daemon.adopt(activate(daemon, mlflow, tcp))
    body = make_trace().request.SerializeToString()
    sent = requests.post(f"http://{tcp}/v1/traces", body, headers={"Content-Type": PROTOBUF}, timeout=300)
    assert sent.status_code == 200, sent.text
    assert daemon.spans()["accepted"] == SPANS_PER_TRACE
    assert requests.get(f"http://{mlflow}/health", timeout=300).status_code == 503, "what is passed on: its server is away"


def test_a_socket_that_nobody_would_serve_is_no_start(make_daemon):
    tcp, other = (f"127.0.0.1:{free_port()}" for _ in range(2))
    daemon = make_daemon({"model": {"name": "agent"}})
    refused = activate(daemon, tcp)
    assert refused.wait() == CANNOT_WORK
    assert "number 2 is neither at listen.tcp (not set) nor at listen.mlflow (not set); correct ListenStream=" in refused.log_tail()
    daemon.configure({"listen": daemon.config["listen"] | {"tcp": tcp}})
    refused = activate(daemon, other)
    assert refused.wait() == CANNOT_WORK
    assert f"number 2 is neither at listen.tcp ({tcp}) nor" in refused.log_tail()


def test_systemd_is_told_of_the_model_the_depth_and_what_fails(make_daemon):
    daemon = make_daemon({"model": {"name": "agent", "version": "v1"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}"}})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(300)
        manager.bind(str(daemon.folder / "n"))
        daemon.variables["NOTIFY_SOCKET"] = str(daemon.folder / "n")
        daemon.start()
        daemon.post(make_trace().request)
        told = ""
        while not re.match(rf"STATUS=model agent-v1 unresolved; {SPANS_PER_TRACE} spans queued; .*127\.0\.0\.1", told):
            told = manager.recv(4096).decode()


def test_systemd_is_told_of_a_reload_as_notify_reload_asks_for(make_daemon):
    daemon = make_daemon({"destination": "file", "model": {"name": "agent"}})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(300)
        manager.bind(str(daemon.folder / "n"))
        daemon.variables["NOTIFY_SOCKET"] = str(daemon.folder / "n")
        daemon.start()

        def next_of(*words: str) -> str:
            while not (told := manager.recv(4096).decode()).startswith(words):
                pass
            return told
        assert next_of("READY=1")
        asked = time.monotonic_ns() // 1000
        os.kill(daemon.pid, signal.SIGHUP)
        assert int(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", next_of("READY=1", "RELOADING=1"))[1]) >= asked
        assert next_of("READY=1", "RELOADING=1") == "READY=1"
        wait_until("the outcome in the log", lambda: "configuration reloaded" in daemon.log_file.read_text())
