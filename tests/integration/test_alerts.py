"""packaging/alerts.yaml and docs/operations.md: the metrics and run-books that they name are there."""

import re
import subprocess

import pytest
import yaml

from harness.places import ROOT

METRICS = set(re.findall(r"^\| `(tracelink_\w+)` \|", (ROOT / "docs/metrics.md").read_text(), flags=re.MULTILINE))
REASONS = dict(re.findall(r"^\| `(tracelink_\w+)` \| \w+ \| (.*`reason`.*) \|$", (ROOT / "docs/metrics.md").read_text(), flags=re.MULTILINE))
[GROUP] = yaml.safe_load((ROOT / "packaging/alerts.yaml").read_text())["groups"]
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}


@pytest.fixture(scope="module")
def headings() -> set[str]:
    page = (ROOT / "docs/operations.md").read_text()
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)}


RULE_TESTS = ROOT / "tests/integration/prometheus/alerts_test.yaml"


def test_each_fires_when_it_should_and_not_before():
    ran = subprocess.run(["promtool", "test", "rules", RULE_TESTS], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_is_tested_both_ways():
    cases = [case for test in yaml.safe_load(RULE_TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    for fires in (True, False):
        assert {case["alertname"] for case in cases if bool(case["exp_alerts"]) == fires} == RULES.keys()


def test_a_name_is_used_once():
    assert len(RULES) == len(GROUP["rules"]) > 8


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_its_metrics_exist(rule):
    named = set(re.findall(r"\btracelink_\w+", rule["expr"]))
    assert (named or "up{" in rule["expr"]) and named <= METRICS


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_by_reason_is_on_a_metric_that_has_reasons(rule):
    if "reason" in rule["expr"]:
        assert set(re.findall(r"\btracelink_\w+", rule["expr"])) <= REASONS.keys()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_it_says_what_to_do(rule, headings):
    assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "operations.md" and anchor in headings


def test_the_page_names_metrics_and_alerts_that_exist():
    page = (ROOT / "docs/operations.md").read_text()
    assert set(re.findall(r"\btracelink_\w+", page)) - METRICS == set()
    assert set(re.findall(r"\bTracelink[A-Z]\w+", page)) - RULES.keys() == set()
