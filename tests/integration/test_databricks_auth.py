"""Who the daemon and the command line are to a Databricks workspace: tokens of each kind, on a workspace in this process."""

import base64
import difflib
import http.server
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest

from harness import databricks_auth
from harness.loopback_server import LoopbackServer
from harness.places import CLIENT
from harness.waiting import wait_until

SECRET = "principal-s3cret"
BASIC = "Basic " + base64.b64encode(f"sp-1:{SECRET}".encode()).decode()
FAILED = 1


class Workspace:
    """Metadata, tokens, one experiment, models. Only the newest token is let in."""

    def __init__(self):
        workspace = self
        self.asked: list[tuple[str, str]] = []
        self.agents: set[str] = set()
        self.orgs: set[str | None] = set()
        self.tokens, self.lifetime, self.accepts, self.tells = 0, 3600, BASIC, True
        self.models: dict[str, dict] = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                url = urllib.parse.urlsplit(self.path)
                workspace.asked.append((self.command, url.path))
                status, answer = workspace.answer(self, url.path, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = LoopbackServer(Handler)
        self.uri = self.server.uri

    def agent(self, auth: str) -> bool:
        return all(re.fullmatch(rf"tracelinkd/\S+ os/linux {auth}", agent) for agent in self.agents)

    def answer(self, request, path, body):
        if path == "/.well-known/databricks-config" and self.tells:
            return 200, {"oidc_endpoint": f"{self.uri}/oidc", "workspace_id": "7474"}
        if path == "/oidc/.well-known/oauth-authorization-server" and self.tells:
            return 200, {"token_endpoint": f"{self.uri}/oidc/v1/token"}
        if path == "/oidc/v1/token":
            return self.give_token(request, body.decode())
        if path.startswith("/api/"):
            self.agents.add(request.headers["User-Agent"])
            self.orgs.add(request.headers["x-databricks-org-id"])
            return self.serve_api(request, path, json.loads(body or b"{}"))
        return 404, {"error_code": "NOT_FOUND", "message": "no such path"}

    def give_token(self, request, form):
        exchanged = "subject_token=pod.jwt" in form and "client_id=sp-1" in form
        if request.headers["Authorization"] != self.accepts and not exchanged:
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
        self.tokens += 1
        return 200, {"access_token": f"token-of-{self.tokens}", "token_type": "Bearer", "expires_in": self.lifetime}

    def serve_api(self, request, path, body):
        if request.headers["Authorization"] not in (f"Bearer token-of-{self.tokens}", "Bearer dapi-1"):
            return 401, {"error_code": "UNAUTHENTICATED", "message": f"refused: {request.headers['Authorization']}"}
        if path.startswith("/api/2.0/mlflow/experiments/get"):
            return 200, {"experiment": {"experiment_id": "1", "name": "/Shared/app", "lifecycle_stage": "active", "tags": []}}
        if path == "/api/2.0/mlflow/logged-models/search":
            return 200, {"models": list(self.models.values())}
        if path == "/api/2.0/mlflow/logged-models":
            model = f"m-{len(self.models) + 1:032x}"
            self.models[model] = {"info": {"model_id": model, "experiment_id": "1", "name": body["name"], "status": "LOGGED_MODEL_PENDING",
                                           "tags": body.get("tags", []), "creation_timestamp_ms": 1, "last_updated_timestamp_ms": 1}, "data": {}}
            return 200, {"model": self.models[model]}
        if found := re.fullmatch(r"/api/2.0/mlflow/logged-models/(m-\w+)", path):
            if request.command == "PATCH":
                self.models[found[1]]["info"]["status"] = body["status"]
            return 200, {"model": self.models[found[1]]}
        if path.endswith("/tags"):
            return 200, {}
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for {path}"}


@pytest.fixture
def workspace():
    workspace = Workspace()
    yield workspace
    workspace.server.close()


@pytest.fixture
def daemon_of(make_daemon, workspace):
    """daemon_of(**variables): not started; the workspace's host and one experiment are set."""
    def make(**variables):
        daemon = make_daemon({"model": {"name": "agent", "version": "v1"}, "experiment": {"name": "/Shared/app"}, "tracking": {"uri": "databricks"}})
        daemon.variables = {"DATABRICKS_HOST": workspace.uri, **variables}
        return daemon
    return make


PRINCIPAL = {"DATABRICKS_CLIENT_ID": "sp-1", "DATABRICKS_CLIENT_SECRET": SECRET}


def test_registers_as_a_service_principal_and_leaves_no_secret_behind(workspace, daemon_of):
    daemon = daemon_of(**PRINCIPAL)
    daemon.start()
    model = daemon.wait_for_model()
    assert workspace.models[model["id"]]["info"]["status"] == "LOGGED_MODEL_READY"
    assert workspace.orgs == {"7474"}
    assert workspace.agent("auth/oauth-m2m")
    assert workspace.tokens == 1
    assert ("GET", "/version") not in workspace.asked
    status = json.dumps(daemon.status())
    assert workspace.uri in status
    shown = daemon.tracelink("config", "show").out
    assert "databricks.client_secret = ********   # DATABRICKS_CLIENT_SECRET" in shown
    kept = [file.read_bytes() for file in daemon.folder.rglob("*") if file.is_file()]
    for secret in (SECRET, "token-of-", BASIC):
        assert secret not in status + shown and not any(secret.encode() in content for content in kept)


def test_a_refused_secret_holds_until_it_is_right_and_says_which(workspace, daemon_of):
    workspace.accepts = "Basic of another secret"
    daemon = daemon_of(**PRINCIPAL)
    daemon.start()
    remedy = "refuses databricks.client_secret (DATABRICKS_CLIENT_SECRET): make a new OAuth secret for the service principal sp-1"
    error = wait_until("the remedy is shown", lambda: remedy in json.dumps(daemon.status()), state=daemon.log_tail)
    assert error and daemon.status()["model"]["state"] != "ready"
    run = daemon.tracelink("doctor", "--json")
    [token] = [finding for finding in json.loads(run.out) if finding["subject"] == "token"]
    assert (run.code, token["state"]) == (FAILED, "failed")
    assert "invalid_client: Client authentication failed" in token["message"] and remedy in token["remedy"]
    assert SECRET not in run.out


def test_commands_get_a_pods_token_of_a_host_that_tells_nothing(workspace, daemon_of):
    workspace.tells = False
    daemon = daemon_of(DATABRICKS_CLIENT_ID="sp-1")
    (daemon.folder / "jwt").write_text("pod.jwt\n")
    daemon.variables["DATABRICKS_OIDC_TOKEN_FILEPATH"] = str(daemon.folder / "jwt")
    created = daemon.tracelink("models", "create", "--name", "agent", "--json").json()
    assert created["status"] == "READY"
    assert workspace.agent("auth/file-oidc")
    assert [model["name"] for model in daemon.tracelink("models", "list", "--json").json()] == ["agent"]


def test_doctor_looks_at_each_step_of_a_profile(workspace, daemon_of):
    daemon = daemon_of()
    daemon.variables = {}
    (daemon.folder / ".databrickscfg").write_text(f"[prod]\nhost = {workspace.uri}\ntoken = dapi-1\n")
    daemon.configure({"tracking": {"uri": "databricks://prod"}})
    findings = {finding["subject"]: finding for finding in json.loads(daemon.tracelink("doctor", "--json").out)}
    steps = {subject: findings[subject]["state"] for subject in ("workspace", "discovery", "token", "experiment", "model")}
    assert steps == dict.fromkeys(steps, "ok"), findings
    assert "databricks.token (profile [prod] of " in findings["workspace"]["message"]
    check = daemon.tracelink("config", "check", DATABRICKS_CLIENT_SECRET="s")
    assert check.code == FAILED and "two kinds of credential" in check.err


@pytest.mark.parametrize("python", [sys.executable, CLIENT / "bin/python"], ids=["newest server's SDK", "newest SDK"])
def test_the_table_of_combinations_is_what_databricks_sdk_does_today(python):
    made = subprocess.run([python, "-m", "harness.databricks_auth"], cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, check=True).stdout
    kept = databricks_auth.TABLE.read_text()
    difference = list(difflib.unified_diff(kept.splitlines(), made.splitlines(), lineterm="", n=0))
    assert difference == []
