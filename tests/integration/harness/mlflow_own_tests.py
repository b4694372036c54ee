"""A plugin of pytest for MLflow's own tests (scripts/mlflow-tests): their tracking servers have tracelinkd in front of them.

What those tests keep in a local database goes to a server, too. With FRONT_OF_MLFLOW=no they meet the servers themselves, so that
two runs differ by tracelinkd alone. RESULTS_OF_MLFLOW: a file where each test has a line as soon as it begins, and at its end another
one, which counts.
"""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from .daemon import Daemon
from .places import APPS
from .ports import free_port

SQLITE = "sqlite:///"
_fronts: dict[object, contextlib.ExitStack] = {}  # by the server
_of_test = contextlib.ExitStack()  # what the test under way has instead of a local database


@contextlib.contextmanager
def front_of(uri: str):
    """The address that a test is to use in place of the server's."""
    if os.environ.get("FRONT_OF_MLFLOW") == "no":
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        address = f"127.0.0.1:{free_port()}"
        daemon = Daemon(pathlib.Path(folder), {"model": {"name": "agent"}, "tracking": {"uri": uri}})
        daemon.configure({"listen": {"socket": {"path": str(daemon.socket)}, "mlflow": address}})
        daemon.start()
        daemon.wait_for_model()
        try:
            yield f"http://{address}"
        finally:
            daemon.end()


def pytest_collection() -> None:
    import mlflow
    from tests.tracking.integration_test_utils import ServerThread  # MLflow's

    enter, leave, set_tracking_uri = ServerThread.__enter__, ServerThread.__exit__, mlflow.set_tracking_uri

    def enter_with_front(server) -> str:
        url = enter(server)
        _fronts[server] = contextlib.ExitStack()
        return _fronts[server].enter_context(front_of(url))

    def leave_with_front(server, *raised):
        _fronts.pop(server).close()
        return leave(server, *raised)

    def set_uri_of_server(uri) -> None:
        set_tracking_uri(serve(uri.removeprefix(SQLITE)) if str(uri).startswith(SQLITE) else uri)
    ServerThread.__enter__, ServerThread.__exit__ = enter_with_front, leave_with_front
    sys.modules["tests.conftest"].path_to_local_sqlite_uri = serve
    mlflow.set_tracking_uri = set_uri_of_server


@functools.cache
def _files_server() -> tuple[subprocess.Popen, str]:
    """It is a process of its own. FastAPI makes spans of requests where the process has a tracer provider, and if that is MLflow's, as
    some of its tests want it, the thread that serves sends each such span to its own server, and waits for the answer for ever."""
    process = subprocess.Popen([sys.executable, APPS / "mlflow_files_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def serve(file: os.PathLike | str) -> str:
    """The address of a server that keeps what the test would have kept in the SQLite file."""
    shutil.copy(_migrated(), file)
    process, uri = _files_server()
    print(file, file=process.stdin, flush=True)
    assert process.stdout.readline().strip() == str(file)
    return _of_test.enter_context(front_of(uri))


def _migrated() -> pathlib.Path:
    """An empty database: to make one takes seconds, to copy it none."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    made = pathlib.Path(os.environ["MIGRATED_DATABASE"])
    if not made.exists():
        SqlAlchemyStore(f"sqlite:///{made}", made.parent.as_uri()).engine.dispose()
    return made


def pytest_fixture_post_finalizer(fixturedef) -> None:
    if fixturedef.argname in ("tracking_uri_mock", "tracking_uri"):
        _of_test.close()


def _note(test: str, result: str) -> None:
    with open(os.environ["RESULTS_OF_MLFLOW"], "a") as results:
        print(json.dumps([test, result]), file=results)


def pytest_runtest_logstart(nodeid) -> None:
    _note(nodeid, "unfinished")


def pytest_runtest_logreport(report) -> None:
    if report.when == "call" or report.outcome != "passed":
        _note(report.nodeid, report.outcome)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Else MLflow's SDK sends at exit, and again for minutes, what is left for servers that are gone."""
    if _files_server.cache_info().currsize:
        _files_server()[0].kill()
    sys.stdout.flush()
    os._exit(0)
