"""What a person sees: Chromium opens MLflow's own pages. Screenshots stay in the test output."""

import itertools
import pathlib
from typing import NamedTuple

import pytest

from harness.browser import DESKTOP, PHONE, WIDE, Browser
from harness.daemon import Daemon
from harness.otlp import SPANS_PER_TRACE, make_trace, set_attribute
from harness.waiting import wait_until

pytestmark = pytest.mark.xdist_group("latest")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
JOB = {"GITHUB_SHA": COMMIT, "GITHUB_REF": "refs/heads/main", "GITHUB_SERVER_URL": "https://github.com",
       "GITHUB_REPOSITORY": "example/support", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_ACTOR": "ada"}
VERSION, SHOWN_NAME, OTHER_VERSION = "support-agent-v1.2.0", "support-agent-v1-2-0", "support-agent-v1.1.0"
TRACES, OTHER_TRACES = 2, 1

# Of the page of a comparison: the exact values behind the texts, by figure; what lies behind the text.
SHOWN_VALUES = """Object.fromEntries([...document.querySelectorAll("[data-figure]")].map(row =>
    [row.dataset.figure, [...row.querySelectorAll("[data-value]")].map(cell => cell.dataset.value)]))"""
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


@pytest.fixture(scope="module")
def server(latest_server):
    return latest_server


class Deployed(NamedTuple):
    daemon: Daemon  # ended; its command line has the experiment
    model_id: str
    traces: list[str]
    other_traces: list[str]  # of OTHER_VERSION


@pytest.fixture(scope="module")
def deployed(server, tmp_path_factory) -> Deployed:
    """By a daemon in a CI job, which delivered traces of its version and one that named another version."""
    daemon = Daemon(tmp_path_factory.mktemp("d"), {
        "model": {"name": "support-agent", "version": "v1.2.0", "type": "agent", "description": "Answers **customers**.",
                  "source": "support/app.py"},
        "experiment": {"name": "support"}, "tracking": {"uri": server.uri}})
    daemon.variables = JOB
    daemon.start()
    try:
        traces, others = [make_trace() for _ in range(TRACES)], [make_trace() for _ in range(OTHER_TRACES)]
        for trace in others:
            set_attribute(trace.root, "mlflow.modelName", OTHER_VERSION)
        for trace in traces + others:
            daemon.post(trace.request)
        daemon.wait_for_spans(delivered=(TRACES + OTHER_TRACES) * SPANS_PER_TRACE, queued=0)
        return Deployed(daemon, daemon.wait_for_model()["id"], *([trace.trace_id for trace in sent] for sent in (traces, others)))
    finally:
        daemon.end()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    browser.show(WIDE)
    yield browser
    browser.quit()


@pytest.fixture
def page(server, deployed, browser):
    """page(rest): MLflow's page of the experiment, or one below it, opened in the browser."""
    experiment = server.model(deployed.model_id)["experiment_id"]

    def opened(rest: str) -> Browser:
        browser.open(f"{server.uri}/#/experiments/{experiment}/{rest}")
        return browser
    return opened


def test_the_model_page_shows_version_commit_branch_source_and_description(page, deployed):
    shown = page(f"models/{deployed.model_id}")
    assert shown.beside("Logged from") == ["support/app.py", "main", COMMIT[:7]]
    assert shown.beside("Description") == ["Answers customers."]
    assert shown.beside("Created by") == ["ada"]
    assert shown.beside("Status") == ["Ready"]
    assert SHOWN_NAME in shown.text().splitlines()
    shown.screenshot("mlflow-model")


def test_the_model_page_lists_the_traces_of_its_version_only(page, deployed):
    shown = page(f"models/{deployed.model_id}/traces")
    for trace in deployed.traces:
        shown.wait_for(trace)
    shown.screenshot("mlflow-model-traces")
    assert not any(trace in shown.text() for trace in deployed.other_traces)


def test_the_list_of_agent_versions_shows_every_version_with_its_source(page):
    shown = page("models")
    for text in ("support/app.py", SHOWN_NAME, "support-agent-v1-1-0", "Logged from"):
        shown.wait_for(text)
    shown.screenshot("mlflow-agent-versions")


def test_the_list_of_traces_filters_by_the_version_and_has_it_as_a_column(page):
    """In the words of docs/version-tracking.md#linking-traces."""
    shown = page("traces")
    shown.click("Got it")
    shown.wait_for(f"{TRACES + OTHER_TRACES} of {TRACES + OTHER_TRACES} traces")
    shown.enter("Add a filter", f"tags.`tracelink.version` = '{VERSION}'")
    shown.wait_for(f"{TRACES} of {TRACES + OTHER_TRACES} traces")
    shown.screenshot("mlflow-traces-filtered")
    for step in ("Display", "Columns", "tracelink.version"):
        shown.click(step)
    wait_until("the column shows the version", lambda: shown.column("tracelink.version") == [VERSION] * TRACES, state=shown.text)
    shown.screenshot("mlflow-traces-column")


@pytest.fixture(scope="module")
def comparison(deployed, tmp_path_factory) -> tuple[pathlib.Path, list[dict]]:
    """The page of `models compare`, and its models as JSON; the figures are published."""
    page = tmp_path_factory.mktemp("comparison") / "compare.html"
    ran = deployed.daemon.tracelink("models", "compare", OTHER_VERSION, VERSION, "--html", page, "--publish", "--json")
    return page, ran.json()["models"]


def test_the_page_of_a_comparison_has_its_figures_and_asks_the_network_for_nothing(comparison, browser):
    page, models = comparison
    browser.open("about:blank")
    browser.requested()
    browser.open(page.as_uri())
    browser.wait_for("Comparison of versions")
    assert browser.requested() == [page.as_uri()]
    shown = browser.script(SHOWN_VALUES)
    assert {"traces", "error_rate", "latency_p95_ms", "total_tokens"} <= shown.keys()
    for figure, values in shown.items():
        assert [float(value) if value else None for value in values] == [model["figures"][figure] for model in models], figure
    assert shown["traces"] == [str(OTHER_TRACES), str(TRACES)]


def test_the_page_of_a_comparison_fits_every_screen(comparison, browser):
    browser.open(comparison[0].as_uri())
    for screen, scheme in itertools.product((PHONE, DESKTOP), PAPER):
        browser.show(screen, scheme)
        browser.screenshot(f"compare-{screen[0]}-{scheme}")
        assert browser.script("document.documentElement.clientWidth") in range(screen[0] - 20, screen[0] + 1)
        assert browser.script("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert browser.script("getComputedStyle(document.body).backgroundColor") == PAPER[scheme]


def test_published_figures_are_columns_of_the_list_of_agent_versions(comparison, page, browser):
    browser.show((3000, 1200))  # MLflow draws only the columns that fit
    shown = page("models")
    shown.wait_for("error_rate")
    shown.screenshot("mlflow-agent-versions-published")
