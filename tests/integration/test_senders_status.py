"""Users who may send, and no more, ask for the status (needs root, to become them)."""

import json
import shutil
import subprocess

import pytest

from harness import unix_http
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import BIN, clean_environment
from harness.ports import free_port
from harness.waiting import wait_until

MEMBER, GROUP, OUTSIDER = 60002, 60001, 60003
DONE, FAILED = 0, 1


class Other:
    """Another user of the machine, with the command line and nothing of root's."""

    def __init__(self, daemon, uid: int, gid: int):
        self._command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", daemon.folder / "tracelink", "--config", daemon.config_file]

    def run(self, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([*self._command, *arguments], env=clean_environment(HOME="/"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300, check=False)


@pytest.fixture
def daemon(make_daemon):
    """Its server is down, and an application has sent a trace of the service `checkout` into an experiment of its own."""
    daemon = make_daemon({"model": {"name": "agent"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}", "token": "very-secret"}})
    daemon.folder.parent.chmod(0o755)
    daemon.folder.chmod(0o755)
    shutil.copy(BIN / "tracelink", daemon.folder)
    daemon.configure({"listen": {"socket": {"path": str(daemon.socket), "mode": "0660", "group": str(GROUP)}}})
    daemon.start()
    daemon.post(make_trace(service="checkout").request, headers={"x-mlflow-experiment-id": "987654321"})
    wait_until("the server is known to be down", lambda: daemon.status()["server"]["state"] == "down")
    return daemon


def test_a_user_who_may_send_sees_numbers_and_states_and_no_more(daemon):
    member = Other(daemon, MEMBER, GROUP)
    asked = member.run("status", "--json")
    assert asked.returncode == DONE, asked.stderr
    seen, whole = json.loads(asked.stdout), daemon.status()
    assert seen["spans"]["accepted"] == SPANS_PER_TRACE
    assert seen["server"] == whole["server"]
    assert [entry["scope"] for entry in seen["held"]] == [entry["scope"].split()[0] for entry in whole["held"]]
    missing = whole.keys() - seen.keys()
    assert missing == {part for part in seen["left_out"] if "." not in part} and "last_error" in missing
    for word in ("checkout", "987654321", "very-secret"):
        assert word not in asked.stdout, word
    human = member.run("status")
    assert human.returncode == DONE and f"accepted {SPANS_PER_TRACE} = delivered 0" in human.stdout
    assert "only root and the daemon's user see these" in human.stdout
    check = member.run("status", "--check")
    assert (check.returncode, check.stdout) == (FAILED, f"attention: server: {whole['server']['uri']} is down\n")


def test_a_user_who_may_send_changes_nothing_and_reads_no_details(daemon):
    member = Other(daemon, MEMBER, GROUP)
    for command in (["models", "set-active", "other"], ["dead-letters", "ls"], ["reload"]):
        refused = member.run(*command)
        assert refused.returncode == FAILED and "permission denied" in refused.stderr, command
    for method, target in (("POST", "/reload"), ("GET", "/dead-letters"), ("DELETE", "/active-model")):
        assert unix_http.request(daemon.socket, method, target).status == 404, (method, target)


def test_a_user_who_may_not_send_is_told_the_group(daemon):
    refused = Other(daemon, OUTSIDER, OUTSIDER).run("status")
    assert refused.returncode == FAILED and f"join its group {GROUP}" in refused.stderr, refused.stderr


def test_a_user_who_is_not_listed_is_told_so(daemon):
    daemon.configure({"listen": {"socket": {"path": str(daemon.socket), "mode": "0666", "allow_uids": [0, MEMBER]}}})
    daemon.restart()
    assert Other(daemon, MEMBER, GROUP).run("status").returncode == DONE
    refused = Other(daemon, OUTSIDER, OUTSIDER).run("status")
    assert refused.returncode == FAILED and "listen.socket.allow_uids and allow_gids do not list it" in refused.stderr, refused.stderr
    examined = Other(daemon, OUTSIDER, OUTSIDER).run("doctor").stdout
    [told] = [line for line in examined.splitlines() if "listen.socket.allow_uids and allow_gids do not list it" in line]
    assert told.startswith("failed   socket ") and "start the daemon" not in examined, examined
