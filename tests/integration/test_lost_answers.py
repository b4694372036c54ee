"""The server does what the daemon asks for, and its answer is lost: each request in turn, of an application that uses all of MLflow's SDK."""

import collections
import contextlib
import json
import re
import sqlite3
import subprocess

import pytest

from harness.fault_proxy import Fault, FaultProxy
from harness.mlflow_server import MlflowServer
from harness.places import APPS, ENVIRONMENTS, NEWEST, OLDER, clean_environment, versions
from test_differential import reference
from test_mlflow_sdk import attached, changed, sees_its_own_changes, variables_of, wait_for_changes

MORE_REQUESTS_THAN_THERE_ARE = 300
SPANS = 4  # of a round

KINDS = {
    "POST /api/3.0/mlflow/traces", "POST /v1/traces",
    "PATCH /api/2.0/mlflow/traces/ID/tags", "DELETE /api/2.0/mlflow/traces/ID/tags",
    "POST /api/3.0/mlflow/traces/ID/assessments", "PATCH /api/3.0/mlflow/traces/ID/assessments/ID",
    "DELETE /api/3.0/mlflow/traces/ID/assessments/ID",
    "POST /api/2.0/mlflow/traces/delete-traces",
}
LINK_PROMPTS = "POST /api/2.0/mlflow/traces/link-prompts"  # by SDKs later than 3.6
ATTACHMENT = "PUT /api/2.0/mlflow-artifacts/artifacts/1/traces/ID/artifacts/attachments/ID"  # by SDKs from 3.11 on
KIND_OF_OLDER = "PATCH /api/2.0/mlflow/traces/ID"  # EndTrace: that server is told the tokens after the spans

OF_THE_ROAD = {
    "mlflow.trace.tokenUsage": "older servers add up what the SDK says and what they count; ours is compared with the truth",
    "mlflow.trace.sizeBytes": "the SDK counts what it knows: the link that the daemon adds is not among it",
    "mlflow.trace.sizeStats": "as above",
}


def kinds_of(version: str, made: dict) -> set[str]:
    """The requests that no run with this version may lack."""
    asked = {LINK_PROMPTS: version != "3.6.0", ATTACHMENT: made["attachments"] > 0, KIND_OF_OLDER: version == OLDER}
    return KINDS | {kind for kind, is_asked in asked.items() if is_asked}


def kind_of(request: str) -> str:
    return re.sub(r"/(?:(?:tr|a)-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", "/ID", request.partition("?")[0])


class LosesEachOnce(FaultProxy):
    """In each round the answer of one of the daemon's requests is lost: the first of those that were not lost before.

    Requests of a round are told apart by kind and number, since their order is not the same in all rounds.
    """

    def __init__(self, target_port: int):
        self._seen = collections.Counter()  # in this round, by kind
        self._lost = set()  # kind and number
        super().__init__(target_port, agent="tracelinkd/")

    def begin_round(self) -> None:
        with self._lock:
            self._seen.clear()
            self.spoiled = None

    def kinds_lost(self) -> set[str]:
        return {kind for kind, _ in self._lost}

    def _fault_for(self, request: str) -> Fault | None:
        kind = kind_of(request)
        with self._lock:
            self._seen[kind] += 1
            which = (kind, self._seen[kind])
            if self.spoiled or which in self._lost:
                return None
            self._lost.add(which)
            self.spoiled = request
            return Fault.ANSWER_LOST


class Application:
    """mlflow_changes.py as one process that goes on, round after round."""

    def __init__(self, version: str, **environment: str):
        self._process = subprocess.Popen(
            [ENVIRONMENTS[version] / "bin/python", APPS / "mlflow_changes.py", "--rounds"],
            env=clean_environment(GIT_PYTHON_REFRESH="quiet", MLFLOW_EXPERIMENT_NAME="support",
                                  MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false") | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self) -> dict:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the application has ended"
        return json.loads(line)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def without_ids(value: object, made: dict) -> object:
    text = json.dumps(value).replace(made["trace_id"], "<trace id>")
    return json.loads(re.sub(r"mlflow-attachment://[-0-9a-f]{36}", "mlflow-attachment://<id>", text))


def stored(server: MlflowServer, made: dict) -> dict:
    """All that the server has of what a round made, without what differs by run or by OF_THE_ROAD."""
    [trace] = server.request("GET", "/api/3.0/mlflow/traces/batchGet", params={"trace_ids": made["trace_id"]})["traces"]
    info = trace["trace_info"]
    names = {span["span_id"]: span["name"] for span in trace["spans"]}
    spans = [[span["name"], names.get(span.get("parent_span_id")), span.get("status"), span.get("kind"),
              sorted(span["attributes"], key=lambda attribute: attribute["key"])] for span in trace["spans"]]
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        linked = database.execute("SELECT destination_type, destination_id FROM entity_associations WHERE source_id = ?", [made["trace_id"]])
        links = sorted(map(list, linked))
    return without_ids({
        **changed(server, made), "spans": sorted(spans, key=lambda span: span[0]), "links": links,
        "attachments": sorted(content.hex() for content in attached(server, made).values()),
        "metadata": {key: value for key, value in info["trace_metadata"].items() if key not in OF_THE_ROAD},
        **{key: info.get(key) for key in ("state", "client_request_id", "request_preview", "response_preview")},
    }, made)


def made_directly(server: MlflowServer, version: str, model: str) -> dict:
    def one_round():
        with contextlib.closing(Application(version, MLFLOW_TRACKING_URI=server.uri, MLFLOW_ACTIVE_MODEL_ID=model)) as application:
            return application.round()
    return reference(server, one_round, lambda made: [made["trace_id"]])


def traces_of(server: MlflowServer) -> int:
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        return database.execute("SELECT count(*) FROM trace_info").fetchone()[0]


@pytest.mark.parametrize("version", versions(OLDER, NEWEST))
def test_each_answer_that_is_lost_changes_nothing(make_server, front_of, version):
    server = make_server(version)
    server.start()
    with contextlib.closing(LosesEachOnce(server.port)) as proxy:
        daemon = front_of(proxy)
        daemon.start()
        model = daemon.wait_for_model()["id"]
        direct = made_directly(server, version, model)
        expected, before = stored(server, direct), traces_of(server)
        with contextlib.closing(Application(version, **variables_of(daemon))) as application:
            for rounds in range(1, MORE_REQUESTS_THAN_THERE_ARE):
                proxy.begin_round()
                made = application.round()
                daemon.wait_for_spans(delivered=SPANS * rounds, queued=0)
                wait_for_changes(daemon, (made["changes"] + made["attachments"]) * rounds)
                print(proxy.spoiled)
                assert stored(server, made) == expected, proxy.spoiled
                sees_its_own_changes(made, direct)
                if proxy.spoiled is None:
                    break
        assert proxy.spoiled is None
        assert kinds_of(version, made) <= proxy.kinds_lost()
        assert traces_of(server) == before + rounds  # one of each round
