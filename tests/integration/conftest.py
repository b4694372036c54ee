import json
import logging
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

pytest.register_assert_rewrite("harness.expect")

from harness import results
from harness.daemon import Daemon
from harness.kubernetes import ENVIRONMENT as KUBERNETES
from harness.mlflow_server import ADMIN, MlflowServer, make_template, running_server
from harness.packages import make_packages
from harness.places import (APPS, BIN, CACHE, CHROMEDRIVER, CHROMIUM, CLIENTS, ENVIRONMENTS, LATEST, NEWEST, NEWEST_ALWAYS, OLDER,
                            OTHER_SERVERS, PATIENT, clean_environment, versions)
from harness.ports import free_port
from harness.postgres import Postgres

log = logging.getLogger("test")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also the tests marked long")


def shared_of_module(item) -> str:
    """The name of what the test shares with others of its file, empty if that is nothing."""
    shares = any(fixtures[-1].scope == "module" for fixtures in item._fixtureinfo.name2fixturedefs.values())
    version = getattr(item, "callspec", None) and item.callspec.params.get("server_of_module")
    return f"{item.path.stem}[{version or ''}]" if shares else ""


def pytest_collection_modifyitems(config, items):
    for item in items:  # in one process, so that what they share is made once
        if not item.get_closest_marker("xdist_group") and (shared := shared_of_module(item)):
            item.add_marker(pytest.mark.xdist_group(shared))
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def pytest_sessionstart(session):
    long = session.config.getoption("--long")
    versions = [version for version in ENVIRONMENTS if long or version == NEWEST or version not in OTHER_SERVERS]
    for needed in (BIN / "tracelinkd", BIN / "tracelink", CHROMIUM, CHROMEDRIVER, KUBERNETES / "kubectl",
                   *(ENVIRONMENTS[version] / "bin/mlflow" for version in versions),
                   *(CLIENTS / name / "sources.sha256" for name in ("node", "go", "java", "grafana", "kubernetes") if long)):
        if not needed.exists():
            setup = "scripts/setup " + ("--all" if long else "--dev")
            raise pytest.UsageError(f"{needed} is missing: run {setup} and build the release preset")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, "report_" + report.when, report)
    results.add(item, report)


def pytest_sessionfinish(session):
    results.save()


@pytest.fixture
def folder(request):
    """A short temporary folder (a socket path has 108 bytes); its logs are shown when the test fails."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tl-"))
    yield path
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        for file in sorted(path.rglob("*.log")):
            print(f"---- {file.name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-60:]))
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def templates():
    """templates(version): a migrated, empty database; made once and kept for later runs."""
    def template(version: str) -> pathlib.Path:
        kept = CACHE / f"mlflow-{version}.db"
        if not kept.exists():
            log.info("migrating a database for mlflow %s", version)
            CACHE.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="tl-") as folder:
                made = make_template(version, pathlib.Path(folder) / "server")
                copied = kept.with_suffix(f".{os.getpid()}")
                shutil.copy(made, copied)
            copied.rename(kept)
        return kept
    return template


@pytest.fixture
def make_server(folder, templates):
    """make_server(version): a server with an empty database, not started. More options are MlflowServer's."""
    servers = []

    def make(version: str, **options) -> MlflowServer:
        servers.append(MlflowServer(version, folder / f"server{len(servers)}", templates(version), **options))
        return servers[-1]
    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def authenticating_server(make_server, folder):
    """A started server with basic authentication, where everybody may read what others made and ADMIN may do all."""
    users = folder / "auth.ini"
    users.write_text("[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
                     f"database_uri = sqlite:///{folder / 'users.db'}\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n")
    server = make_server(LATEST, arguments=("--app-name", "basic-auth"), auth=ADMIN, MLFLOW_AUTH_CONFIG_PATH=str(users),
                         MLFLOW_AUTH_ADMIN_PASSWORD=ADMIN[1], MLFLOW_FLASK_SERVER_SECRET_KEY="a key for this test")
    server.start()
    return server


@pytest.fixture(params=NEWEST_ALWAYS)
def server(request, make_server):
    """A server of its own, not started: tests say when it is up."""
    return make_server(request.param)


@pytest.fixture(scope="session", params=versions(NEWEST, OLDER))
def shared_server(request, templates):
    """A running server of each version (without --long: of the tested two), for tests that leave it as it is."""
    with running_server(request.param, templates(request.param)) as server:
        yield server


@pytest.fixture(scope="module", params=versions("3.6.0", OLDER, NEWEST))
def server_of_module(request, templates):
    """A running server of each version for all tests of a file, each in an experiment of its own."""
    with running_server(request.param, templates(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def latest_server(templates):
    """A running server of the newest version, for tests of the xdist group `latest`, each file in experiments of its own."""
    with running_server(LATEST, templates(LATEST)) as server:
        yield server


@pytest.fixture
def newest_server(make_server):
    """For what does not depend on the server's version."""
    return make_server(NEWEST)


@pytest.fixture
def make_daemon(folder):
    """make_daemon(config): a daemon, not started. The balance of each that still runs is checked at the end."""
    daemons = []

    def make(config: dict) -> Daemon:
        home = folder / f"d{len(daemons)}"
        home.mkdir()
        daemons.append(Daemon(home, config))
        return daemons[-1]
    yield make
    try:
        for daemon in daemons:
            if daemon.is_running():
                daemon.spans()
    finally:
        for daemon in daemons:
            daemon.end()


@pytest.fixture
def daemon_for(make_daemon):
    """daemon_for(server, version): a daemon of the version `agent-<version>` in the experiment `support`."""
    def make(server: MlflowServer, version: str = "v1") -> Daemon:
        return make_daemon({"model": {"name": "agent", "version": version},
                            "experiment": {"name": "support"}, "tracking": {"uri": server.uri}})
    return make


@pytest.fixture
def front_of(make_daemon):
    """front_of(server): a daemon that is a tracking server in front of that one; .front is its address."""
    def make(server: MlflowServer) -> Daemon:
        address = f"127.0.0.1:{free_port()}"
        daemon = make_daemon({"model": {"name": "agent"}, "experiment": {"name": "support"}, "tracking": {"uri": server.uri}})
        # An SDK sends the spans and the info of a trace one after the other, and a busy machine lets it wait in between.
        daemon.configure({"listen": {"socket": {"path": str(daemon.socket)}, "mlflow": address}, "forward": {"trace_grace": "5s"}})
        daemon.front = f"http://{address}"
        return daemon
    return make


@pytest.fixture
def run_app():
    """run_app(daemon, app, *arguments): a Python program with only `tracelink env` to find the daemon.

    Returns what it printed: one JSON object a trace that it made.
    """
    def run(daemon: Daemon, app: str, *arguments, **environment: str) -> list[dict]:
        variables = dict(line.split("=", 1) for line in daemon.tracelink("env").out.splitlines())
        finished = subprocess.run(
            [ENVIRONMENTS[NEWEST] / "bin/python", APPS / app, *map(str, arguments)],
            env=clean_environment(GIT_PYTHON_REFRESH="quiet", **PATIENT) | variables | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
        assert finished.returncode == 0, finished.stderr[-3000:]
        return [json.loads(line) for line in finished.stdout.splitlines()]
    return run


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """What scripts/package makes of the binaries under test, without debug symbols."""
    return make_packages(tmp_path_factory.mktemp("packages"), "--without-dbgsym")


@pytest.fixture(scope="session")
def shared_postgres():
    postgres = Postgres()
    yield postgres
    postgres.remove()


@pytest.fixture
def postgres(shared_postgres):
    """A running PostgreSQL without limits; whatever a test did to it is undone."""
    yield shared_postgres
    shared_postgres.repair()


@pytest.fixture
def make_postgres_server(folder, postgres, tmp_path_factory):
    """make_postgres_server(version): like make_server, on a PostgreSQL database of its own."""
    servers = []

    def make(version: str, **options) -> MlflowServer:
        template = f"mlflow-{version}"
        if not postgres.has_database(template):
            log.info("migrating a PostgreSQL database for mlflow %s", version)
            postgres.create_database(template)
            make_template(version, tmp_path_factory.mktemp(template), postgres.uri(template))
        name = f"{folder.name}-{len(servers)}"
        postgres.create_database(name, template)
        servers.append(MlflowServer(version, folder / f"postgres-server{len(servers)}",
                                    store=postgres.uri(name), **options))
        return servers[-1]
    yield make
    for server in servers:
        server.kill()
