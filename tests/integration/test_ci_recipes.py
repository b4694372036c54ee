"""The recipes of docs/ci.md, each run as its CI system runs it."""

import subprocess
from typing import NamedTuple

import pytest

from harness import ci
from harness.daemon import Daemon
from harness.otlp import SPANS_PER_TRACE, SentTrace, make_trace, otlp_json
from harness.places import BIN, clean_environment

pytestmark = pytest.mark.xdist_group("latest")

EXPERIMENT = "/Shared/support"
TRACES = 20
ERROR = 2  # OTLP's status code

# What the user's own programs are here: the test questions are answered with prepared traces, a deployment is written down.
PROGRAMS = {"python": "exec tracelink send traces.json", "kubectl": "printf '%s\\n' \"$@\" >deployed"}


class System(NamedTuple):
    """variables: what it sets in a job for a commit. shown: the tags that the model has of them."""
    release: object
    variables: dict[str, str]
    shown: dict[str, str]


SYSTEMS = {
    "GitHub Actions": System(ci.github, {
        "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SHA": "{commit}", "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": "7",
        "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "example/my-agent", "GITHUB_ACTOR": "ada",
    }, {"mlflow.source.name": "https://github.com/example/my-agent/actions/runs/7", "mlflow.user": "ada",
        "mlflow.source.git.repoURL": "https://github.com/example/my-agent", "mlflow.source.type": "JOB"}),
    "GitLab CI": System(ci.gitlab, {
        "CI": "true", "GITLAB_CI": "true", "CI_COMMIT_SHA": "{commit}", "CI_COMMIT_SHORT_SHA": "{short}", "CI_COMMIT_BRANCH": "main",
        "CI_PROJECT_URL": "https://gitlab.com/example/my-agent", "GITLAB_USER_LOGIN": "ada",
        "CI_REPOSITORY_URL": "https://gitlab-ci-token:secret@gitlab.com/example/my-agent.git",
        "CI_JOB_URL": "https://gitlab.com/example/my-agent/-/jobs/7",
    }, {"mlflow.source.name": "https://gitlab.com/example/my-agent/-/jobs/7", "mlflow.user": "ada",
        "mlflow.source.git.repoURL": "https://gitlab.com/example/my-agent", "mlflow.source.type": "JOB"}),
    "Jenkins": System(ci.jenkins, {
        "JENKINS_URL": "https://ci.example.org/", "BUILD_URL": "https://ci.example.org/job/my-agent/7/", "BUILD_USER_ID": "ada",
        "GIT_COMMIT": "{commit}", "GIT_BRANCH": "origin/main", "GIT_URL": "https://example.org/my-agent.git",
    }, {"mlflow.source.name": "https://ci.example.org/job/my-agent/7/", "mlflow.user": "ada",
        "mlflow.source.git.repoURL": "https://example.org/my-agent.git", "mlflow.source.type": "JOB"}),
    "plain shell": System(ci.plain_shell, {}, {"mlflow.source.git.repoURL": "https://example.org/my-agent.git"}),
}


class Release(NamedTuple):
    passed: bool
    output: str
    deployed: list[str] | None  # the arguments of kubectl
    commit: str
    model: dict


def answers(errors: int) -> list[SentTrace]:
    """The traces of the test questions."""
    traces = [make_trace() for _ in range(TRACES)]
    for trace in traces[:errors]:
        trace.root.status.code = ERROR
    return traces


class Repository:
    """The user's: a work tree with the page's scripts, on a branch with a remote."""

    def __init__(self, folder, environment: dict[str, str]):
        self.folder, self.environment = folder / "my-agent", environment
        (self.folder / "ci").mkdir(parents=True)
        for name in ("ci/try.sh", "ci/compare.sh"):
            (self.folder / name).write_text(ci.script(name))
        self._git("init", "-q", "-b", "main")
        self._git("remote", "add", "origin", "https://example.org/my-agent.git")

    def commit(self, message: str, errors: int) -> str:
        (self.folder / "traces.json").write_bytes(b"\n".join(map(otlp_json, answers(errors))))
        self._git("commit", "-q", "--allow-empty", "-m", message)
        return self._git("rev-parse", "HEAD")

    @property
    def deployed(self) -> list[str] | None:
        file = self.folder / "deployed"
        return file.read_text().splitlines() if file.exists() else None

    def clean(self) -> None:
        self._git("clean", "-qfd", "--exclude=ci", "--exclude=traces.json")

    def _git(self, *arguments) -> str:
        return subprocess.run(["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", *arguments], cwd=self.folder,
                              check=True, env=self.environment, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture(scope="module")
def server(latest_server):
    return latest_server


@pytest.fixture(scope="module")
def experiment(server) -> str:
    return server.create_experiment(EXPERIMENT)


@pytest.fixture
def environment(folder, server) -> dict[str, str]:
    """A runner with the programs that the page asks for and the settings of the project."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    clean = clean_environment(HOME=str(folder), GIT_CONFIG_GLOBAL="/dev/null", TRACELINK_FORWARD__TRACE_GRACE="200ms")
    return clean | {"PATH": f"{programs}:{BIN.absolute()}:{clean['PATH']}", "MLFLOW_TRACKING_URI": server.uri,
                    "MLFLOW_TRACKING_TOKEN": "secret", "MLFLOW_EXPERIMENT_NAME": EXPERIMENT}


@pytest.fixture(scope="module")
def in_production(server, experiment, tmp_path_factory) -> None:
    """A version with the tag of the page, of whose questions one was answered with an error."""
    daemon = Daemon(tmp_path_factory.mktemp("d"), {
        "model": {"name": "my-agent-git-00000000", "tags": {"stage": "production"}}, "experiment": {"id": experiment},
        "tracking": {"uri": server.uri}})
    daemon.start()
    try:
        for trace in answers(errors=1):
            daemon.post(trace.request)
        daemon.wait_for_spans(delivered=TRACES * SPANS_PER_TRACE, queued=0)
    finally:
        daemon.end()


@pytest.fixture
def release(environment, folder, server, experiment):
    """release(system, errors): a release of a new commit that answers so many questions with an error."""
    repository = Repository(folder, environment)

    def release(system: str, errors: int) -> Release:
        repository.clean()
        commit = repository.commit(f"{system}, {errors} errors", errors)
        job = ci.Job(repository.folder, environment | {
            name: value.format(commit=commit, short=commit[:8]) for name, value in SYSTEMS[system].variables.items()})
        passed = SYSTEMS[system].release(job)
        [model_id] = server.model_ids(experiment, f"my-agent-git-{commit[:8]}")
        return Release(passed, job.output, repository.deployed, commit, server.model(model_id))
    return release


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_recipe_releases_what_is_as_good_and_stops_what_is_worse(system, release, in_production, server, experiment, make_daemon):
    worse = release(system, errors=3)
    assert not worse.passed and "error_rate" in worse.output, worse.output
    assert worse.deployed is None and "stage" not in worse.model["tags"]

    good = release(system, errors=1)
    assert good.passed, good.output
    expected = SYSTEMS[system].shown | {"stage": "production", "mlflow.source.git.commit": good.commit, "mlflow.source.git.branch": "main"}
    assert expected.items() <= good.model["tags"].items()
    assert len(server.linked_traces(experiment, good.model["model_id"])) == TRACES

    assert good.deployed[:4] == ["set", "env", "deployment/my-agent", "--containers=tracelink"]
    daemon = make_daemon({"experiment": {"id": experiment}, "tracking": {"uri": server.uri}})
    daemon.variables = dict(variable.split("=", 1) for variable in good.deployed[4:])
    daemon.start()
    assert daemon.wait_for_model()["id"] == good.model["model_id"]


def test_a_first_release_has_nothing_to_compare_with(environment, folder, server):
    """And a server that cannot be asked is no such release."""
    server.create_experiment("nothing in production")
    job = ci.Job(folder, environment | {"MODEL_ID": "m-0", "MLFLOW_EXPERIMENT_NAME": "nothing in production"})
    assert job.run(["sh"], ci.script("ci/compare.sh")) == "no version in production to compare with\n"
    job.environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:1"
    assert job.run(["sh"], ci.script("ci/compare.sh")) is None
