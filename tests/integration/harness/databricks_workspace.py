"""A model of a Databricks workspace, as strict as Databricks is known to be, for MLflow's own client and for tracelinkd.

It is composed of what MLflow's client sends and accepts and of what Databricks documents; nobody here has seen a workspace answer.
So each answer has the mark of where it comes from:
  [client]  MLflow's client sends the request so, and takes this answer
  [doc]     Databricks documents it
  [issue]   somebody reported that the service does this
  [guess]   it follows from the others
Experiment "1" keeps its traces beside itself, "2" is bound to Unity Catalog by table prefix, "3" by schema; "4" is as "1", with its
artifacts in a volume.
"""

import collections
import http.server
import json
import re
import threading
import time
import urllib.parse

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .loopback_server import LoopbackServer

TOKEN = "dapi-of-the-test"
CLIENT = ("service-principal", "its-secret")
POD_TOKEN = "pod.jwt"  # of the platform, for a token of that principal
LOCATION, SCHEMA = "main.agents.app", "main.agents"
TABLES = {LOCATION: "main.agents.app_otel_spans", SCHEMA: "main.agents.mlflow_experiment_trace_otel_spans"}
STATES = ("OK", "ERROR", "IN_PROGRESS")
PATH_TAG, TABLE_TAG = "mlflow.experiment.databricksTraceDestinationPath", "mlflow.experiment.databricksTraceSpanStorageTable"


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.headers = status, headers or {}
        self.body = {"error_code": code, "message": message}


class Fault:
    """The next `times` requests that match "METHOD path" are answered so; "lose" does what was asked, and says nothing.
    "then": the faults of whatever is asked after it."""

    def __init__(self, match: str, refusal: Refusal | None = None, times: int = 1, lose: bool = False, hook=None, then: list["Fault"] | None = None):
        self.match, self.refusal, self.times, self.lose, self.hook, self.then = re.compile(match), refusal, times, lose, hook, then


class Workspace:
    """What the workspace holds. Every field may be read at any time."""

    def __init__(self, upload_type: str = "AWS_PRESIGNED_URL", lifetime_s: float = 3600, now=time.monotonic):
        self.upload_type, self.lifetime_s, self.now = upload_type, lifetime_s, now
        self.lock = threading.RLock()
        self.experiments = {number: self._experiment(number, tags) for number, tags in (
            ("1", {}), ("2", {PATH_TAG: LOCATION, TABLE_TAG: TABLES[LOCATION]}), ("3", {PATH_TAG: SCHEMA}), ("4", {}))}
        self.models: dict[str, dict] = {}
        self.runs: dict[str, dict] = {}
        self.infos: dict[str, list[dict]] = collections.defaultdict(list)  # by 32 hex digits; the newest row counts
        self.rows: dict[str, list[dict]] = {table: [] for table in TABLES.values()}  # append-only: duplicates stay
        self.files: dict[str, bytes] = {}
        self.tokens: dict[str, float] = {}  # until when
        self.issued: list[str] = []  # every token that was ever given
        self.searches: list[list[dict]] = []  # what each found
        self.next_page = ""  # the token that every page of a search names
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.connections_dropped = 0
        self.keeps_spans = False  # says so of each trace beside an experiment [client]: then no file is uploaded
        workspace = self

        class Handler(_Handler):
            pass
        Handler.workspace = workspace
        self._server = LoopbackServer(Handler)
        self.host = self._server.uri

    def close(self) -> None:
        self._server.close()

    @staticmethod
    def _experiment(number: str, tags: dict[str, str]) -> dict:
        return {"experiment_id": number, "name": f"/Shared/app-{number}", "lifecycle_stage": "active", "creation_time": 1,
                "last_update_time": 1, "artifact_location": f"dbfs:/databricks/mlflow-tracking/{number}",
                "tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def add_model(self, number: str, name: str, experiment: str, status: str = "LOGGED_MODEL_READY", **asked) -> dict:
        self.models[number] = {
            "info": {"model_id": number, "experiment_id": experiment, "name": name, "creation_timestamp_ms": 1, "last_updated_timestamp_ms": 1,
                     "status": status, "model_type": asked.get("model_type", ""),
                     "artifact_uri": f"dbfs:/databricks/mlflow-tracking/{experiment}/logged_models/{number}/artifacts",
                     "creator_id": 1, "tags": asked.get("tags", [])},
            "data": {"params": asked.get("params", [])}}
        return self.models[number]

    def spans_of(self, trace: str) -> list[dict]:
        """The rows of all tables with this trace, in the order they came."""
        import base64
        key = base64.b64encode(bytes.fromhex(trace)).decode()
        return [row for rows in self.rows.values() for row in rows if row["trace_id"] == key]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    workspace: Workspace

    def log_message(self, *_):
        pass

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        with self.workspace.lock:
            self.workspace.requests.append((self.command, url.path))
            fault = self._fault(url.path)
            try:
                if fault and fault.refusal:
                    raise fault.refusal
                status, answer, headers = self._answer(url.path, query, body)
            except Refusal as refusal:
                status, answer, headers = refusal.status, refusal.body, refusal.headers
        if fault and fault.hook:
            fault.hook()
        if fault and fault.lose:
            self.close_connection = True
            self.connection.close()
            return
        out = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "Content-Type" not in headers:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle

    def _fault(self, path: str) -> Fault | None:
        for fault in self.workspace.faults:
            if fault.times > 0 and fault.match.search(f"{self.command} {path}"):
                fault.times -= 1
                if fault.then is not None:
                    self.workspace.faults = fault.then
                return fault
        return None

    def _answer(self, path: str, query: dict, body: bytes):
        if path.startswith("/signed/"):
            return self._signed(path, query, body)
        for match, answer in _OPEN.items():
            if re.fullmatch(match, f"{self.command} {path}"):
                return answer(self, body)
        self._authenticate()
        for match, answer in _ROUTES.items():
            if found := re.fullmatch(match, f"{self.command} {path}"):
                return answer(self, *found.groups(), query=query, body=body)
        raise Refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for '{self.command} {path}'")  # [client]

    def _authenticate(self):
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        until = self.workspace.tokens.get(bearer, 0)
        if bearer != TOKEN and until <= self.workspace.now():
            raise Refusal(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")  # [doc]

    # Discovery and tokens.

    def _config(self, _body):
        return 200, {"oidc_endpoint": f"{self.workspace.host}/oidc", "account_id": "1-2-3", "workspace_id": "7474", "cloud": "AWS"}, {}  # [client]

    def _discovery(self, _body):
        return 200, {"authorization_endpoint": f"{self.workspace.host}/oidc/v1/authorize",  # [client]
                     "token_endpoint": f"{self.workspace.host}/oidc/v1/token"}, {}

    def _token(self, body):
        import base64
        expected = "Basic " + base64.b64encode(":".join(CLIENT).encode()).decode()
        form = urllib.parse.parse_qs(body.decode())
        federated = (form.get("subject_token"), form.get("client_id")) == ([POD_TOKEN], [CLIENT[0]])  # [client]
        if self.headers.get("Authorization") != expected and not federated:
            raise Refusal(401, "invalid_client", "Client authentication failed")  # [doc]
        token = f"token-{len(self.workspace.issued) + 1}"
        self.workspace.issued.append(token)
        self.workspace.tokens[token] = self.workspace.now() + self.workspace.lifetime_s
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": int(self.workspace.lifetime_s), "scope": "all-apis"}, {}  # [client]

    # Object storage.

    def _signed(self, path: str, query: dict, body: bytes):
        if self.headers.get("Authorization"):
            raise Refusal(400, "", "Only one auth mechanism allowed")  # [doc]: S3 refuses two
        files = self.workspace.files
        if self.command == "GET":
            return (200, files[path], {}) if path in files else self._no_file()
        if query.get("comp") == "block":  # [client]
            files[path + "#" + query["blockid"]] = body
        elif query.get("comp") == "blocklist":
            blocks = re.findall(r"<(?:Uncommitted|Latest)>([^<]*)<", body.decode())
            files[path] = b"".join(files.pop(path + "#" + block) for block in blocks)
        elif query.get("resource") == "file":
            files[path] = b""
        elif query.get("action") == "append":
            files[path] = files[path][:int(query["position"])] + body
        elif query.get("action") != "flush":
            files[path] = body
        return 201 if "AZURE" in self.workspace.upload_type else 200, b"", {}

    def _no_file(self):
        """In the words of the storage [doc]; MLflow's client takes any 404 for it [client]."""
        code = {"AZURE_SAS_URI": "BlobNotFound", "AZURE_ADLS_GEN2_SAS_URI": "PathNotFound"}.get(self.workspace.upload_type, "NoSuchKey")
        headers = {"x-ms-error-code": code} if "AZURE" in self.workspace.upload_type else {}
        return 404, f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'.encode(), headers | {"Content-Type": "application/xml"}

    def _credential(self, name: str) -> dict:
        return {"credential_info": {"signed_uri": f"{self.workspace.host}/signed/{name}?sig=secret", "type": self.workspace.upload_type,  # [client]
                                    "headers": [{"name": "x-amz-server-side-encryption", "value": "AES256"}]}}

    # Experiments and models: as open-source MLflow has them [client].

    def _experiment(self, query, **_):
        found = self.workspace.experiments.get(query.get("experiment_id", ""))
        if not found:
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", "No experiment with that id exists.")
        return 200, {"experiment": found}, {}

    def _experiment_by_name(self, query, **_):
        for found in self.workspace.experiments.values():
            if found["name"] == query["experiment_name"]:
                return 200, {"experiment": found}, {}
        raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", "Could not find experiment with that name.")

    def _create_experiment(self, body, **_):
        name = json.loads(body)["name"]
        if not name.startswith("/"):
            raise Refusal(400, "INVALID_PARAMETER_VALUE", f"Got an invalid experiment name '{name}'. An experiment name must be an absolute path.")  # [issue]
        number = str(len(self.workspace.experiments) + 1)
        self.workspace.experiments[number] = self.workspace._experiment(number, {}) | {"name": name}
        return 200, {"experiment_id": number}, {}

    def _create_model(self, body, **_):
        asked = json.loads(body)
        number = f"m-{len(self.workspace.models) + 1:032x}"
        model = self.workspace.add_model(number, asked.pop("name", ""), asked.pop("experiment_id"), "LOGGED_MODEL_PENDING", **asked)
        return 200, {"model": model}, {}

    def _search_models(self, body, **_):
        asked = json.loads(body)
        named = re.search(r"name\s*=\s*'([^']*)'", asked.get("filter") or "")
        return 200, {"models": [model for model in self.workspace.models.values()
                                if model["info"]["experiment_id"] in asked["experiment_ids"]
                                and (not named or model["info"]["name"] == named[1])]}, {}

    def _model(self, number: str, part: str = "", body=b"", **_):
        model = self.workspace.models.get(number)
        if not model:
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Logged model with ID '{number}' not found.")
        if self.command == "DELETE":
            del self.workspace.models[number]
            return 200, {}, {}
        if part == "/tags":
            new = json.loads(body)["tags"]
            keys = {tag["key"] for tag in new}
            model["info"]["tags"] = [tag for tag in model["info"]["tags"] if tag["key"] not in keys] + new
        elif self.command == "PATCH":
            model["info"]["status"] = json.loads(body)["status"]
        return 200, {"model": model}, {}

    def _untag_model(self, number: str, key: str, **_):
        info = self.workspace.models[number]["info"]
        info["tags"] = [tag for tag in info["tags"] if tag["key"] != urllib.parse.unquote(key)]
        return 200, {}, {}

    # Runs: metrics of models go through them, as in open-source MLflow [client].

    def _search_runs(self, body, **_):
        asked = json.loads(body)
        key, value = re.fullmatch(r"tags\.`([^`]*)` = '([^']*)'", asked["filter"]).groups()
        return 200, {"runs": [run for run in self.workspace.runs.values() if run["info"]["experiment_id"] in asked["experiment_ids"]
                              and {"key": key, "value": value} in run["data"]["tags"]]}, {}

    def _create_run(self, body, **_):
        asked = json.loads(body)
        number = f"{len(self.workspace.runs) + 1:032x}"
        self.workspace.runs[number] = {"info": {"run_id": number, "experiment_id": asked["experiment_id"], "status": "RUNNING"},
                                       "data": {"tags": asked["tags"]}}
        return 200, {"run": self.workspace.runs[number]}, {}

    def _update_run(self, body, **_):
        asked = json.loads(body)
        self.workspace.runs[asked["run_id"]]["info"] |= {"status": asked["status"]}
        return 200, {"run_info": self.workspace.runs[asked["run_id"]]["info"]}, {}

    def _log_batch(self, body, **_):
        asked = json.loads(body)
        for metric in asked["metrics"]:
            metrics = self.workspace.models[metric["model_id"]]["data"].setdefault("metrics", [])
            metrics.append(metric | {"run_id": asked["run_id"]})
        return 200, {}, {}

    def _file(self, path: str, body=b"", **_):
        """The Files API: what lies in volumes, and the small files of models [client]."""
        files = self.workspace.files
        if self.command == "PUT":
            files[path] = body
            return 204, b"", {}
        if path not in files:
            raise Refusal(404, "NOT_FOUND", f"The file {path} does not exist.")  # [doc]
        return 200, files[path], {"Content-Type": "application/octet-stream"}

    # Traces beside the experiment.

    def _check(self, info: dict, needed: tuple[str, ...]):
        for key in needed:
            if not info.get(key):
                raise Refusal(400, "INVALID_PARAMETER_VALUE", f"Missing value for required parameter '{key}'.")  # [guess]
        if info.get("state") not in STATES:
            raise Refusal(400, "INVALID_PARAMETER_VALUE", f"Trace state {info.get('state')} is not allowed.")  # [issue]
        for key, value in info.get("trace_metadata", {}).items():
            if not isinstance(value, str) or len(key) > 250 or len(value) > 250:
                raise Refusal(400, "INVALID_PARAMETER_VALUE", f"Metadata {key[:40]} is too long.")  # [guess]: the client cuts it

    def _start_trace(self, body, **_):
        info = json.loads(body)["trace"]["trace_info"]
        self._check(info, ("trace_id", "trace_location", "request_time"))
        hex_id = info["trace_id"].removeprefix("tr-")
        if self.workspace.infos[hex_id]:
            raise Refusal(400, "INVALID_PARAMETER_VALUE", f"A trace with ID '{info['trace_id']}' already exists in experiment.")  # [issue]
        experiment = info["trace_location"]["mlflow_experiment"]["experiment_id"]
        place = "Volumes/main/agents/files" if experiment == "4" else "databricks/mlflow-tracking"  # [doc]
        info.setdefault("tags", {})["mlflow.artifactLocation"] = f"dbfs:/{place}/{experiment}/{info['trace_id']}/artifacts"  # [client]
        if self.workspace.keeps_spans:
            info["tags"]["mlflow.trace.spansLocation"] = "TRACKING_STORE"
        self.workspace.infos[hex_id].append(info)
        return 200, {"trace": {"trace_info": info}}, {}

    def _known(self, trace: str) -> dict:
        rows = self.workspace.infos.get(trace.removeprefix("tr-"))
        if not rows:
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Trace with ID {trace} not found.")  # [client]
        return rows[-1]

    def _get_trace(self, trace: str, **_):
        return 200, {"trace": {"trace_info": self._known(trace)}}, {}

    def _credentials(self, trace: str, **_):
        self._known(trace)
        return 200, self._credential(f"{trace}/traces.json"), {}

    def _search_traces(self, body, **_):
        wanted = {place["mlflow_experiment"]["experiment_id"] for place in json.loads(body)["locations"]}
        return 200, self._page("traces", [info for info in self._linked(json.loads(body))
                                          if info["trace_location"].get("mlflow_experiment", {}).get("experiment_id") in wanted]), {}

    def _page(self, name: str, found: list[dict]) -> dict:
        return {name: found} | ({"next_page_token": self.workspace.next_page} if self.workspace.next_page else {})

    def _linked(self, asked: dict) -> list[dict]:
        """The infos that a search is about: all, or those of the model that its filter names [client]."""
        model = re.search(r"request_metadata\.`mlflow\.modelId` = '([^']*)'", asked.get("filter") or "")
        return [rows[-1] for rows in self.workspace.infos.values()
                if rows and (not model or rows[-1]["trace_metadata"].get("mlflow.modelId") == model[1])]

    # Traces in Unity Catalog.

    def _put_info(self, location: str, trace: str, body, **_):
        if location not in TABLES:
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Trace location {location} does not exist.")  # [guess]
        info = json.loads(body)
        self._check(info, ("trace_id", "trace_location", "request_time"))
        if info["trace_id"] != trace:
            raise Refusal(400, "INVALID_PARAMETER_VALUE", "The trace id of the path is another one.")  # [guess]
        self.workspace.infos[trace].append(info)  # the latest row wins [doc]
        return 200, info, {}

    def _spans(self, body, **_):
        table = self.headers.get("X-Databricks-UC-Table-Name")
        if not table:
            raise Refusal(400, "INVALID_PARAMETER_VALUE", "Missing table name header.")  # [doc]: the header is required
        if table not in self.workspace.rows:
            raise Refusal(404, "TABLE_DOES_NOT_EXIST", f"Table '{table}' does not exist.")  # [guess]
        if self.headers.get("Content-Type") != "application/x-protobuf" or self.headers.get("Content-Encoding"):
            raise Refusal(415, "BAD_REQUEST", "Only uncompressed protobuf is known to be taken.")  # [client]
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.workspace.rows[table] += [MessageToDict(span, preserving_proto_field_name=True) for span in scope.spans]
        return 200, b"", {"Content-Type": "application/x-protobuf"}  # [client]

    def _found(self, asked: dict) -> list[dict]:
        if any("mlflow_experiment" in place for place in asked["locations"]):
            raise Refusal(400, "INVALID_PARAMETER_VALUE", "Experiment locations not yet supported.")  # [client]: it falls back
        self._needs_warehouse(asked)
        return [info for info in self._linked(asked) if "mlflow_experiment" not in info["trace_location"]]

    def _search_at_once(self, body, **_):
        return 200, {"trace_infos": self._found(json.loads(body))}, {}  # [client]: 3.11's

    def _search_long(self, body, **_):
        self.workspace.searches.append(self._found(json.loads(body)))
        return 200, {"name": f"operation-{len(self.workspace.searches)}", "done": False}, {}

    def _search_operation(self, number: str, **_):
        response = self._page("trace_infos", self.workspace.searches[int(number) - 1])
        return 200, {"name": f"operation-{number}", "done": True, "response": response}, {}  # [client]

    def _warehouse(self, number: str, **_):
        return 200, {"id": number, "state": "RUNNING"}, {}  # [client]

    def _needs_warehouse(self, asked: dict):
        if not asked.get("sql_warehouse_id"):
            raise Refusal(400, "INVALID_PARAMETER_VALUE", "Could not resolve a SQL warehouse ID.")  # [client]

    def _batch_get(self, _location: str, query, **_):
        self._needs_warehouse(query)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        return 200, {"traces": [{"trace_info": self.workspace.infos[trace][-1], "spans": self.workspace.spans_of(trace)}
                                for trace in asked["trace_ids"] if self.workspace.infos.get(trace)]}, {}


_OPEN = {
    r"GET /\.well-known/databricks-config": _Handler._config,
    r"GET /oidc/\.well-known/oauth-authorization-server": _Handler._discovery,
    r"POST /oidc/v1/token": _Handler._token,
}
_MLFLOW = "/api/2.0/mlflow"
_ROUTES = {
    rf"GET {_MLFLOW}/experiments/get": _Handler._experiment,
    rf"GET {_MLFLOW}/experiments/get-by-name": _Handler._experiment_by_name,
    rf"POST {_MLFLOW}/experiments/create": _Handler._create_experiment,
    rf"POST {_MLFLOW}/logged-models": _Handler._create_model,
    rf"POST {_MLFLOW}/logged-models/search": _Handler._search_models,
    rf"\w+ {_MLFLOW}/logged-models/(m-[0-9a-f]+)(/tags|/params|)": _Handler._model,
    rf"DELETE {_MLFLOW}/logged-models/(m-[0-9a-f]+)/tags/([^/]+)": _Handler._untag_model,
    rf"POST {_MLFLOW}/runs/search": _Handler._search_runs,
    rf"POST {_MLFLOW}/runs/create": _Handler._create_run,
    rf"POST {_MLFLOW}/runs/update": _Handler._update_run,
    rf"POST {_MLFLOW}/runs/log-batch": _Handler._log_batch,
    r"(?:PUT|GET|HEAD) /api/2.0/fs/files(/.*)": _Handler._file,
    r"GET /api/2.0/sql/warehouses/([\w-]+)": _Handler._warehouse,
    r"POST /api/3.0/mlflow/traces": _Handler._start_trace,
    r"GET /api/3.0/mlflow/traces/(tr-[0-9a-f]{32})": _Handler._get_trace,
    r"POST /api/3.0/mlflow/traces/search": _Handler._search_traces,
    rf"GET {_MLFLOW}/traces/(tr-[0-9a-f]{{32}})/credentials-for-data-(?:up|down)load": _Handler._credentials,
    r"POST /api/4.0/mlflow/traces/search": _Handler._search_at_once,
    r"POST /api/4.0/mlflow/traces/search-long-running": _Handler._search_long,
    r"GET /api/4.0/mlflow/traces/search/operations/operation-(\d+)": _Handler._search_operation,
    r"GET /api/4.0/mlflow/traces/([\w.]+)/batchGet": _Handler._batch_get,
    r"POST /api/4.0/mlflow/traces/([\w.]+)/([0-9a-f]{32})/info": _Handler._put_info,
    r"POST /api/2.0/otel/v1/traces": _Handler._spans,
}
