"""What happens to the state directory behind the daemon's back: files that cannot be read, or are gone."""

import json
import os
import pathlib
import shutil

import pytest

from harness import unix_http
from harness.daemon import PROTOBUF
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.waiting import wait_until


@pytest.fixture
def daemon(make_daemon, folder):
    """Keeps what it is sent, until deliver() names a destination."""
    return make_daemon({"model": {"name": "agent", "version": "v1"}, "experiment": {"name": "support"}})


def deliver(daemon):
    daemon.configure({"destination": "file", "archive": {"dir": str(daemon.folder / "archive")}, "forward": {"trace_grace": "10ms"}})


def state(daemon) -> pathlib.Path:
    return daemon.folder / "state"


def answer(daemon) -> int:
    return unix_http.request(daemon.socket, "POST", "/v1/traces", make_trace().request.SerializeToString(),
                             {"Content-Type": PROTOBUF}, timeout_s=30).status


def held(daemon, path) -> list[dict]:
    return [entry for entry in daemon.status()["held"] if str(path) in entry["scope"]]


def make_unreadable(path: pathlib.Path) -> pathlib.Path:
    """Also for root: a link to itself. The file is kept beside its directory; where that is."""
    kept = path.parent.parent / (path.name + ".kept")
    if path.exists():
        path.rename(kept)
    path.symlink_to(path.name)
    return kept


def make_readable(path: pathlib.Path, kept: pathlib.Path) -> None:
    path.unlink()
    if kept.exists():
        kept.rename(path)


@pytest.mark.parametrize("pattern", ["queue/*.segment", "queue/checkpoint", "queue/notes", "models/relinks.json",
                                     "models/links/" + 32 * "0", "dead-letters"])
def test_a_file_that_cannot_be_read_is_held_and_the_rest_goes_on(daemon, pattern):
    daemon.start()
    daemon.post(make_trace().request)
    assert daemon.sigterm() == 0
    path = next(iter(sorted(state(daemon).glob(pattern))), state(daemon) / pattern)
    kept = make_unreadable(path)
    deliver(daemon)
    daemon.start()
    wait_until("it is named", lambda: held(daemon, path), state=daemon.log_tail)
    assert "check the disk" in held(daemon, path)[0]["remedy"]
    assert f"file {path}: cannot be read" in daemon.tracelink("status").out
    daemon.post(make_trace().request)
    wait_until("what comes now is delivered", lambda: any((daemon.folder / "archive").glob("*")), state=daemon.log_tail)
    assert path.is_symlink(), "it stays where it is"
    make_readable(path, kept)
    wait_until("it is read without help", lambda: not held(daemon, path), state=daemon.log_tail)
    daemon.wait_for_spans(accepted=2 * SPANS_PER_TRACE, delivered=2 * SPANS_PER_TRACE, damaged=0)


def test_traces_wait_for_the_model_that_was_set_at_runtime(daemon):
    deliver(daemon)
    daemon.start()
    assert daemon.tracelink("models", "set-active", "agent-v2").code == 0
    assert daemon.sigterm() == 0
    path = state(daemon) / "models" / "active.json"
    kept = make_unreadable(path)
    for _ in range(2):
        daemon.start()
        wait_until("it is named", lambda: held(daemon, path), state=daemon.log_tail)
        remedy = held(daemon, path)[0]["remedy"]
        assert "check the disk" in remedy and "what is accepted meanwhile waits for it" in remedy
        assert f"file {path}: cannot be read" in daemon.tracelink("status").out
        daemon.post(make_trace().request)
        assert daemon.sigterm() == 0
    assert path.is_symlink(), "it stays where it is"
    assert not list((daemon.folder / "archive").glob("*")), "nobody knows the version yet"
    daemon.start()
    make_readable(path, kept)
    wait_until("it is read without help", lambda: not held(daemon, path), state=daemon.log_tail)
    daemon.post(make_trace().request)
    daemon.wait_for_spans(accepted=3 * SPANS_PER_TRACE, delivered=3 * SPANS_PER_TRACE, damaged=0)
    lines = [json.loads(line) for file in (daemon.folder / "archive").iterdir() for line in file.read_text().splitlines()]
    assert {line["tracelink"]["link"]["model"] for line in lines} == {"agent-v2"}
    assert daemon.tracelink("models", "relink", "agent-v1", "agent-v3").code == 0, "one link has that name for operators"


def test_totals_that_are_not_known_are_not_shown(daemon):
    daemon.start()
    daemon.post(make_trace().request)
    assert daemon.sigterm() == 0
    make_unreadable(state(daemon) / "queue" / "checkpoint")
    daemon.start()
    status = daemon.status()
    assert (status["spans"]["accepted"], status["spans"]["dropped"]["age"], status["queue"]["spans"]) == (None, None, None)
    assert any("unknown" in notice for notice in status["notices"])
    assert "unknown" in daemon.tracelink("status").out
    daemon.end()


def test_the_spans_of_a_segment_that_is_gone_are_damaged(daemon):
    for _ in range(3):
        daemon.start()
        daemon.post(make_trace().request)
        assert daemon.sigterm() == 0
    sorted((state(daemon) / "queue").glob("*.segment"))[1].unlink()
    deliver(daemon)
    daemon.start()
    daemon.wait_for_spans(accepted=3 * SPANS_PER_TRACE, delivered=2 * SPANS_PER_TRACE, damaged=SPANS_PER_TRACE)


def directory(path: pathlib.Path) -> None:
    path.mkdir()


def link_to_what_is_away(path: pathlib.Path) -> None:
    path.symlink_to("/no/such/volume/file")


@pytest.mark.parametrize("put", [directory, os.mkfifo, link_to_what_is_away])
@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_what_lies_in_the_place_of_a_segment_does_not_make_it_absent(daemon, put, which):
    for _ in range(2):
        daemon.start()
        daemon.post(make_trace().request)
        assert daemon.sigterm() == 0
    segment = sorted((state(daemon) / "queue").glob("*.segment"))[0 if which == "oldest" else -1]
    kept = state(daemon) / "kept"
    segment.rename(kept)
    put(segment)
    deliver(daemon)
    daemon.start()
    daemon.post(make_trace().request)
    wait_until("what comes now is delivered", lambda: any((daemon.folder / "archive").glob("*")), state=daemon.log_tail)
    assert held(daemon, segment)
    assert daemon.status()["spans"]["damaged"] is None, "how many spans there are is not known yet"
    segment.rmdir() if segment.is_dir() else segment.unlink()
    kept.rename(segment)
    wait_until("it is read without help", lambda: not held(daemon, segment), state=daemon.log_tail)
    daemon.wait_for_spans(accepted=3 * SPANS_PER_TRACE, delivered=3 * SPANS_PER_TRACE, damaged=0)


def test_a_dead_letter_that_was_damaged_before_it_was_finished_is_named_and_can_be_removed(daemon):
    trace = make_trace()
    trace_id = trace.trace_id.removeprefix("tr-")
    daemon.start()
    daemon.post(trace.request)
    assert daemon.sigterm() == 0
    letters = state(daemon) / "dead-letters"
    name = f"20261123T115431-{trace_id}-1-4096"
    (letters / f"{name}.pending.json").write_bytes(b'{"id": "x", "spans": 3,\n\x1b[2J no JSON')
    deliver(daemon)
    daemon.start()
    daemon.wait_for_spans(accepted=SPANS_PER_TRACE, delivered=SPANS_PER_TRACE)
    [letter] = daemon.tracelink("dead-letters", "ls", "--json").json()
    assert (letter["id"], letter["trace_id"]) == (f"{name}.damaged", trace_id)
    assert "damaged" in letter["reason"] and "dead-letters rm" in letter["reason"]
    assert any(letter["id"] in notice for notice in daemon.status()["notices"])
    shown = daemon.tracelink("dead-letters", "show", letter["id"])
    assert shown.code == 0 and "no JSON" in shown.out and "\x1b" not in shown.out
    assert daemon.tracelink("dead-letters", "replay", letter["id"]).code == 1
    assert daemon.tracelink("dead-letters", "rm", letter["id"]).code == 0
    assert daemon.tracelink("dead-letters", "ls", "--json").json() == []
    daemon.wait_for_spans(accepted=SPANS_PER_TRACE, delivered=SPANS_PER_TRACE, dead_lettered=0)


@pytest.mark.parametrize("part", ["queue", "models", "dead-letters"])
def test_a_directory_that_was_replaced_says_nothing_about_its_files(daemon, part):
    daemon.start()
    assert answer(daemon) == 200
    path, away = state(daemon) / part, daemon.folder / "away"
    path.rename(away)
    path.mkdir()  # as a mount that hides it
    wait_until("it is named", lambda: held(daemon, path), state=daemon.log_tail)
    assert answer(daemon) == (503 if part == "queue" else 200)
    path.rmdir()
    away.rename(path)
    wait_until("it is back", lambda: not held(daemon, path), state=daemon.log_tail)
    assert answer(daemon) == 200
    assert daemon.sigterm() == 0
    deliver(daemon)
    daemon.start()
    traces = 2 if part == "queue" else 3
    daemon.wait_for_spans(accepted=traces * SPANS_PER_TRACE, delivered=traces * SPANS_PER_TRACE, damaged=0)


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "moved away"])
def test_without_its_state_directory_nothing_is_acknowledged(daemon, removed):
    daemon.start()
    assert answer(daemon) == 200
    away = daemon.folder / "away"
    if removed:
        shutil.rmtree(state(daemon))
    else:
        state(daemon).rename(away)
    assert answer(daemon) == 503
    wait_until("it is told", lambda: held(daemon, state(daemon)), state=daemon.log_tail)
    os.mkdir(state(daemon))  # another one does not do
    assert answer(daemon) == 503
    if removed:
        daemon.restart()
    else:
        os.rmdir(state(daemon))
        away.rename(state(daemon))
    assert answer(daemon) == 200
    wait_until("all is well", lambda: not daemon.status()["held"], state=daemon.log_tail)
    assert daemon.sigterm() == 0
    deliver(daemon)
    daemon.start()
    daemon.wait_for_spans(delivered=(1 if removed else 2) * SPANS_PER_TRACE, queued=0)


def test_a_second_daemon_does_not_start_when_the_lock_file_was_removed(daemon, make_daemon):
    daemon.start()
    (state(daemon) / "lock").unlink()
    second = make_daemon(daemon.config | {"listen": {"socket": {"path": str(daemon.folder / "2.sock")}},
                                          "control": {"socket": str(daemon.folder / "2c.sock")}})
    with pytest.raises(AssertionError, match="locked by another tracelinkd"):
        second.start()
    wait_until("the lock file is made again", (state(daemon) / "lock").exists)
    assert answer(daemon) == 200


def test_sockets_that_are_removed_are_made_again(daemon):
    daemon.start()
    sockets = [pathlib.Path(daemon.socket), pathlib.Path(daemon.control)]
    for socket in sockets:
        socket.unlink()
    wait_until("both are there again", lambda: all(socket.is_socket() for socket in sockets), state=daemon.log_tail)
    daemon.post(make_trace().request)
    daemon.wait_for_spans(accepted=SPANS_PER_TRACE)
    for socket in sockets:
        said = f"the socket was removed and is made again socket={socket}"
        wait_until(said, lambda said=said: said in daemon.log_tail(), state=daemon.log_tail)
    assert not daemon.status()["held"]

