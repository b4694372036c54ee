"""Where things are. Nothing here depends on the machine."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
APPS = ROOT / "tests/integration/apps"
CACHE = ROOT / ".cache"
CLIENTS = CACHE / "clients"  # with --long only
NEWEST = "3.17.2"
OLDER = "3.11.1"
UNSUPPORTED = "3.4.0"
LATEST = "3.18.0"
# Where there is an environment; those of OTHER_SERVERS are used with --long only.
SERVERS = ("3.6.0", "3.7.0", "3.9.0", "3.10.1", OLDER, "3.12.0", "3.13.0", "3.14.0", "3.15.2", "3.16.1", NEWEST, LATEST)
OTHER_SERVERS = tuple(version for version in SERVERS if version not in ("3.6.0", OLDER, LATEST))
ENVIRONMENTS = {version: ROOT / f".venv/mlflow-{version}" for version in (UNSUPPORTED, *SERVERS)} | {NEWEST: ROOT / ".venv/main"}
CLIENT = ROOT / ".venv/client"
AUTOLOG = ROOT / ".venv/autolog"  # with --long only
# `mlflow-tracing` alone; the older ones with --long only.
SLIM = {NEWEST: ROOT / ".venv/slim"} | {version: ROOT / f".venv/slim-{version}" for version in ("3.6.0", OLDER)}
CHROMIUM = pathlib.Path("/usr/bin/chromium")
CHROMEDRIVER = pathlib.Path("/usr/bin/chromedriver")


def versions(*usual: str) -> list:
    """Parameters of a test that runs on every version with --long, and on the usual ones always."""
    return [version if version in usual else pytest.param(version, marks=pytest.mark.long) for version in SERVERS]


# For tests that start a server each and do not depend much on its version.
NEWEST_ALWAYS = [NEWEST, pytest.param(OLDER, marks=pytest.mark.long)]

# What is tested: TRACELINK_TEST_BIN, the bin folder of another build, else the release preset.
BIN = pathlib.Path(os.environ.get("TRACELINK_TEST_BIN", ROOT / "build/release/bin"))

# Variables that would change what a program under test does.
_FOREIGN = ("MLFLOW_", "OTEL_", "TRACELINK_", "GIT_", "GITHUB_", "CI_", "BUILD_", "LISTEN_", "NOTIFY_",
            "XDG_", "DATABRICKS_", "ARM_", "SOURCE_COMMIT")


# For an application that is to deliver on a busy machine: OpenTelemetry's exporter gives a trace up after 10 s. In seconds, as
# its Python reads it.
PATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "300", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "300"}


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | more
