"""A real `mlflow server` that can be killed and restarted with its data and address."""

import contextlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile

import psycopg2
import requests

from .places import APPS, ENVIRONMENTS, clean_environment
from .ports import free_port
from .processes import Process
from .waiting import LIMIT_S, wait_until

ADMIN = ("admin", "the admin's password")  # of servers with basic authentication


class MlflowServer:
    """On a copy of the SQLite file `template`, or on the store of the URI `store`.

    arguments and environment are more of `mlflow server`'s own, prefix is its --static-prefix; auth is what request() says.
    """

    def __init__(self, version: str, folder: pathlib.Path, template: pathlib.Path | None = None, store: str | None = None,
                 workers: int = 1, arguments: tuple[str, ...] = (), prefix: str = "", auth: tuple[str, str] | None = None,
                 **environment: str):
        self.version = version
        self.auth = auth
        self._workers = workers
        self._arguments = [*arguments, *(["--static-prefix", prefix] if prefix else [])]
        self._environment = environment
        self._folder = folder
        self.database = folder / "mlflow.db"
        self.store = store or f"sqlite:///{self.database}"
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}{prefix}"
        self._process: Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if template:
            shutil.copy(template, self.database)

    def start(self) -> None:
        # The supervisor of several workers kills one that does not answer within 5 s, while it still imports as well.
        patience = ["--uvicorn-opts", "--timeout-worker-healthcheck 600"] if self._workers > 1 else []
        self._process = Process(
            [ENVIRONMENTS[self.version] / "bin/mlflow", "server",
             "--backend-store-uri", self.store,
             "--artifacts-destination", self._folder / "artifacts",
             "--host", "127.0.0.1", "--port", self.port, "--workers", self._workers, *patience, *self._arguments],
            clean_environment(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
                              MLFLOW_ENABLE_OTLP_EXPORTER="false", GIT_PYTHON_REFRESH="quiet") | self._environment,
            self._folder / "server.log", cwd=self._folder)
        wait_until(f"mlflow {self.version} answers", self._answers, 3 * LIMIT_S, self._process.log_tail)  # of an empty database: migrations
        # The first request makes the store, for longer than a command may wait. Whatever the answer: some servers are made to refuse.
        requests.get(self.uri + "/api/2.0/mlflow/experiments/get", params={"experiment_id": "0"}, auth=self.auth, timeout=300)

    def _answers(self) -> bool:
        assert self._process and self._process.is_running(), self.log_tail()
        try:
            return requests.get(self.uri + "/health", timeout=5).ok
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """Ends it as an operator would, so that the database is complete."""
        if self._process:
            self._process.signal_group(signal.SIGTERM)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process = None

    def narrow_span_types(self) -> None:
        """Its database refuses spans whose type is longer than 20 characters. tracelinkd repairs whatever is known to be refused
        by MLflow's own tables, so a span that is refused for good needs others."""
        if self.store.startswith("sqlite"):  # which knows no limits: the one of its values is met
            connection, change = sqlite3.connect(self.database), """
                CREATE TRIGGER narrow BEFORE INSERT ON spans WHEN length(NEW.type) > 20
                BEGIN SELECT zeroblob(2000000000); END"""
        else:
            connection = psycopg2.connect(self.store.replace("+psycopg2", ""))
            change = "ALTER TABLE spans ALTER COLUMN type TYPE varchar(20)"
        try:
            connection.cursor().execute(change)
            connection.commit()
        finally:
            connection.close()

    def log_tail(self) -> str:
        return self._process.log_tail() if self._process else "(not running)"

    def request(self, method: str, path: str, **options):
        answer = requests.request(method, self.uri + path, timeout=300, auth=self.auth, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def create_experiment(self, name: str) -> str:
        return self.request("POST", "/api/2.0/mlflow/experiments/create", json={"name": name})["experiment_id"]

    def experiment_id(self, name: str) -> str:
        answer = self.request("GET", "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": name})
        return answer["experiment"]["experiment_id"]

    def model(self, model_id: str) -> dict:
        """One LoggedModel: the REST object's `info` with tags and params as dicts."""
        found = self.request("GET", f"/api/2.0/mlflow/logged-models/{model_id}")["model"]
        info = dict(found["info"])
        info["tags"] = {tag["key"]: tag.get("value", "") for tag in info.get("tags", [])}
        info["params"] = {item["key"]: item.get("value", "") for item in found.get("data", {}).get("params", [])}
        return info

    def model_ids(self, experiment_id: str, name: str) -> list[str]:
        found = self.request("POST", "/api/2.0/mlflow/logged-models/search",
                             json={"experiment_ids": [experiment_id], "filter": f"name = '{name}'"})
        return [model["info"]["model_id"] for model in found.get("models", [])]

    def linked_traces(self, experiment_id: str, model_id: str) -> list[dict]:
        """The trace infos that the model's page shows, oldest request first."""
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
        query = {"locations": [location], "max_results": 100,
                 "filter": f"request_metadata.`mlflow.modelId` = '{model_id}'",
                 "order_by": ["timestamp_ms ASC"]}
        traces = []
        while True:
            page = self.request("POST", "/api/3.0/mlflow/traces/search", json=query)
            traces += page.get("traces", [])
            if not page.get("next_page_token"):
                return traces
            query["page_token"] = page["next_page_token"]

    def search_traces(self, experiment_id: str, model_id: str) -> list[dict]:
        """What mlflow.search_traces(model_id=…) of the server's own version returns, spans included."""
        run = subprocess.run(
            [ENVIRONMENTS[self.version] / "bin/python", APPS / "search_traces.py", experiment_id, model_id],
            env=clean_environment(MLFLOW_TRACKING_URI=self.uri, GIT_PYTHON_REFRESH="quiet"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
        assert run.returncode == 0, run.stderr[-3000:]
        return json.loads(run.stdout)


@contextlib.contextmanager
def running_server(version: str, template: pathlib.Path):
    """For tests that share one, each in an experiment of its own."""
    with tempfile.TemporaryDirectory(prefix="tl-", ignore_cleanup_errors=True) as folder:
        server = MlflowServer(version, pathlib.Path(folder), template)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def make_template(version: str, folder: pathlib.Path, store: str | None = None) -> pathlib.Path:
    """A migrated, empty database: the first start of a server takes many seconds, a copy none."""
    server = MlflowServer(version, folder, store=store)
    try:
        server.start()
        server.stop()
    finally:
        server.kill()
    return server.database
