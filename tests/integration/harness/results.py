"""Which test passed on which version of the server: docs/compatibility.md is made of it (scripts/compatibility)."""

import fcntl
import json

from .places import ROOT

FILE = ROOT / "build/compatibility.json"
_PARAMETERS = ("version", "server")

_seen: dict[str, dict[str, dict]] = {}  # by test, by version


def add(item, report) -> None:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    version = next((parameters[name] for name in _PARAMETERS if name in parameters), None)
    if version is None or report.skipped or (report.when != "call" and report.passed):
        return
    result = _seen.setdefault(item.originalname, {}).setdefault(version, {"passed": True})
    result["passed"] &= report.passed
    result |= dict(report.user_properties)


def save() -> None:
    """What was not run this time keeps its result. The workers of a run end at the same time."""
    if not _seen:
        return
    FILE.parent.mkdir(exist_ok=True)
    with FILE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(FILE.read_text()) if FILE.exists() else {}
        for test, by_version in _seen.items():
            known.setdefault(test, {}).update(by_version)
        FILE.write_text(json.dumps(known, indent=1))
