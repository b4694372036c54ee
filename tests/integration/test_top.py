"""`tracelink top` in a real terminal: what it shows, its keys, and that the terminal is as it was whatever ends it."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from harness.daemon import Daemon
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import BIN
from harness.stand_in import StandIn
from harness.terminal import Terminal
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """Has delivered two traces, and holds two that name experiments which are not there."""
    with contextlib.closing(StandIn()) as server:
        daemon = Daemon(tmp_path_factory.mktemp("d"), {"tracking": {"uri": server.uri}, "model": {"name": "agent", "version": "v1"}})
        daemon.start()
        try:
            for _ in range(2):
                daemon.post(make_trace().request)
            daemon.wait_for_spans(delivered=2 * SPANS_PER_TRACE)
            for experiment in ("77", "78"):
                daemon.post(make_trace().request, headers={"x-mlflow-experiment-id": experiment})
            wait_until("both are held", lambda: {"experiment 77", "experiment 78"} <= {held["scope"] for held in daemon.status()["held"]},
                       state=daemon.log_tail)
            yield daemon
        finally:
            daemon.end()


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


@pytest.fixture
def top(terminal, daemon):
    """A terminal in which top has drawn."""
    before = terminal.settings()
    terminal.run(BIN / "tracelink", "--config", daemon.config_file, "top")
    terminal.wait_for("MODELS")
    assert terminal.is_drawn_on() and not terminal.shows_cursor() and terminal.settings() != before
    yield terminal
    if terminal.is_drawn_on():
        terminal.type("q")
    terminal.wait_for("exit ")
    assert not terminal.is_drawn_on() and terminal.shows_cursor()
    assert terminal.settings() == before


def test_shows_the_numbers_of_the_status_in_80x24(top):
    lines = top.lines()
    assert lines[0].startswith("tracelink ") and lines[0].endswith("q: quit") and len(lines[0]) == 80
    assert lines[1].startswith("model     ready  agent-v1")
    # Without rates, unless the second look has come by now.
    assert re.match(r"server    up  [-\d.]+/s traces  [-\d.]+/s failed  http://127\.0\.0\.1:", lines[2]), lines[2]
    row = next(line for line in lines if line.startswith("agent-v1 "))
    assert row.split()[1] == "ready" and row.split()[-1] == "2"
    at = next(number for number, line in enumerate(lines) if line.startswith("SERVICES "))
    assert lines[at + 1].split() in (["agent", rate, str(4 * SPANS_PER_TRACE)] for rate in ("-", "0.0"))


def test_has_rates_with_the_second_look(top):
    top.wait_for("accepted 0.0/s")
    assert "up  0.0/s traces" in top.text()


def test_the_arrows_choose_a_scope_and_show_its_remedy(top):
    assert re.search(r"^> +1  experiment 7[78]$", top.text(), flags=re.MULTILINE)
    first = next(line for line in top.lines() if line.startswith(">"))
    assert "remedy" in top.text() and "1 of 2" in top.text()
    top.type("Down")
    top.wait_for("2 of 2")
    assert next(line for line in top.lines() if line.startswith(">")) != first
    top.type("Down", "Up")
    top.wait_for("1 of 2")


def test_a_new_size_is_taken_up(top):
    top.resize(50, 12)
    def fits():
        lines = top.lines()
        return len(lines) <= 12 and lines[0].startswith("tracelink ") and "q: quit" not in lines[0]
    wait_until("it fits the smaller window", fits, state=top.text)
    top.resize(120, 40)
    wait_until("it uses the larger window", lambda: top.lines()[0].endswith("q: quit") and len(top.lines()[0]) == 120, state=top.text)


def test_q_quits_and_the_shell_is_as_before(top):
    top.type("q")
    assert "exit 0" in top.wait_for("exit ")
    assert "MODELS" not in top.text()


def test_ctrl_c_quits(top):
    top.type("C-c")
    top.wait_for("exit 130")


def pid_of_top(daemon: Daemon) -> int:
    found = subprocess.run(["pgrep", "-f", f"{daemon.config_file} top$"], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it(top, daemon, number):
    os.kill(pid_of_top(daemon), number)
    top.wait_for(f"exit {128 + number}")


def test_a_daemon_that_goes_away_ends_it(top, daemon):
    daemon.sigkill()
    text = top.wait_for("exit 3")
    assert "tracelink: " in text and str(daemon.control) in text.replace("\n", "")
    daemon.start()


@pytest.mark.parametrize("arguments, environment", [((), {}), (("--json",), {"TERM": "xterm"})], ids=["no terminal", "json"])
def test_without_a_terminal_it_names_what_to_use(daemon, arguments, environment):
    ran = daemon.tracelink("top", *arguments, **environment)
    assert ran.code == 2 and ran.out == ""
    assert "tracelink status --json" in ran.err


def test_without_a_daemon_nothing_is_drawn(terminal, tmp_path):
    terminal.run(BIN / "tracelink", "--control", tmp_path / "none.sock", "top")
    assert "tracelink: " in terminal.wait_for("exit 3")
