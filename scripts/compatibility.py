"""Writes the tables of docs/compatibility.md from what the integration tests found.

usage: scripts/test --all && python3 scripts/compatibility.py
"""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build/compatibility.json"
PAGE = ROOT / "docs/compatibility.md"
BEGIN, END = "<!-- by scripts/compatibility.py -->\n", "<!-- end -->\n"

COMPARISON = "test_nothing_differs_from_what_the_sdk_stores_but_what_is_known"
CHECKS = {
    "test_traces_are_shown_linked_and_right": "shown and linked",
    "test_the_model_is_an_external_ready_logged_model": "model registered",
    "test_every_field_is_what_the_application_meant": "as the application meant",
    COMPARISON: "as the SDK stores it",
    "test_a_daemon_killed_while_delivering_sends_nothing_twice": "daemon killed",
    "test_a_server_killed_while_it_stores_gets_every_trace_once": "server killed",
}


def row(cells) -> str:
    return "| " + " | ".join(cells) + " |\n"


def outcome(result: dict | None) -> str:
    if result is None:
        return "not run"
    if not result["passed"]:
        return "**failed**"
    if "fields" not in result:
        return "passed"
    return f"{result['fields'] - sum(result['differences'].values())} of {result['fields']} fields of {result['traces']} traces"


def checks(results: dict, versions: list[str]) -> str:
    table = row(["MLflow server", *CHECKS.values()]) + row(["---"] * (len(CHECKS) + 1))
    for version in versions:
        table += row([version, *(outcome(results.get(test, {}).get(version)) for test in CHECKS)])
    return table


def differences(results: dict, versions: list[str]) -> str:
    by_version = {version: results.get(COMPARISON, {}).get(version, {}).get("differences", {}) for version in versions}
    reasons = sorted({reason for counts in by_version.values() for reason in counts})
    table = row(["Fields that differ from the SDK's own, and why", *versions]) + row(["---"] * (len(versions) + 1))
    for reason in reasons:
        table += row([reason, *(str(counts.get(reason, "")) for counts in by_version.values())])
    return table


results = json.loads(RESULTS.read_text())
versions = sorted({version for test in CHECKS for version in results.get(test, {})},
                  key=lambda version: [int(part) for part in version.split(".")])
before, _, rest = PAGE.read_text().partition(BEGIN)
_, _, after = rest.partition(END)
PAGE.write_text(before + BEGIN + checks(results, versions) + "\n" + differences(results, versions) + END + after)
