"""The status page of control.http, opened in Chromium as an operator does, and the two documents that it fetches."""

import contextlib
import itertools
import json
import re

import pytest
import requests

from harness.browser import DESKTOP, PHONE, Browser
from harness.daemon import Daemon
from harness.otlp import SPANS_PER_TRACE, make_trace, set_attribute
from harness.ports import free_port
from harness.stand_in import StandIn
from harness.waiting import wait_until

HOSTILE = "<img src=x onerror='document.title=1'>"
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}
SERIES = {"age_s", "accepted_per_s", "delivered_per_s", "failures_per_s", "queued_spans", "oldest_age_s", "lag_s"}
TRACES = 2


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(StandIn()) as server:
        yield server


def held_by(daemon: Daemon) -> list[dict]:
    """Without the server, which is held, too, while its version is asked for."""
    return [held for held in daemon.status()["held"] if held["scope"] != "server"]


@pytest.fixture(scope="module")
def daemon(server, tmp_path_factory):
    """Has delivered traces of its version and one that named a hostile one, and holds one."""
    folder = tmp_path_factory.mktemp("d")
    daemon = Daemon(folder, {"tracking": {"uri": server.uri}, "model": {"name": "agent", "version": "v1"},
                             "control": {"socket": str(folder / "c.sock"), "http": f"127.0.0.1:{free_port()}"}})
    daemon.start()
    named = make_trace()
    set_attribute(named.root, "mlflow.modelName", HOSTILE)
    for trace in (make_trace(), make_trace()):
        daemon.post(trace.request)
    daemon.post(named.request)
    daemon.post(make_trace().request, headers={"x-mlflow-experiment-id": "77"})
    daemon.wait_for_spans(delivered=(TRACES + 1) * SPANS_PER_TRACE, queued=SPANS_PER_TRACE)
    wait_until("one is held", lambda: held_by(daemon), state=daemon.log_tail)
    yield daemon
    daemon.end()


@pytest.fixture(scope="module")
def address(daemon) -> str:
    return f"http://{daemon.config['control']['http']}/"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.fixture
def page(address, browser) -> Browser:
    browser.show(DESKTOP)
    browser.open(address)
    browser.wait_for("Nothing can be changed here")
    browser.wait_for("needs attention")
    return browser


def test_the_documents_have_what_the_page_lists_and_no_more(address, daemon):
    status = requests.get(address + "status.json", timeout=300).json()
    assert status["server"] == {"uri": daemon.config["tracking"]["uri"], "version": "3.17.2", "state": "up"}
    assert status["delivery"]["traces"] == TRACES + 1
    assert not {"pid", "notices", "relinks", "active", "quarantine"} & status.keys()
    assert str(daemon.folder) not in json.dumps(status)
    assert requests.get(address + "history.json", timeout=300).json().keys() == SERIES


@pytest.mark.parametrize("path", ["", "status.json", "history.json"])
def test_nothing_is_changed_through_it(address, path):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert requests.request(method, address + path, data="{}", timeout=300).status_code == 405
    for command in ("active-model", "reload", "relinks", "dead-letters", "status"):
        assert requests.get(address + command, timeout=300).status_code == 404


def test_shows_the_numbers_of_the_status(page, daemon):
    assert page.beside("model") == ["agent-v1, ready"]
    assert page.beside("server") == ["up, MLflow 3.17.2"]
    assert page.beside("spans queued") == [str(SPANS_PER_TRACE)]
    models, traces = page.column("model"), page.column("traces")
    assert dict(zip(models, traces, strict=True))["agent-v1"] == str(TRACES)
    spans = daemon.spans()
    assert f"accepted {spans['accepted']} = delivered {spans['delivered']} + queued {spans['queued']}" in page.text()
    page.screenshot("status-page")


def test_what_is_held_stands_with_its_remedy(page, daemon):
    [held] = wait_until("it is held", lambda: held_by(daemon), state=daemon.log_tail)
    for text in (held["scope"], held["reason"], held["remedy"]):
        assert " ".join(text.split()) in page.text()


def test_texts_of_peers_are_texts(page):
    assert HOSTILE in page.column("model")
    assert page.script("document.images.length") == 0 and page.script("document.title") == "tracelink"


def test_asks_nobody_else(page, address):
    page.requested()
    page.open(address)
    page.wait_for("needs attention")
    asked = {url for url in page.requested() if not url.startswith("data:")}
    assert asked == {address, address + "status.json", address + "history.json"}


def test_draws_what_the_history_has(page, address):
    def drawn():
        path = page.script("(document.querySelector('[data-line=queued_spans]') || {getAttribute() {}}).getAttribute('d')")
        return path and len(re.findall(r"[ML]", path)) > 1
    wait_until("two samples are drawn", drawn, state=page.text)
    history = requests.get(address + "history.json", timeout=300).json()
    assert len({len(values) for values in history.values()}) == 1
    assert history["queued_spans"][-1] == SPANS_PER_TRACE


def test_updates_by_itself(page, daemon):
    before = daemon.spans()["delivered"]
    daemon.post(make_trace().request)
    page.wait_for(f"delivered {before + SPANS_PER_TRACE} ")


def test_fits_every_screen(page):
    for screen, scheme in itertools.product((PHONE, DESKTOP), PAPER):
        page.show(screen, scheme)
        page.screenshot(f"status-page-{screen[0]}-{scheme}")
        assert page.script("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert page.script("getComputedStyle(document.body).backgroundColor") == PAPER[scheme]


def test_says_when_the_daemon_is_away_and_when_it_is_back(page, daemon):
    daemon.sigkill()
    page.wait_for("is not reachable")
    assert "agent-v1" in page.text()
    daemon.start()
    page.wait_for("needs attention")
