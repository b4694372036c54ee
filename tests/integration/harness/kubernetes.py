"""Helm's engine, kustomize and the schemas of the Kubernetes API; no cluster is needed."""

import json
import pathlib
import subprocess

import yaml

from .places import APPS, ROOT, clean_environment

ENVIRONMENT = ROOT / ".venv/kubernetes/bin"
FOLDER = ROOT / "kubernetes"
# The oldest that has native sidecars, and the newest.
VERSIONS = ("1.29", "1.37")


def run(*command, given: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([str(part) for part in command], input=given, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)


def manifests_of(text: str) -> list[dict]:
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def helm(chart: pathlib.Path, *values: dict) -> subprocess.CompletedProcess:
    return run(ENVIRONMENT / "python", APPS / "helm_chart.py", given=json.dumps({"chart": str(chart), "values": values}))


def render(chart: pathlib.Path, *values: dict) -> list[list[dict]]:
    """The manifests that the chart makes of each values."""
    done = helm(chart, *values)
    assert done.returncode == 0, done.stderr
    return [[manifest for name, text in files.items() if name.endswith(".yaml") for manifest in manifests_of(text)]
            for files in json.loads(done.stdout)["files"]]


def kustomize(folder: pathlib.Path) -> list[dict]:
    done = run(ENVIRONMENT / "kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stderr
    return manifests_of(done.stdout)


def refusals(manifests: list[dict], version: str) -> list[str]:
    """What the API of that version would not take, unknown keys included."""
    done = run(ENVIRONMENT / "python", APPS / "kubernetes_schema.py", version, given=json.dumps(manifests))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def of_kind(manifests: list[dict], kind: str) -> dict:
    [found] = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def containers(spec: dict) -> dict[str, dict]:
    return {container["name"]: container for container in [*spec["initContainers"], *spec["containers"]]}
