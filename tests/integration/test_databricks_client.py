"""MLflow's own client, in each of its ways, takes the model of a workspace for one: what the daemon is compared with is not made for it."""

import json
import pathlib
import subprocess
from dataclasses import dataclass, field

import pytest

from harness.databricks_workspace import CLIENT, LOCATION, POD_TOKEN, SCHEMA, TOKEN, Fault, Refusal, Workspace
from harness.places import APPS, ENVIRONMENTS, LATEST, NEWEST, clean_environment

MODEL = "m-" + "a" * 32
START = "POST /api/3.0/mlflow/traces$"
BUSY = Refusal(429, "REQUEST_LIMIT_EXCEEDED", "slow down", {"Retry-After": "1"})
FEDERATED = {"DATABRICKS_TOKEN": "", "DATABRICKS_CLIENT_ID": CLIENT[0]}


@dataclass
class Case:
    how: str = "name"  # the application names its version
    experiment: str = "1"
    variables: dict[str, str] = field(default_factory=dict)  # "{folder}" and "{host}" are put in; "" unsets
    cloud: str = "AWS_PRESIGNED_URL"
    fault: tuple[str, Refusal, int] | None = None  # which requests are answered so, how often


CASES = {
    "version by name": Case(),
    "version created": Case("created"),
    "version by variable": Case("variable", variables={"MLFLOW_ACTIVE_MODEL_ID": MODEL}),
    "experiment by name": Case(variables={"MLFLOW_EXPERIMENT_ID": "", "MLFLOW_EXPERIMENT_NAME": "/Shared/new"}, experiment="5"),
    "files in Google's cloud": Case(cloud="GCP_SIGNED_URL"),
    "files in Azure's blobs": Case(cloud="AZURE_SAS_URI"),
    "files in Azure's lake": Case(cloud="AZURE_ADLS_GEN2_SAS_URI"),
    "files in a volume": Case(experiment="4"),
    "Unity Catalog by the experiment": Case(experiment="2"),
    "Unity Catalog by a schema": Case(experiment="3", variables={"MLFLOW_TRACING_DESTINATION": SCHEMA}),
    "a profile": Case("variable", variables={
        "MLFLOW_TRACKING_URI": "databricks://prod", "DATABRICKS_CONFIG_FILE": "{folder}/profiles", "DATABRICKS_HOST": "", "DATABRICKS_TOKEN": "",
        "MLFLOW_ACTIVE_MODEL_ID": MODEL}),
    "a service principal": Case(variables={"DATABRICKS_TOKEN": "", "DATABRICKS_CLIENT_ID": CLIENT[0], "DATABRICKS_CLIENT_SECRET": CLIENT[1]}),
    "a federated token in a file": Case(variables=FEDERATED | {"DATABRICKS_AUTH_TYPE": "file-oidc",
                                                               "DATABRICKS_OIDC_TOKEN_FILEPATH": "{folder}/token"}),
    "a federated token in a variable": Case(variables=FEDERATED | {"DATABRICKS_AUTH_TYPE": "env-oidc", "DATABRICKS_OIDC_TOKEN": POD_TOKEN}),
    "a workspace that is busy": Case(fault=(START, BUSY, 2)),
    "a workspace that is away": Case(fault=(START, Refusal(503, "TEMPORARILY_UNAVAILABLE", "later"), 2)),
    "tables that are busy": Case(experiment="2", fault=("POST /api/2.0/otel", BUSY, 2)),
}


def environment_of(case: Case, workspace: Workspace, folder: pathlib.Path) -> dict[str, str]:
    (folder / "profiles").write_text(f"[prod]\nhost = {workspace.host}\ntoken = {TOKEN}\n")
    (folder / "token").write_text(POD_TOKEN + "\n")
    variables = {"MLFLOW_TRACKING_URI": "databricks", "DATABRICKS_HOST": workspace.host, "DATABRICKS_TOKEN": TOKEN, "HOME": str(folder),
                 "MLFLOW_EXPERIMENT_ID": case.experiment, "MLFLOW_TRACING_SQL_WAREHOUSE_ID": "wh-1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    variables |= {name: value.format(folder=folder, host=workspace.host) for name, value in case.variables.items()}
    return clean_environment() | {name: value for name, value in variables.items() if value}


def span_names(workspace: Workspace, hex_id: str) -> list[str]:
    files = [file for path, file in workspace.files.items() if hex_id in path]
    spans = workspace.spans_of(hex_id) or json.loads(files[0])["spans"]
    return [span["name"] for span in spans]


def run(case: Case, workspace: Workspace, folder: pathlib.Path, version: str) -> dict:
    """What the application tells of its trace."""
    workspace.add_model(MODEL, "given", "1")
    if case.fault:
        workspace.faults = [Fault(*case.fault)]
    done = subprocess.run([ENVIRONMENTS[version] / "bin/python", APPS / "databricks_client.py", case.how], cwd=folder, text=True,
                          env=environment_of(case, workspace, folder), capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def open_workspace():
    opened = []

    def open_one(cloud: str) -> Workspace:
        opened.append(Workspace(upload_type=cloud))
        return opened[-1]
    yield open_one
    for workspace in opened:
        workspace.close()


VERSIONS = pytest.mark.parametrize("version", [NEWEST, pytest.param(LATEST, marks=pytest.mark.long)])


@VERSIONS
@pytest.mark.parametrize("name", CASES)
def test_the_client_stores_a_linked_trace(open_workspace, folder, name, version):
    case = CASES[name]
    workspace = open_workspace(case.cloud)
    told = run(case, workspace, folder, version)
    hex_id = told["trace_id"].rsplit("/")[-1].removeprefix("tr-")
    (stored,) = workspace.infos[hex_id]
    assert stored["trace_metadata"]["mlflow.modelId"] == told["model_id"]
    model = workspace.models[told["model_id"]]["info"]
    expected = ("given", "1") if case.how == "variable" else ("my-agent", case.experiment)
    assert (model["name"], model["experiment_id"], model["status"]) == (*expected, "LOGGED_MODEL_READY")
    assert span_names(workspace, hex_id) == ["answer"]


@VERSIONS
def test_the_client_loses_spans_to_a_signed_address_that_has_expired(open_workspace, folder, version):
    workspace = open_workspace("AWS_PRESIGNED_URL")
    told = run(Case(fault=("PUT /signed", Refusal(403, "", "Request has expired"), 1)), workspace, folder, version)
    assert len(workspace.infos[told["trace_id"].removeprefix("tr-")]) == 1
    assert not any(told["trace_id"] in path for path in workspace.files), "the daemon asks for another address"


@VERSIONS
def test_the_client_takes_no_prefix_from_a_variable(open_workspace, folder, version):
    workspace = open_workspace("AWS_PRESIGNED_URL")
    assert run(Case(variables={"MLFLOW_TRACING_DESTINATION": LOCATION}), workspace, folder, version)["trace_id"] is None
