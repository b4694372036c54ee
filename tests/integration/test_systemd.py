"""The units of systemd/ under a real systemd, booted in a machine of its own (needs root)."""

import json
import os
import pathlib
import shutil
import tempfile

import pytest

from harness.machine import Machine

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="systemd-nspawn needs root"),
              pytest.mark.xdist_group("systemd")]  # one machine for all


@pytest.fixture(scope="module")
def seen():
    """What systemd_checks.py saw."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tl-"))
    machine = Machine(folder)
    try:
        machine.write("/etc/tracelink/tracelinkd.yaml", "model: {name: agent, version: v1}\n")
        what = machine.run("systemd_checks.py")
        print(json.dumps(what, indent=1))
        yield what
    finally:
        machine.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_units_are_valid(seen):
    assert seen["verify"] == [0, ""]


def test_the_socket_belongs_to_the_group_of_those_who_may_send(seen):
    assert seen["socket"] == {"mode": "0o660", "user": "tracelink", "group": "tracelink"}
    assert seen["a member sends"] == [0, "{}200"]
    assert seen["an outsider sends"][0] != 0
    code, text = seen["an outsider asks env"]
    assert code != 0 and "group" in text and "tracelink" in text
    code, text = seen["a member asks env"]
    assert code == 0 and "unix:///run/tracelink/tracelink.sock" in text


def test_the_first_client_starts_the_service_as_its_own_user(seen):
    assert (seen["before the first client"], seen["after the first client"]) == ("inactive", "active")
    assert seen["user"] == "tracelink"
    assert seen["state"] == ["0o700", True]


def test_no_span_is_lost_in_a_restart_or_a_kill(seen):
    assert seen["restart"]["bad"] == []
    assert len(seen["kill"]["bad"]) <= 1, "at most the request whose connection was cut"
    sent = 1 + seen["restart"]["sent"] + seen["kill"]["sent"]
    assert sent - len(seen["kill"]["bad"]) <= seen["accepted"] <= sent


def test_a_hang_up_ends_nothing(seen):
    assert seen["restarts"] == "1", "only the kill"


def test_it_stops_cleanly_and_logs_to_the_journal(seen):
    assert seen["stop"] == [0, ""]
    assert seen["result"] == ["success", "0"]
    assert "socket=systemd" in seen["journal"] and "stopped" in seen["journal"]
