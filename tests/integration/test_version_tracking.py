"""Every example of MLflow's page "Version tracking and LoggedModel", in the order of docs/version-tracking.md."""

import subprocess

import pytest

from harness.expect import linked_once
from harness.mlflow_server import MlflowServer
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import BIN, NEWEST, clean_environment
from harness.waiting import wait_until

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 78


@pytest.fixture(scope="module")
def server(templates, tmp_path_factory):
    """One for all: each test has models and, where it counts them, an experiment of its own."""
    server = MlflowServer(NEWEST, tmp_path_factory.mktemp("server"), templates(NEWEST))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def deploy(server, make_daemon):
    """deploy(model, **variables): a running daemon with that `model` section and environment."""
    def deploy(model: dict | None = None, **variables: str):
        daemon = make_daemon({"tracking": {"uri": server.uri}} | ({"model": model} if model else {}))
        daemon.variables = variables
        daemon.start()
        return daemon
    return deploy


@pytest.fixture
def command(server, make_daemon):
    """command(*arguments, **variables): the command line of a CI job, without a daemon and a file of its own."""
    job = make_daemon({})
    return lambda *arguments, **variables: job.tracelink(*arguments, **{"MLFLOW_TRACKING_URI": server.uri} | variables)


@pytest.fixture
def work_tree(folder):
    """A real repository with one commit on `main` and a remote whose URL holds a secret."""
    tree = folder / "app"
    tree.mkdir()
    for arguments in (["init", "-q", "-b", "main"], ["remote", "add", "origin", "https://ada:secret@example.org/app.git"],
                      ["commit", "-q", "--allow-empty", "-m", "first"]):
        git(tree, *arguments)
    return tree


def git(tree, *arguments) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", *arguments], cwd=tree, check=True,
        env=clean_environment(GIT_CONFIG_GLOBAL="/dev/null"), stdout=subprocess.PIPE, text=True).stdout.strip()


def assert_links(server, daemon, model_id: str) -> None:
    """A trace sent now is linked to the model, and to nothing else."""
    trace = make_trace()
    daemon.post(trace.request)
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    linked_once(server, server.model(model_id)["experiment_id"], model_id, [trace])


# set_active_model

def test_a_name_creates_the_model_and_links_the_traces(server, deploy):
    daemon = deploy({"name": "my-agent-v1.0"})
    model = daemon.wait_for_model()
    assert model["requested_name"] == "my-agent-v1.0"
    assert server.model(model["id"])["status"] == "LOGGED_MODEL_READY"
    assert_links(server, daemon, model["id"])


def test_an_id_links_to_the_model_that_exists(server, deploy, command):
    created = command("models", "create", "--name", "by-id", "--json").json()
    daemon = deploy(MLFLOW_ACTIVE_MODEL_ID=created["model_id"])
    assert daemon.wait_for_model()["name"] == "by-id"
    assert_links(server, daemon, created["model_id"])


@pytest.mark.parametrize("model, words", [
    ({}, "no model: traces are linked to a model version; set model.name or model.id"),
    ({"name": "a", "id": "m-" + "0" * 32}, "set together with model.name; keep one of the two"),
    ({"id": "existing-model-id"}, "a name belongs in model.name"),
    ({"id": "m-0123"}, "was the id cut?"),
])
def test_neither_or_both_is_an_error_that_says_what_to_do(make_daemon, model, words):
    daemon = make_daemon({"model": model, "tracking": {"uri": "http://127.0.0.1:1"}})
    checked = daemon.tracelink("config", "check")
    assert checked.code == FAILED and words in checked.err
    refused = subprocess.run([BIN / "tracelinkd", "--config", daemon.config_file], env=daemon.environment,
                             stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert refused.returncode == BAD_CONFIGURATION and words in refused.stderr


# create_external_model

def test_nothing_gives_a_random_name(command):
    first, second = (command("models", "create", "--json").json() for _ in range(2))
    assert first["name"] and first["name"] != second["name"]
    assert first["status"] == "READY"


def test_a_name_with_a_dot_is_found_by_it(server, deploy, command):
    created = command("models", "create", "--name", "customer-support-agent-v1.0", "--json")
    assert created.json()["name"] == "customer-support-agent-v1-0"
    assert "customer-support-agent-v1-0" in created.err
    model_id = created.json()["model_id"]
    assert command("models", "get", "customer-support-agent-v1.0", "--json").json()["model_id"] == model_id
    assert deploy({"name": "customer-support-agent-v1.0"}).wait_for_model()["id"] == model_id


def test_another_model_with_the_portable_name_is_not_mistaken_for_it(command):
    other = command("models", "create", "--name", "mixed-up-v1-0", "--json").json()
    created = command("models", "create", "--name", "mixed-up-v1.0", "--json").json()
    assert created["name"].startswith("mixed-up-v1-0-")
    assert command("models", "get", "mixed-up-v1.0", "--json").json()["model_id"] == created["model_id"]
    assert command("models", "get", "mixed-up-v1-0", "--json").json()["model_id"] == other["model_id"]


FULL = {"type": "rag-agent",
        "params": {"llm_model": "gpt-4", "temperature": "0.7", "max_tokens": "1000", "retrieval_k": "5"},
        "tags": {"team": "ml-platform", "environment": "staging", "git_commit": "abc123def"}}


def assert_full(model: dict) -> None:
    assert model["model_type"] == "rag-agent"
    assert model["params"] == FULL["params"]
    assert model["tags"] == model["tags"] | FULL["tags"], "also with a commit in the environment"


def test_everything_is_stored_by_the_command(server, command):
    pairs = [f"--{kind}={key}={value}" for kind in ("param", "tag") for key, value in FULL[kind + "s"].items()]
    created = command("models", "create", "--name", "recommendation-engine-v2.1", "--model-type", "rag-agent", *pairs,
                      "--json", GIT_COMMIT="f" * 40).json()
    assert_full(created)
    assert_full(server.model(created["model_id"]))
    assert created["model_uri"] == f"models:/{created['model_id']}"


def test_everything_is_stored_by_the_daemon(server, deploy):
    daemon = deploy(FULL | {"name": "recommendation-engine-v2.2"}, GIT_COMMIT="f" * 40)
    assert_full(server.model(daemon.wait_for_model()["id"]))


def test_a_run_is_the_source(server, deploy, command):
    run = server.request("POST", "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})["run"]["info"]["run_id"]
    by_variable = command("models", "create", "--name", "in-run-1", "--json", MLFLOW_RUN_ID=f" {run}\n").json()
    by_option = command("models", "create", "--name", "in-run-2", "--source-run-id", run, "--json").json()
    by_file = server.model(deploy({"name": "in-run-3", "source_run_id": run}).wait_for_model()["id"])
    assert [model["source_run_id"] for model in (by_variable, by_option, by_file)] == [run] * 3


# Versions from git

def assert_source(model: dict, commit: str) -> None:
    assert model["name"] == f"my-app-git-{commit[:8]}"
    assert model["tags"]["git_commit"] == commit[:8]
    assert model["tags"]["mlflow.source.git.commit"] == commit
    assert model["tags"]["mlflow.source.git.branch"] == "main"
    assert model["tags"]["mlflow.source.git.repoURL"] == "https://example.org/app.git"
    assert "secret" not in str(model)


def test_a_work_tree_gives_version_and_tags(server, deploy, work_tree):
    daemon = deploy({"name": "my-app", "version": "git", "git": str(work_tree)})
    model_id = daemon.wait_for_model()["id"]
    assert_source(server.model(model_id), git(work_tree, "rev-parse", "HEAD"))
    assert_links(server, daemon, model_id)


def test_a_ci_job_gives_version_and_tags(server, deploy):
    commit = "0123456789abcdef0123456789abcdef01234567"
    daemon = deploy({"name": "my-app", "version": "git"}, GITHUB_SHA=commit, GITHUB_REF="refs/heads/main",
                    GITHUB_SERVER_URL="https://example.org", GITHUB_REPOSITORY="app.git")
    assert_source(server.model(daemon.wait_for_model()["id"]), commit)


def test_the_command_writes_the_same_tags(command, work_tree):
    git(work_tree, "commit", "-q", "--allow-empty", "-m", "second")
    commit = git(work_tree, "rev-parse", "HEAD")
    name = f"my-app-git-{commit[:8]}"
    assert_source(command("models", "create", "--name", name, "--git", work_tree, "--json").json(), commit)
    by_variables = command("models", "create", "--name", name, "--json", GIT_COMMIT=commit, GIT_BRANCH="origin/main",
                           GIT_URL="https://ada:secret@example.org/app.git").json()
    assert_source(by_variables, commit)
    none = command("models", "create", "--name", name, "--git", "off", "--json", GIT_COMMIT=commit).json()
    assert "git_commit" not in none["tags"]
    refused = command("models", "create", "--name", name, "--git", work_tree.parent)
    assert refused.code == FAILED and "holds no .git" in refused.err


def test_version_git_without_a_commit_is_an_error(make_daemon):
    daemon = make_daemon({"model": {"name": "my-app", "version": "git"}})
    checked = daemon.tracelink("config", "check")
    assert checked.code == FAILED and "set GIT_COMMIT in the deployment" in checked.err


def test_another_commit_under_one_version_is_a_warning_and_changes_nothing(server, deploy):
    model = {"name": "my-app", "version": "v1"}
    first, second = "a" * 40, "b" * 40
    model_id = deploy(model, GIT_COMMIT=first).wait_for_model()["id"]
    daemon = deploy(model, GIT_COMMIT=second)
    status = daemon.wait_for_model()
    assert status["id"] == model_id
    [short, full] = status["warnings"]
    assert first[:8] in short and second[:8] in short and first in full and second in full
    assert second in daemon.tracelink("status").out
    wait_until("the log names the other commit", lambda: second in daemon.log_tail(), state=daemon.log_tail)
    assert server.model(model_id)["tags"]["mlflow.source.git.commit"] == first


def test_a_new_model_tells_who_made_it_and_where(server, deploy, command):
    job = {"CI_JOB_URL": "https://example.org/jobs/7", "GITLAB_USER_LOGIN": "ada"}
    daemon = deploy({"name": "described", "description": "Answers *tickets*.\nIn two lines."}, **job)
    tags = server.model(daemon.wait_for_model()["id"])["tags"]
    expected = {"mlflow.user": "ada", "mlflow.source.type": "JOB", "mlflow.source.name": "https://example.org/jobs/7",
                "mlflow.note.content": "Answers *tickets*.\nIn two lines."}
    assert tags == tags | expected
    created = command("models", "create", "--name", "by-job", "--json", TRACELINK_MODEL__SOURCE="the nightly job", **job).json()
    assert created["tags"] == created["tags"] | {"mlflow.user": "ada", "mlflow.source.name": "the nightly job"}
    own = command("models", "create", "--name", "own", "--tag", "mlflow.source.name=mine", "--json", **job).json()
    assert own["tags"]["mlflow.source.name"] == "mine"


def test_a_model_that_exists_gets_no_source_afterwards(server, deploy, command):
    created = command("models", "create", "--name", "made-by-hand", "--json").json()
    daemon = deploy({"name": "made-by-hand", "tags": {"team": "ml"}}, GIT_COMMIT="a" * 40)
    assert daemon.wait_for_model()["warnings"] == []
    tags = server.model(created["model_id"])["tags"]
    assert tags["team"] == "ml" and "git_commit" not in tags


# Production

def test_mlflows_variable_may_hold_a_name(server, deploy):
    daemon = deploy(MLFLOW_ACTIVE_MODEL_ID="my-agent-v7.0")
    model = daemon.wait_for_model()
    assert (model["requested_name"], model["name"]) == ("my-agent-v7.0", "my-agent-v7-0")
    wait_until("the log says how it is taken", lambda: "taken as a name" in daemon.log_tail(), state=daemon.log_tail)
    assert_links(server, daemon, model["id"])


# Params are texts

def test_params_are_kept_as_they_are_written(server, make_daemon):
    daemon = make_daemon({"tracking": {"uri": server.uri}})
    with daemon.config_file.open("a") as file:
        file.write("model: {name: params, params: {temperature: 0.70, max_tokens: 1000, stream: yes}}\n")
    daemon.start()
    stored = server.model(daemon.wait_for_model()["id"])
    assert stored["params"] == {"temperature": "0.70", "max_tokens": "1000", "stream": "yes"}


@pytest.mark.parametrize("value, form", [([1, 2], """such as p: '["x", "y"]'"""), ({"a": 1}, """such as p: '{"x": 1}'"""),
                                         (None, """such as p: "0.7\"""")])
def test_a_param_that_is_no_text_is_an_error_with_the_right_form(make_daemon, value, form):
    daemon = make_daemon({"model": {"name": "params", "params": {"p": value}}})
    checked = daemon.tracelink("config", "check")
    assert checked.code == FAILED and "model.params.p" in checked.err and form in checked.err
