"""`tracelink models compare` on real servers: the figures are those of MLflow's SDK and pandas, and what is made of them."""

import json
import stat
import subprocess

import pytest

from harness.fault_proxy import Fault, FaultProxy
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import APPS, ENVIRONMENTS, NEWEST, clean_environment
from harness.ports import free_port

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
SEARCH = "POST /api/3.0/mlflow/traces/search"


def run_app(server, app: str, *arguments) -> str:
    """The output of an application with the MLflow of the server's version."""
    ran = subprocess.run([ENVIRONMENTS[server.version] / "bin/python", APPS / app, *map(str, arguments)],
                         env=clean_environment(MLFLOW_TRACKING_URI=server.uri, GIT_PYTHON_REFRESH="quiet"),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


class Versions:
    """Two models with traces and one without, in an experiment of their own, and their figures by pandas."""

    def __init__(self, server):
        self.server = server
        self.experiment = server.create_experiment("compared")
        self.ids = [self.create(name, llm) for name, llm in (("v1", "small"), ("v2", "large"), ("unused", "large"))]
        # On the newest server enough for pages and for the tests of chance.
        count, copies = (100, 10) if server.version == NEWEST else (20, 2)
        self.traces = count * (1 + copies)
        run_app(server, "write_traces.py", server.store, self.experiment, count, copies, *self.ids[:2])
        self.by_pandas = json.loads(run_app(server, "figures_by_pandas.py", self.experiment, *self.ids[:2]))

    def create(self, name: str, llm: str) -> str:
        body = {"experiment_id": self.experiment, "name": name, "params": [{"key": "llm", "value": llm}, {"key": "same", "value": "1"}]}
        return self.server.request("POST", "/api/2.0/mlflow/logged-models", json=body)["model"]["info"]["model_id"]

    def metrics(self, model_id: str) -> list[dict]:
        data = self.server.request("GET", f"/api/2.0/mlflow/logged-models/{model_id}")["model"]["data"]
        return data.get("metrics", [])


@pytest.fixture(scope="module")
def versions(server_of_module):
    return Versions(server_of_module)


@pytest.fixture
def compare(versions, make_daemon):
    # A page of 500 traces takes a busy server a while.
    job = make_daemon({"experiment": {"id": versions.experiment}, "tracking": {"uri": versions.server.uri, "timeout": "10m"}})
    return lambda *arguments, **variables: job.tracelink("models", "compare", *arguments, **variables)


def test_figures_are_those_of_the_sdk_and_pandas(versions, compare):
    ran = compare("v1", "v2", "--json")
    models = ran.json()["models"]
    assert ran.err == "" and [model["model_id"] for model in models] == versions.ids[:2]
    for model, expected in zip(models, versions.by_pandas["figures"], strict=True):
        assert expected["traces"] == versions.traces and expected["errors"] > 0
        known = {name: value for name, value in model["figures"].items() if value is not None}
        never_given = {name: 0 for name in known if name.startswith("count") and "/" in name}  # texts of the other version
        assert known == pytest.approx(never_given | expected, rel=1e-9)
        assert model["figures"].keys() - known.keys() == {"cache_creation_input_tokens", "cache_creation_input_tokens_per_trace"}


def test_what_is_more_than_chance_is_as_scipy_has_it(versions, compare):
    [_, model] = compare("v1", "v2", "--json").json()["models"]
    for figure, p in versions.by_pandas["tests"][0].items():
        assert model["differences"][figure]["test"]["p"] == pytest.approx(p, rel=1e-6)
    if versions.server.version == NEWEST:
        assert model["differences"]["latency_p50_ms"]["test"]["significant"]
        assert model["differences"]["pass_rate.llm_judge:correctness"]["test"]["significant"]


def test_a_table_for_people(compare):
    ran = compare("v1", "v2", "unused")
    lines = ran.out.splitlines()
    assert ran.code == DONE and max(map(len, lines)) <= 80
    [errors] = [line for line in lines if line.startswith("error rate")]
    assert errors.split()[-1] == "–" and "%" in errors
    assert "param llm" in ran.out and "param same" not in ran.out
    assert any(line.startswith("mean similarity") for line in lines)


def test_a_page_for_a_browser(versions, compare, folder):
    page = folder / "comparison.html"
    page.write_text("what was there")
    assert compare("v1", "v2", "--html", page).code == DONE
    html = page.read_text()
    assert "what was there" not in html and stat.S_IMODE(page.stat().st_mode) == 0o600
    rate = versions.by_pandas["figures"][1]["error_rate"]
    assert f'<td data-model="{versions.ids[1]}" data-value="{rate:.17g}">' in html
    for part in ("plot-latency", "plot-tokens", "plot-errors", 'data-assessment="correctness"', "what? &lt;&amp;&gt;"):
        assert part in html
    assert [file.name for file in folder.glob("comparison*")] == ["comparison.html"]
    refused = compare("v1", "v2", "--last", 20, "--html", folder / "no/such/folder.html")
    assert refused.code == FAILED and "folder.html" in refused.err and refused.out.startswith("A  v1")


def test_ranges_choose_the_same_of_each(compare):
    last = [model["figures"] for model in compare("v1", "v2", "--last", "7", "--json").json()["models"]]
    assert [figures["traces"] for figures in last] == [7, 7]
    never = compare("v1", "v2", "--since", "2099-01-01", "--json").json()["models"][1]
    assert never["figures"]["traces"] == 0 and never["figures"]["error_rate"] is None and never["differences"]["traces"]["difference"] == 0
    assert compare("v1", "v2", "--since", "soon").code == USAGE
    assert compare("v1", "v2", "--last", "0").code == USAGE


def test_conditions_decide_the_exit_code(versions, compare):
    rates = [figures["error_rate"] for figures in versions.by_pandas["figures"]]
    assert compare("v1", "v2", "--last", 20, "--fail-if", "latency_p95_ms > 3600000", "--fail-if", "error_rate > +1").code == DONE
    held = compare("v1", "v2", "--fail-if", "latency_p50_ms > 1", "--fail-if", "error_rate >= 0x")
    assert held.code == FAILED and held.out.startswith("A  v1")
    assert f"error_rate of {versions.ids[1]} (v2) is {rates[1]:.6g}, >= 0 (the baseline's is {rates[0]:.6g})" in held.err
    unknown = compare("v1", "unused", "--last", 20, "--fail-if", "error_rate > 2x")
    assert unknown.code == FAILED and f"{versions.ids[2]} (unused) has no figure error_rate" in unknown.err
    ran = compare("v1", "v2", "--last", 20, "--fail-if", "traces < -1", "--fail-if", "pass_rate:correctness <= +1", "--json")
    assert ran.code == FAILED
    assert [condition["outcome"] for condition in json.loads(ran.out)["conditions"]] == ["passes", "holds"]


def test_published_twice_is_one_run_and_the_same_metrics(versions, compare):
    assert compare("v1", "v2", "--publish").code == DONE
    first = [versions.metrics(model_id) for model_id in versions.ids[:2]]
    again = compare("v1", "v2", "--publish")
    assert again.code == DONE and again.out.count("published 0 changed metrics") == 2
    assert [versions.metrics(model_id) for model_id in versions.ids[:2]] == first
    runs = versions.server.request("POST", "/api/2.0/mlflow/runs/search", json={"experiment_ids": [versions.experiment]})["runs"]
    assert [run["info"]["status"] for run in runs] == ["FINISHED", "FINISHED"]
    for metrics, figures in zip(first, versions.by_pandas["figures"], strict=True):
        stored = {metric["key"]: metric["value"] for metric in metrics}
        assert len(stored) == len(metrics) == len(figures)
        plain = {name: value for name, value in figures.items() if name in stored}
        assert {name: stored[name] for name in plain} == pytest.approx(plain, rel=1e-9)
        assert {name for name in figures if name not in stored} == {name for name in figures if "?" in name or "[" in name}


def test_what_makes_no_sense_is_refused(versions, compare):
    assert compare("v1").code == USAGE
    assert compare(*["v1"] * 9).code == USAGE
    twice = compare("v1", "v2", versions.ids[0])
    assert twice.code == USAGE and f"{versions.ids[0]} (v1) is named twice" in twice.err
    absent = compare("v1", "v3")
    assert absent.code == FAILED and "there is no model 'v3'" in absent.err


def test_conditions_are_read_before_anything_is_asked(make_daemon):
    job = make_daemon({"experiment": {"id": "1"}, "tracking": {"uri": f"http://127.0.0.1:{free_port()}"}})
    compare = lambda *arguments: job.tracelink("models", "compare", "v1", "v2", *arguments)
    for condition in ("speed > 1", "error_rate > 5%"):
        refused = compare("--fail-if", condition)
        assert refused.code == USAGE and condition in refused.err
    assert compare("--fail-if", "error_rate > 1.2x").code == UNREACHABLE


def test_a_page_that_fails_fails_the_whole(versions, make_daemon, folder):
    proxy = FaultProxy(versions.server.port)
    try:
        job = make_daemon({"experiment": {"id": versions.experiment}, "tracking": {"uri": proxy.uri, "timeout": "10m"}})
        proxy.spoil(1, Fault.BROKEN, SEARCH)
        ran = job.tracelink("models", "compare", *versions.ids[:2], "--html", folder / "x.html")
        assert proxy.spoiled and ran.code == FAILED and ran.out == "" and "spoiled" in ran.err
        assert not (folder / "x.html").exists()
    finally:
        proxy.close()


def test_errors_are_told_by_their_messages(server_of_module, make_daemon):
    experiment = server_of_module.create_experiment("messages")
    base = {"experiment": {"id": experiment}, "tracking": {"uri": server_of_module.uri}}
    for name, reasons in (("good", [None]), ("bad", ["no reply", "\x1b[2Jno key", "no reply", None])):
        daemon = make_daemon(base | {"model": {"name": name}})
        daemon.start()
        for reason in reasons:
            trace = make_trace()
            if reason:
                trace.root.status.code, trace.root.status.message = 2, reason
            daemon.post(trace.request)
        daemon.wait_for_spans(delivered=len(reasons) * SPANS_PER_TRACE, queued=0)
    ran = make_daemon(base).tracelink("models", "compare", "good", "bad", "--json")
    errors = ran.json()["models"][1]["errors"]
    assert errors == {"read": 3, "unknown": 0, "messages": [{"message": "no reply", "traces": 2}, {"message": "\x1b[2Jno key", "traces": 1}]}
    table = make_daemon(base).tracelink("models", "compare", "good", "bad").out
    assert "2x  no reply" in table and "\\x1b[2Jno key" in table


def test_results_of_evaluations_are_read(newest_server, make_daemon):
    newest_server.start()
    experiment = newest_server.create_experiment("evaluated")
    ids = json.loads(run_app(newest_server, "evaluate_versions.py", experiment, "one", "two").splitlines()[-1])
    job = make_daemon({"experiment": {"id": experiment}, "tracking": {"uri": newest_server.uri}})
    figures = [model["figures"] for model in job.tracelink("models", "compare", *ids, "--json").json()["models"]]
    assert [figure["traces"] for figure in figures] == [6, 6]
    assert [figure["pass_rate:answered"] for figure in figures] == [1, pytest.approx(4 / 6)]
    assert [figure["mean.code:length"] for figure in figures] == [23, pytest.approx(23 * 4 / 6)]
