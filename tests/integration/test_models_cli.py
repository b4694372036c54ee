"""The life of a version from a shell: `tracelink models` on a real server."""

import contextlib
import json
import os
import pty
import subprocess

import pytest

from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import BIN
from harness.stand_in import StandIn

DONE, FAILED, USAGE = 0, 1, 2


@pytest.fixture
def server(server_of_module):
    return server_of_module


@pytest.fixture
def experiment(server, request) -> str:
    return server.create_experiment(request.node.name)


@pytest.fixture
def job(server, make_daemon, experiment):
    """The command line of a CI job in the test's experiment."""
    return make_daemon({"experiment": {"id": experiment}, "tracking": {"uri": server.uri}})


@pytest.fixture
def models(job):
    return lambda *arguments, **variables: job.tracelink("models", *arguments, **variables)


@pytest.fixture
def linked(server, experiment, make_daemon):
    """linked(name, good, bad): a model with so many traces, and of them so many errors."""
    def make(name: str, good: int, bad: int = 0) -> str:
        daemon = make_daemon({"model": {"name": name}, "experiment": {"id": experiment}, "tracking": {"uri": server.uri}})
        daemon.start()
        for number in range(good + bad):
            trace = make_trace()
            if number >= good:
                trace.root.status.code = 2
            daemon.post(trace.request)
        daemon.wait_for_spans(delivered=(good + bad) * SPANS_PER_TRACE, queued=0)
        return daemon.status()["model"]["id"]
    return make


def test_create_if_missing_makes_one_model_and_prints_its_id_alone(server, experiment, models):
    first = models("create", "--name", "agent-v1.0", "--if-missing", "--id-only", "--tag", "team=ml")
    again = models("create", "--name", "agent-v1.0", "--if-missing", "--id-only")
    assert first.out == again.out and first.out == first.out.strip() + "\n"
    assert server.model(first.out.strip())["tags"]["team"] == "ml"
    assert len(models("list", "--json").json()) == 1
    assert models("create", "--if-missing").code == USAGE


def test_what_a_variable_brings_along_at_its_ends_is_not_of_the_name(models):
    assert models("create", "--name", " agent-v1\n", "--json").json()["name"] == "agent-v1"


def test_jobs_that_create_at_once_end_with_one_model(server, job, models):
    command = [BIN / "tracelink", "--config", job.config_file, "models", "create", "--name", "agent-v1.0", "--if-missing", "--id-only"]
    jobs = [subprocess.Popen(command, env=job.environment, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    ids = {ended.communicate(timeout=300)[0].strip() for ended in jobs}
    [model] = models("list", "--json").json()
    assert ids == {model["model_id"]} and model["status"] == "READY"


class LateTwin(StandIn):
    """Shows an older model of the same name, which is READY, from the moment at which the first one becomes so."""
    TWIN = "m-" + "0" * 32

    def _model(self, method: str, rest: str, body: bytes) -> tuple[int, object]:
        answer = super()._model(method, rest, body)
        if method == "PATCH":
            twin = answer[1]["model"]["info"] | {"model_id": self.TWIN, "creation_timestamp_ms": 0, "tags": []}
            with self._lock:
                self._models[self.TWIN] = {"info": twin, "data": {"params": []}}
        return answer


def test_an_older_model_that_becomes_ready_meanwhile_is_taken_and_the_other_told(make_daemon):
    with contextlib.closing(LateTwin()) as server:
        job = make_daemon({"experiment": {"id": "0"}, "tracking": {"uri": server.uri}})
        created = job.tracelink("models", "create", "--name", "agent", "--if-missing", "--id-only")
    assert (created.code, created.out) == (DONE, LateTwin.TWIN + "\n"), created.err
    assert f"{LateTwin.TWIN} is taken, the oldest that is READY; also there: m-" in created.err


def test_what_makes_no_sense_is_refused_before_anything_is_created(models):
    assert models("create", "--param", "a=1", "--param", "a=2").code == USAGE
    assert models("create", "--name", "").code == USAGE
    assert models("create", "--name", " \n").code == USAGE
    broken = models("create", "--name", "agent\nv1")
    assert broken.code == USAGE and "line break" in broken.err, broken.err
    broken = models("create", "--name", "agent", MLFLOW_RUN_ID="1\n2")
    assert broken.code == USAGE and "MLFLOW_RUN_ID" in broken.err, broken.err
    refused = models("create", "--name", "x", "--tag", "tracelink.instance=1")
    assert refused.code == USAGE and "set by tracelink itself" in refused.err
    assert models("list", "--json").json() == []


def test_search_passes_filter_and_order_through(models):
    for name, llm in (("a", "gpt"), ("b", "claude"), ("c", "gpt")):
        models("create", "--name", name, "--param", f"llm={llm}")
    found = models("search", "--filter", "params.llm = 'gpt'", "--order-by", "creation_timestamp DESC", "--json").json()
    assert [model["name"] for model in found] == ["c", "a"]
    wrong = models("search", "--filter", "nonsense")
    assert wrong.code == FAILED and wrong.err
    assert models("ls", "--json").json() == models("list", "--json").json()


def test_traces_and_stats_of_a_model(models, linked):
    linked("agent", good=2, bad=1)
    everything = models("traces", "agent", "--json").json()
    assert sorted(trace["state"] for trace in everything) == ["ERROR", "OK", "OK"]
    assert {trace["name"] for trace in everything} == {"answer"}
    assert [trace["state"] for trace in models("traces", "agent", "--errors", "--json").json()] == ["ERROR"]
    assert len(models("traces", "agent", "--since", "1h", "--json").json()) == 3
    assert models("traces", "agent", "--since", "2099-01-01", "--json").json() == []
    assert models("traces", "agent", "--since", "soon").code == USAGE
    assert everything[0]["trace_id"] in models("traces", "agent").out
    [stats] = models("list", "--stats", "--json").json()
    assert (stats["traces"], stats["errors"]) == (3, 1) and stats["last_trace"]
    assert "3 traces" in models("list", "--stats").out


def test_tags_are_set_and_removed(server, models):
    model_id = models("create", "--name", "agent", "--id-only").out.strip()
    assert models("tag", "agent", "stage=canary", "reviewed=yes").code == DONE
    assert models("untag", model_id, "stage").code == DONE
    tags = server.model(model_id)["tags"]
    assert tags["reviewed"] == "yes" and "stage" not in tags
    absent = models("untag", model_id, "stage")
    assert absent.code == FAILED and "no tag 'stage'" in absent.err
    assert models("tag", model_id, "tracelink.model_name=x").code == USAGE
    assert models("untag", model_id, "tracelink.instance").code == USAGE


def test_metrics_are_those_of_the_model_and_of_one_run(server, experiment, models):
    model_id = models("create", "--name", "agent", "--id-only").out.strip()
    for value in ("0.5", "0.9"):
        assert models("log-metric", "agent", f"accuracy={value}", "cost=0.002").code == DONE
    stored = server.request("GET", f"/api/2.0/mlflow/logged-models/{model_id}")["model"]["data"]["metrics"]
    assert {(metric["key"], metric["value"]) for metric in stored} >= {("accuracy", 0.9), ("cost", 0.002)}
    runs = server.request("POST", "/api/2.0/mlflow/runs/search", json={"experiment_ids": [experiment]})["runs"]
    assert [run["info"]["status"] for run in runs] == ["FINISHED"]
    assert models("log-metric", "agent", "accuracy=high").code == USAGE


def test_delete_says_how_many_traces_have_it_and_asks(server, experiment, models, linked):
    model_id = linked("agent", good=2)
    careful = models("delete", "agent")
    assert careful.code == USAGE and "which 2 traces have" in careful.err and "--yes" in careful.err
    deleted = models("delete", "agent", "--yes")
    assert deleted.code == DONE and "2 traces keep its id" in deleted.out
    assert models("get", model_id).code == FAILED
    assert len(server.linked_traces(experiment, model_id)) == 2


@pytest.mark.parametrize("answer, code", [("y", DONE), ("n", FAILED), ("", FAILED)])
def test_delete_asks_on_a_terminal(job, models, answer, code):
    model_id = models("create", "--name", "agent", "--id-only").out.strip()
    ours, theirs = pty.openpty()
    os.write(ours, (answer + "\n").encode())
    ran = subprocess.run([BIN / "tracelink", "--config", job.config_file, "models", "delete", model_id], stdin=theirs,
                         env=job.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    os.close(ours)
    os.close(theirs)
    assert ran.returncode == code and f"delete {model_id} (agent)" in ran.stderr
    assert models("get", model_id).code == (FAILED if code == DONE else DONE)


def test_the_documented_forms_keep_the_exit_code(job, models):
    script = 'MODEL_ID=$("$0" --config "$1" models create --name "$2" --if-missing --id-only) || exit 7; echo "$MODEL_ID"'
    def run(name: str):
        return subprocess.run(["sh", "-c", script, BIN / "tracelink", job.config_file, name], env=job.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    created = run("agent")
    assert created.returncode == DONE and created.stdout.strip() == models("get", "agent", "--json").json()["model_id"]
    assert run("").returncode == 7


def test_commands_and_options_are_helped_with(job):
    for words in ([], ["models", "create"]):
        help = subprocess.run([BIN / "tracelink", "help", *words], stdout=subprocess.PIPE, text=True, timeout=300, check=True)
        assert help.stdout == job.tracelink(*words, "--help").out
    command = job.tracelink("models", "craete")
    assert command.code == USAGE and "did you mean 'create'?" in command.err
    option = job.tracelink("models", "list", "--experiment-nam", "x")
    assert option.code == USAGE and "did you mean '--experiment-name'?" in option.err
    assert json.loads(job.tracelink("models", "ls", "--json").out) == []
    for group in ("models", "dead-letters", "config"):
        assert "Examples:" in job.tracelink(group, "--help").out


def test_a_model_that_is_configured_by_its_id_tells_the_experiment(server, experiment, models, make_daemon):
    model_id = models("create", "--name", "agent", "--id-only").out.strip()
    by_id = make_daemon({"model": {"id": model_id}, "tracking": {"uri": server.uri}})
    assert [model["model_id"] for model in by_id.tracelink("models", "list", "--json").json()] == [model_id]
    assert by_id.tracelink("models", "get", "agent", "--json").json()["experiment_id"] == experiment
