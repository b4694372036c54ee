"""The package and its units under a real systemd, booted in a machine of its own (needs root)."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from harness.machine import Machine
from harness.packages import with_version
from harness.places import ROOT

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="systemd-nspawn needs root"),
              pytest.mark.xdist_group("packages")]  # one machine and one package for all

UNITS = ROOT / "systemd"
PREVIOUS = "0.0.9-1"


def shell_commands() -> dict[str, str]:
    """What systemd/README.md says to type, in its order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (UNITS / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    return dict(zip(("install", "credential", "instance"), blocks, strict=True))


@pytest.fixture(scope="module")
def seen(packages):
    """What systemd_checks.py saw."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tl-"))
    machine = Machine(folder)
    try:
        with_version(packages.deb, PREVIOUS, machine.exchange)
        (machine.exchange / "new").mkdir()
        shutil.copy(packages.deb, machine.exchange / "new")
        (machine.exchange / "readme.json").write_text(json.dumps(shell_commands()))
        what = machine.run("systemd_checks.py")
        print(json.dumps(what, indent=1))
        yield what
    finally:
        machine.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_three_commands_of_the_page_make_a_service_that_takes_traces(seen):
    assert seen["install"][0] == 0, seen["install"][1]
    assert seen["enabled"] == ["enabled", "enabled"]
    assert (seen["send"], seen["model"]) == (200, "my-agent-v1")


def test_only_the_daemon_and_its_group_read_the_configuration(seen):
    assert seen["configuration"] == ["0o640", "root", "tracelink"]
    assert seen["an outsider reads the configuration"][0] == 1


def test_a_credential_as_on_the_page_is_read(seen):
    assert seen["credential"][0] == 0, seen["credential"][1]
    assert seen["token"] == [0, "0"]


def test_an_instance_has_paths_of_its_own(seen):
    assert seen["instance"][0] == 0, seen["instance"][1]
    assert seen["send to the instance"] == 200
    assert (seen["accepted by the instance"], seen["accepted by the first"]) == (1, 1)
    assert seen["state of the instance"] == [["0o700", "tracelink", "tracelink"], True]


def test_the_units_are_valid(seen):
    assert seen["verify"] == [0, ""]


def test_the_socket_belongs_to_the_group_of_those_who_may_send(seen):
    assert seen["socket"] == ["0o660", "tracelink", "tracelink"]
    assert seen["a member sends"] == [0, "{}200"]
    assert seen["an outsider sends"][0] != 0
    code, text = seen["an outsider asks env"]
    assert code != 0 and "group" in text and "tracelink" in text
    code, text = seen["a member asks env"]
    assert code == 0 and "unix:///run/tracelink/tracelink.sock" in text


def test_the_first_client_starts_the_service_as_its_own_user(seen):
    assert (seen["before the first client"], seen["after the first client"]) == ("inactive", "active")
    assert seen["user"] == "tracelink"
    assert seen["state"] == [["0o700", "tracelink", "tracelink"], True]


def test_no_span_is_lost_in_a_hundred_restarts_or_a_kill(seen):
    assert seen["restart"]["bad"] == []
    assert len(seen["kill"]["bad"]) <= 1, "at most the request whose connection was cut"
    sent = 2 + seen["restart"]["sent"] + seen["kill"]["sent"]
    assert sent - len(seen["kill"]["bad"]) <= seen["accepted"] <= sent


def test_a_hang_up_ends_nothing(seen):
    assert seen["restarts"] == "1", "only the kill"


def test_a_reload_waits_for_its_outcome_and_fails_with_a_mistake(seen):
    assert seen["reloaded"] == [0, "my-agent-v2"]
    assert seen["reload"]["bad"] == []
    assert seen["reloaded with a mistake"] == [1, "my-agent-v2"]
    assert seen["said of the mistake"] >= 1
    assert seen["reloaded again"] == [0, "my-agent-v1"]
    assert seen["reloaded an instance"] == [0, ""]
    assert seen["one process"]


def test_the_watchdog_ends_a_stuck_daemon_and_the_queue_survives(seen):
    watchdog = seen["watchdog"]
    assert watchdog["said"] >= 1 and watchdog["kept"] > 0
    assert (watchdog["accepted"], watchdog["send"]) == (watchdog["kept"], 200)


def test_an_upgrade_from_the_previous_package_restarts_each_daemon_and_loses_nothing(seen, packages):
    assert seen["dpkg"][0] == 0, seen["dpkg"][1]
    assert (seen["previous version"], seen["version"]) == (PREVIOUS, packages.deb.name.split("_")[1])
    assert seen["accepted meanwhile"] == seen["upgrade"]["sent"]
    assert seen["new processes"] == [True, True]
    assert seen["upgrade"]["bad"] == []
    assert seen["kept configuration"] == ["0o640", "root", "tracelink"]


def test_a_new_token_is_taken_up_as_the_page_says_and_refuses_nobody(seen):
    assert seen["tokens"] == ["the token", "the next token"]
    assert seen["rotation"]["bad"] == []


def test_going_back_to_the_previous_package_loses_nothing(seen):
    assert seen["dpkg back"][0] == 0, seen["dpkg back"][1]
    assert seen["version after it"] == PREVIOUS
    assert seen["accepted in it"] == seen["downgrade"]["sent"]
    assert seen["downgrade"]["bad"] == []
    assert seen["dpkg again"][0] == 0, seen["dpkg again"][1]


def test_it_stops_cleanly_and_logs_to_the_journal(seen):
    assert seen["stop"] == [0, ""]
    assert seen["result"] == ["success", "0"]
    assert "socket=systemd" in seen["journal"] and "stopped" in seen["journal"]


def test_the_journal_has_the_fields_of_events(seen):
    failing = seen["failing"]
    assert (failing["TRACELINK_SUBJECT"], failing["SYSLOG_IDENTIFIER"], failing["_TRANSPORT"]) == ("server", "tracelinkd", "journal")
    assert failing["TRACELINK_REASON"] and failing["TRACELINK_REASON"] in failing["MESSAGE"]
    assert failing.keys() >= {"TRACELINK_REMEDY", "TRACELINK_TIMES", "PRIORITY"}
    assert seen["stopped"]["TRACELINK_QUEUED_SPANS"].isdigit() and seen["stopped"]["PRIORITY"] == "6"


def test_a_mistake_in_the_configuration_is_said_once_and_not_tried_again(seen):
    assert seen["start with a mistake"] == [1, "exit-code", "78", "0"]
    assert seen["said"] == 1


def test_removing_ends_it_and_keeps_configuration_and_state(seen):
    assert seen["remove"][0] == 0, seen["remove"][1]
    assert seen["active after it"].splitlines() == ["inactive", "failed", "inactive", "inactive"], "failed: by the mistake before"
    assert seen["enabled after it"] == []
    assert seen["kept after it"] == ["/etc/tracelink/billing.yaml", "/etc/tracelink/token", "/etc/tracelink/tracelinkd.yaml",
                                     "/var/lib/tracelink/queue"]


def test_purging_leaves_what_was_made_by_hand_only(seen):
    assert seen["purge"][0] == 0, seen["purge"][1]
    assert seen["left"] == ["/etc/systemd/system/tracelinkd.service.d"]


def test_the_sandbox_of_each_service_is_tight():
    for name in ("tracelinkd.service", "tracelinkd@.service"):
        told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / name], stdout=subprocess.PIPE, text=True, check=True)
        assert float(re.search(r"Overall exposure level for \S+ ([\d.]+)", told.stdout)[1]) <= 1.5, told.stdout


def test_an_instance_differs_in_its_names_and_paths_only():
    def as_instance(text: str) -> str:
        text = text.replace("Tracelink:", "Tracelink %i:").replace("tracelinkd.socket", "tracelinkd@%i.socket")
        text = text.replace("Directory=tracelink\n", "Directory=tracelink/instances/%i\n").replace("/run/tracelink/", "/run/tracelink/instances/%i/")
        return text.replace("ExecStart=/usr/bin/tracelinkd\n", "ExecStart=/usr/bin/tracelinkd\nEnvironment=TRACELINK_CONFIG=/etc/tracelink/%i.yaml\n")
    for kind in ("service", "socket"):
        assert (UNITS / f"tracelinkd@.{kind}").read_text() == as_instance((UNITS / f"tracelinkd.{kind}").read_text())
