"""Where things are. Nothing here depends on the machine."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
APPS = ROOT / "tests/integration/apps"
NEWEST = "3.17.2"
OLDER = "3.11.1"
ENVIRONMENTS = {NEWEST: ROOT / ".venv/main", OLDER: ROOT / ".venv/mlflow-3.11.1"}

# What is tested: TRACELINK_TEST_BIN, for a packager's build, else the release preset.
BIN = pathlib.Path(os.environ.get("TRACELINK_TEST_BIN", ROOT / "build/release/bin"))

# Variables that would change what a program under test does.
_FOREIGN = ("MLFLOW_", "OTEL_", "TRACELINK_", "GIT_", "GITHUB_", "CI_", "BUILD_", "LISTEN_", "NOTIFY_",
            "XDG_", "DATABRICKS_", "SOURCE_COMMIT")


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | more
