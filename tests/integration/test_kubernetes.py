"""The manifests of kubernetes/ agree with themselves and with the program, and the sidecar runs as its manifest says. No cluster is needed."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
import yaml

from harness.otlp import make_trace, otlp_json
from harness.places import BIN, ROOT, clean_environment
from harness.pod import Pod
from harness.ports import free_port
from harness.waiting import wait_until

FOLDER = ROOT / "kubernetes"
MANIFESTS = {"sidecar": "deployment.yaml", "daemonset": "daemonset.yaml"}
USER = 10001
UNITS = {"MiB": 1 << 20, "GiB": 1 << 30, "Mi": 1 << 20, "Gi": 1 << 30}


def load(variant: str, file: str) -> dict:
    return yaml.safe_load((FOLDER / variant / file).read_text())


def pod_spec(variant: str) -> dict:
    return load(variant, MANIFESTS[variant])["spec"]["template"]["spec"]


def containers(spec: dict) -> dict[str, dict]:
    return {container["name"]: container for container in [*spec["initContainers"], *spec["containers"]]}


def amount(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(number) * UNITS[unit]


def mounts(container: dict) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


def volume_of(container: dict, path: str) -> str:
    [found] = [name for at, name in mounts(container).items() if pathlib.PurePath(path).is_relative_to(at)]
    return found


def with_secret(config: str, folder: pathlib.Path) -> str:
    (folder / "token").write_text("secret\n")
    return config.replace("/run/secrets/tracelink/", f"{folder}/")


@pytest.fixture(params=MANIFESTS)
def variant(request) -> str:
    return request.param


def test_each_mount_has_a_volume_and_each_volume_a_mount(variant):
    spec = pod_spec(variant)
    mounted = {mount["name"] for container in containers(spec).values() for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_paths_of_the_configuration_lie_in_the_volumes_that_are_meant(variant):
    config, tracelink = load(variant, "tracelinkd.yaml"), containers(pod_spec(variant))["tracelink"]
    assert volume_of(tracelink, config["state_dir"]) == "queue"
    assert volume_of(tracelink, config["listen"]["socket"]["path"]) == "sockets"
    assert volume_of(tracelink, re.fullmatch(r"\$\{file:(.*)\}", config["tracking"]["token"])[1]) == "token"
    assert volume_of(tracelink, "/etc/tracelink/tracelinkd.yaml") == "configuration"
    [port] = [entry["containerPort"] for entry in tracelink["ports"]]
    assert config["control"]["http"] == f"0.0.0.0:{port}"


def test_the_configuration_is_the_one_that_the_volume_has(variant):
    kustomization = load(variant, "kustomization.yaml")
    [generated] = kustomization["configMapGenerator"]
    [volume] = [volume for volume in pod_spec(variant)["volumes"] if "configMap" in volume]
    assert (volume["configMap"]["name"], generated["files"]) == (generated["name"], ["tracelinkd.yaml"])
    [image] = kustomization["images"]
    assert image == {"name": "tracelink", "newTag": subprocess.run([BIN / "tracelinkd", "--version"], stdout=subprocess.PIPE, text=True,
                                                                   check=True).stdout.split()[1]}


def test_every_key_and_variable_is_accepted(variant, folder):
    tracelink = containers(pod_spec(variant))["tracelink"]
    config = folder / "tracelinkd.yaml"
    config.write_text(with_secret((FOLDER / variant / "tracelinkd.yaml").read_text(), folder))
    variables = {entry["name"]: "text" for entry in tracelink.get("env", [])}
    told = subprocess.run([BIN / "tracelink", "config", "check", config], env=clean_environment(**variables), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, f"{config}: ok\n")


def test_the_daemon_has_no_rights_that_it_does_not_need(variant):
    spec = pod_spec(variant)
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"} and spec["automountServiceAccountToken"] is False
    assert containers(spec)["tracelink"]["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]}}


def test_the_pod_ends_after_the_daemon(variant):
    grace = int(load(variant, "tracelinkd.yaml")["shutdown_grace"].removesuffix("s"))
    application, stop = 10, 4
    assert pod_spec(variant)["terminationGracePeriodSeconds"] >= application + grace + stop


def test_the_sidecar_starts_before_and_ends_after_the_application():
    spec = pod_spec("sidecar")
    [sidecar], [application] = spec["initContainers"], spec["containers"]
    assert sidecar["restartPolicy"] == "Always" and spec["securityContext"]["fsGroup"] == USER
    environment = {entry["name"]: entry["value"] for entry in application["env"]}
    assert environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "unix://" + load("sidecar", "tracelinkd.yaml")["listen"]["socket"]["path"]
    assert volume_of(application, "/run/tracelink/tracelink.sock") == "sockets"


def test_a_full_queue_does_not_evict_the_pod():
    [queue] = [volume for volume in pod_spec("sidecar")["volumes"] if volume["name"] == "queue"]
    quarantine = 64 << 20
    assert amount(queue["emptyDir"]["sizeLimit"]) > amount(load("sidecar", "tracelinkd.yaml")["queue"]["max_bytes"]) + quarantine


def test_the_folders_of_the_node_are_given_to_the_daemon():
    spec = pod_spec("daemonset")
    [own], [tracelink] = spec["initContainers"], spec["containers"]
    folders = {path for path, name in mounts(tracelink).items() if name in ("sockets", "queue")}
    assert own["command"] == ["chown", f"{USER}:{USER}", *sorted(folders)] and mounts(own).keys() == folders
    assert own["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}


@pytest.fixture
def pod(folder):
    made = Pod(folder, pod_spec("sidecar"))
    yield made
    made.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_the_sidecar_runs_as_its_manifest_says(pod):
    port = free_port()
    every = containers(pod_spec("sidecar"))
    tracelink, application = every["tracelink"], every["my-agent"]
    pod.write("configuration", "tracelinkd.yaml", (FOLDER / "sidecar/tracelinkd.yaml").read_text().replace("0.0.0.0:9464", f"127.0.0.1:{port}"))
    pod.write("token", "token", "secret\n")
    labels = load("sidecar", "deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    variables = {entry["name"]: labels[re.search(r"'(.*)'", entry["valueFrom"]["fieldRef"]["fieldPath"])[1]] for entry in tracelink["env"]}
    daemon = pod.start(tracelink, variables | {"TRACELINK_SHUTDOWN_GRACE": "0s"})

    def has_started() -> bool:
        assert daemon.is_running(), daemon.log_tail()
        return pod.run(tracelink, tracelink["startupProbe"]["exec"]["command"]).returncode == 0
    try:
        wait_until("the startup probe succeeds", has_started, state=daemon.log_tail)
        path = tracelink["livenessProbe"]["httpGet"]["path"]
        assert pod.run(application, ["curl", "--silent", "--write-out", "%{http_code}", f"http://127.0.0.1:{port}{path}"]).stdout == "ok\n200"
        sent = pod.run(application, ["curl", "--silent", "--show-error", "--unix-socket", "/run/tracelink/tracelink.sock", "--header",
                                     "Content-Type: application/json", "--data", otlp_json(make_trace()), "--write-out", "%{http_code}",
                                     "http://localhost/v1/traces"])
        assert sent.stdout == "{}200", sent.stdout
        asked = pod.run(application, ["tracelink", "--control", "/run/tracelink/control.sock", "status"])
        assert asked.returncode == 1 and "permission denied" in asked.stdout
        status = json.loads(pod.run(tracelink, ["tracelink", "status", "--json"]).stdout)
        assert status["model"]["requested_name"] == "my-agent-v1.2.0" and status["spans"]["queued"] > 0
    finally:
        daemon.signal_group(signal.SIGTERM)
        code = daemon.wait()
    assert code == 0, daemon.log_tail()
