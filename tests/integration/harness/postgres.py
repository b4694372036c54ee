"""A PostgreSQL server of its own, for `mlflow server`, that can be stopped, killed, made read-only or full."""

import getpass
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg2

from .ports import free_port
from .processes import Process
from .waiting import wait_until

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")  # Debian keeps a folder a version
MLFLOW = "mlflow"  # the role of tracking servers, which is no superuser: limits apply to it
CONNECTIONS = 40


def _account() -> dict:
    """PostgreSQL refuses to run as root: the account that Debian's package makes, else one's own."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


class Postgres:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tl-pg-"))
        self._owner = _account().get("user", getpass.getuser())
        os.chown(self.folder, pwd.getpwnam(self._owner).pw_uid, -1)
        self.port = free_port()
        self._process: Process | None = None
        self._data = self.folder / "data"
        subprocess.run([PROGRAMS / "initdb", "--pgdata", self._data, "--auth", "trust", "--encoding", "UTF8",
                        "--locale", "C.UTF-8", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **_account())
        self.start()
        self.sql(f"CREATE ROLE {MLFLOW} LOGIN")

    def start(self) -> None:
        assert self._process is None, "already running"
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder,
                    "max_connections": CONNECTIONS, "fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = Process([PROGRAMS / "postgres", "-D", self._data, *options], {"LC_ALL": "C.UTF-8"},
                                self.folder / "postgres.log", cwd=self.folder, **_account())
        wait_until("PostgreSQL answers", self._answers, state=self._process.log_tail)

    def _answers(self) -> bool:
        try:
            self.sql("SELECT 1")
            return True
        except psycopg2.OperationalError:
            return False

    def stop(self) -> None:
        """As an operator does: connections are closed, everything is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """At once; the next start recovers. (SIGKILL would leave children that hold the data folder.)"""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._process:
            os.kill(self._process.pid, number)
            self._process.wait()
            self._process = None

    def repair(self) -> None:
        """Runs, and serves everybody."""
        if self._process is None:
            self.start()
        self.allow_connections(-1)
        self.set_read_only(False)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def uri(self, database: str) -> str:
        """For --backend-store-uri; the driver is named, a plain postgresql:// needs another one."""
        return f"postgresql+psycopg2://{MLFLOW}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str | None = None):
        return psycopg2.connect(host="127.0.0.1", port=self.port, dbname=database, user=user or self._owner)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple]:
        connection = self.connect(database)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create_database(self, name: str, template: str = "template0") -> None:
        self.sql(f'CREATE DATABASE "{name}" OWNER {MLFLOW} TEMPLATE "{template}"')

    def has_database(self, name: str) -> bool:
        return bool(self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"))

    def end_connections(self) -> int:
        """Ends the connections of the tracking servers, in the middle of whatever they do; their number."""
        return len(self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{MLFLOW}'"))

    def allow_connections(self, number: int) -> None:
        """At most so many of the tracking servers; -1: any number."""
        self._change_role(f"CONNECTION LIMIT {number}")

    def set_read_only(self, read_only: bool) -> None:
        """What a standby is, and a primary that is being replaced."""
        self._change_role(f"SET default_transaction_read_only = {'on' if read_only else 'off'}")

    def _change_role(self, change: str) -> None:
        self.sql(f"ALTER ROLE {MLFLOW} {change}")
        self.end_connections()  # it is read when a connection begins
