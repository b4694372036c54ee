"""What control.http serves to Prometheus, from a daemon that delivered something, and the dashboard that asks for it."""

import contextlib
import json
import re
import shutil
import subprocess

import pytest
import requests
import yaml

from harness.daemon import Daemon
from harness.otlp import SPANS_PER_TRACE, make_trace
from harness.places import CLIENTS, ROOT
from harness.ports import free_port
from harness.stand_in import StandIn

DASHBOARD = json.loads((ROOT / "packaging/grafana-dashboard.json").read_text())
QUERIES = {f"{panel['title']} {target['refId']}": target["expr"]
           for panel in DASHBOARD["panels"] for target in panel.get("targets", [])}
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$', flags=re.MULTILINE)
TRACES = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> str:
    address = f"127.0.0.1:{free_port()}"
    with contextlib.closing(StandIn()) as server:
        folder = tmp_path_factory.mktemp("d")
        daemon = Daemon(folder, {"tracking": {"uri": server.uri}, "model": {"name": "agent", "version": "v1"},
                                 "control": {"socket": str(folder / "c.sock"), "http": address}})
        daemon.start()
        try:
            for _ in range(TRACES):
                daemon.post(make_trace().request)
            daemon.wait_for_spans(delivered=TRACES * SPANS_PER_TRACE, queued=0)
            return requests.get(f"http://{address}/metrics", timeout=300).text
        finally:
            daemon.end()


@pytest.fixture(scope="module")
def values(served) -> dict[str, float]:
    return {f"{name}{{{labels}}}" if labels else name: float(value) for name, labels, value in SAMPLE.findall(served)}


def test_the_linter_of_prometheus_has_nothing_to_say(served):
    ran = subprocess.run(["promtool", "check", "metrics"], input=served, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_numbers_are_those_of_what_was_sent(values):
    assert values['tracelink_request_results_total{protocol="http",result="stored"}'] == TRACES
    assert values['tracelink_delivery_steps_total{step="info",class="ok"}'] == TRACES
    assert values['tracelink_delivery_steps_total{step="spans",class="ok"}'] >= 1
    assert values['tracelink_model_traces_delivered_total{model="agent-v1"}'] == TRACES
    assert values["tracelink_delivery_lag_seconds_count"] == TRACES
    assert values["tracelink_queue_commit_seconds_count"] == values["tracelink_queue_syncs_total"]
    assert values['tracelink_models{state="ready"}'] == 1
    assert values["process_cpu_seconds_total"] > 0 and values["process_open_fds"] > 5


def test_the_dashboard_asks_for_nothing_that_is_not_served(served):
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", served, flags=re.MULTILINE))
    names = types.keys() | {f"{name}_bucket" for name, kind in types.items() if kind == "histogram"}
    labels = {name: set(re.findall(r'(\w+)="', sample)) for name, sample, _ in SAMPLE.findall(served)}
    assert len(QUERIES) > 30
    for title, query in QUERIES.items():
        asked = set(re.findall(r"\b(?:tracelink|process)_\w+", query))
        assert asked and asked <= names, title
        if not asked <= labels.keys():
            continue  # nothing of it has happened yet
        given = set.union(*(labels[name] for name in asked)) | {"job", "instance"}
        for group in re.findall(r"by \(([\w, ]+)\)", query):
            assert set(group.split(", ")) <= given, title


def test_the_dashboard_has_queries_that_prometheus_understands(tmp_path):
    rules = [{"record": "dashboard:query", "labels": {"panel": title},
              "expr": query.replace("$__rate_interval", "5m").replace("$job", ".*").replace("$instance", ".*")}
             for title, query in QUERIES.items()]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    ran = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.long
def test_the_dashboard_is_what_the_schema_of_grafana_asks_for(tmp_path):
    """By the types that Grafana publishes, where an unknown key and a wrong value are errors."""
    for name in ("dashboard_type.ts", "tsconfig.json"):
        shutil.copy(CLIENTS / "grafana" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "grafana/node_modules")

    def errors(dashboard: dict) -> str:
        (tmp_path / "dashboard.ts").write_text("import type { TracelinkDashboard } from './dashboard_type';\n"
                                               f"export const dashboard: TracelinkDashboard = {json.dumps(dashboard)};\n")
        return subprocess.run(["node", tmp_path / "node_modules/typescript/bin/tsc", "--project", tmp_path], stdout=subprocess.PIPE, text=True,
                              check=False).stdout
    assert errors(DASHBOARD) == ""
    assert "\"colour\"' does not exist in type" in errors(DASHBOARD | {"colour": "red"})
    [first, *others] = DASHBOARD["panels"]
    assert "is not assignable to type" in errors(DASHBOARD | {"panels": [first | {"type": "rows"}, *others]})


def test_the_panels_of_the_dashboard_do_not_overlap():
    cells = [(x, y) for panel in DASHBOARD["panels"] for place in [panel["gridPos"]]
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
