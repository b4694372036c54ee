"""What kustomize makes of kubernetes/ agrees with itself, the API's schemas and the program, and the image runs as the manifest says. No cluster is needed."""

import functools
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
import yaml

from harness.kubernetes import FOLDER, VERSIONS, containers, kustomize, of_kind, refusals
from harness.otlp import make_trace, otlp_json
from harness.places import BIN, ROOT, clean_environment
from harness.pod import Pod
from harness.ports import free_port
from harness.waiting import wait_until

KINDS = {"sidecar": "Deployment", "daemonset": "DaemonSet"}
USER = 10001
UNITS = {"MiB": 1 << 20, "GiB": 1 << 30, "Mi": 1 << 20, "Gi": 1 << 30}


@functools.cache
def rendered(variant: str) -> list[dict]:
    return kustomize(FOLDER / variant)


def pod(variant: str) -> dict:
    return of_kind(rendered(variant), KINDS[variant])["spec"]["template"]


def pod_spec(variant: str) -> dict:
    return pod(variant)["spec"]


def configuration(variant: str) -> str:
    return of_kind(rendered(variant), "ConfigMap")["data"]["tracelinkd.yaml"]


def keys(variant: str) -> dict:
    return yaml.safe_load(configuration(variant))


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


@pytest.fixture(params=KINDS)
def variant(request) -> str:
    return request.param


def test_each_mount_has_a_volume_and_each_volume_a_mount(variant):
    spec = pod_spec(variant)
    mounted = {mount["name"] for container in containers(spec).values() for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_paths_of_the_configuration_lie_in_the_volumes_that_are_meant(variant):
    config, tracelink = keys(variant), containers(pod_spec(variant))["tracelink"]
    assert volume_of(tracelink, config["state_dir"]) == "queue"
    assert volume_of(tracelink, config["listen"]["socket"]["path"]) == "sockets"
    assert volume_of(tracelink, re.fullmatch(r"\$\{file:(.*)\}", config["tracking"]["token"])[1]) == "token"
    assert volume_of(tracelink, "/etc/tracelink/tracelinkd.yaml") == "configuration"
    [port] = [entry["containerPort"] for entry in tracelink["ports"]]
    assert config["control"]["http"] == f"0.0.0.0:{port}"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_takes_every_manifest(variant, version):
    assert refusals(rendered(variant), version) == []


def test_a_manifest_with_a_mistake_is_refused():
    [refusal] = refusals([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {"containers": [{"name": "a", "imagee": "b"}]}}],
                         VERSIONS[0])
    assert refusal.startswith("Pod one: spec.containers.0: ") and "imagee" in refusal


def test_the_configuration_is_the_one_that_the_volume_has(variant):
    [volume] = [volume for volume in pod_spec(variant)["volumes"] if "configMap" in volume]
    assert volume["configMap"]["name"] == of_kind(rendered(variant), "ConfigMap")["metadata"]["name"]
    version = subprocess.run([BIN / "tracelinkd", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
    assert containers(pod_spec(variant))["tracelink"]["image"] == f"tracelink:{version}"


def test_every_key_and_variable_is_accepted(variant, folder):
    tracelink = containers(pod_spec(variant))["tracelink"]
    config = folder / "tracelinkd.yaml"
    config.write_text(with_secret(configuration(variant), folder))
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
    grace = int(keys(variant)["shutdown_grace"].removesuffix("s"))
    application, stop = 10, 4
    assert pod_spec(variant)["terminationGracePeriodSeconds"] >= application + grace + stop


def test_the_sidecar_starts_before_and_ends_after_the_application():
    spec = pod_spec("sidecar")
    [sidecar], [application] = spec["initContainers"], spec["containers"]
    assert sidecar["restartPolicy"] == "Always" and spec["securityContext"]["fsGroup"] == USER
    environment = {entry["name"]: entry["value"] for entry in application["env"]}
    assert environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "unix://" + keys("sidecar")["listen"]["socket"]["path"]
    assert volume_of(application, "/run/tracelink/tracelink.sock") == "sockets"


def test_a_full_queue_does_not_evict_the_pod():
    [queue] = [volume for volume in pod_spec("sidecar")["volumes"] if volume["name"] == "queue"]
    quarantine = 64 << 20
    assert amount(queue["emptyDir"]["sizeLimit"]) > amount(keys("sidecar")["queue"]["max_bytes"]) + quarantine


def test_the_folders_of_the_node_are_given_to_the_daemon():
    spec = pod_spec("daemonset")
    [own], [tracelink] = spec["initContainers"], spec["containers"]
    folders = {path for path, name in mounts(tracelink).items() if name in ("sockets", "queue")}
    assert own["command"] == ["chown", f"{USER}:{USER}", *sorted(folders)] and mounts(own).keys() == folders
    assert own["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}


def test_an_application_as_it_is_gets_the_sidecar(folder):
    """The recipe of docs/kubernetes.md, as it is written: only its manifest's label is new."""
    (folder / "kubernetes").symlink_to(FOLDER)
    page = (ROOT / "docs/kubernetes.md").read_text().split("## An application as it is")[1]
    (folder / "kustomization.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, flags=re.DOTALL)[1])
    (folder / "app").mkdir()
    (folder / "app/kustomization.yaml").write_text("resources: [app.yaml]\n")
    name = {"app.kubernetes.io/name": "my-agent"}
    plain = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "my-agent", "labels": {"tracelink": "sidecar"}},
             "spec": {"selector": {"matchLabels": name}, "template": {"metadata": {"labels": name}, "spec": {
                 "initContainers": [{"name": "migrate", "image": "my-agent:v3"}],
                 "containers": [{"name": "my-agent", "image": "my-agent:v3", "env": [{"name": "A", "value": "b"}]}]}}}}
    (folder / "app/app.yaml").write_text(yaml.safe_dump(plain))
    made = kustomize(folder)
    assert refusals(made, VERSIONS[0]) == []
    template = of_kind(made, "Deployment")["spec"]["template"]
    assert template["metadata"]["labels"]["app.kubernetes.io/version"] == "v3"
    assert [container["name"] for container in template["spec"]["initContainers"]] == ["tracelink", "migrate"]
    assert containers(template["spec"])["tracelink"] == containers(pod_spec("sidecar"))["tracelink"]
    [application] = template["spec"]["containers"]
    [ours] = pod_spec("sidecar")["containers"]
    assert application["env"] == [*ours["env"], {"name": "A", "value": "b"}] and application["volumeMounts"] == ours["volumeMounts"]


def test_the_api_takes_the_policy_and_its_image_is_this_version():
    made = kustomize(FOLDER / "admission")
    assert refusals(made, VERSIONS[-1]) == []
    policy = of_kind(made, "MutatingAdmissionPolicy")
    assert of_kind(made, "MutatingAdmissionPolicyBinding")["spec"]["policyName"] == policy["metadata"]["name"]
    version = subprocess.run([BIN / "tracelinkd", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
    [mutation] = policy["spec"]["mutations"]
    assert f'"tracelink:{version}"' in mutation["jsonPatch"]["expression"]


@pytest.fixture
def running_pod(folder):
    image = folder / "image.tar"
    subprocess.run([ROOT / "scripts/image", "--build", BIN.parent, "--output", image], env=clean_environment(), check=True)
    assert image.stat().st_size < 40_000_000
    made = Pod(folder, pod_spec("sidecar"), image)
    yield made
    made.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_the_image_runs_as_the_manifest_says(running_pod):
    port = free_port()
    every = containers(pod_spec("sidecar"))
    tracelink, application = every["tracelink"], every["my-agent"]
    running_pod.write("configuration", "tracelinkd.yaml", configuration("sidecar").replace("0.0.0.0:9464", f"127.0.0.1:{port}"))
    running_pod.write("token", "token", "secret\n")
    labels = pod("sidecar")["metadata"]["labels"]
    variables = {entry["name"]: labels[re.search(r"'(.*)'", entry["valueFrom"]["fieldRef"]["fieldPath"])[1]] for entry in tracelink["env"]}
    daemon = running_pod.start(tracelink, variables | {"TRACELINK_SHUTDOWN_GRACE": "0s"})

    def has_started() -> bool:
        assert daemon.is_running(), daemon.log_tail()
        return running_pod.run(tracelink, tracelink["startupProbe"]["exec"]["command"]).returncode == 0
    try:
        wait_until("the startup probe succeeds", has_started, state=daemon.log_tail)
        alive = running_pod.run(tracelink, tracelink["livenessProbe"]["exec"]["command"])
        assert (alive.returncode, alive.stdout) == (0, "ok\n")
        assert running_pod.run(application, ["curl", "--silent", "--write-out", "%{http_code}", f"http://127.0.0.1:{port}/healthz"]).stdout == "ok\n200"
        sent = running_pod.run(application, ["curl", "--silent", "--show-error", "--unix-socket", "/run/tracelink/tracelink.sock", "--header",
                                             "Content-Type: application/json", "--data", otlp_json(make_trace()), "--write-out", "%{http_code}",
                                             "http://localhost/v1/traces"])
        assert sent.stdout == "{}200", sent.stdout
        denied = running_pod.run(application, ["curl", "--silent", "--show-error", "--unix-socket", "/run/tracelink/control.sock", "http://localhost/status"])
        assert denied.returncode == 7, "the control socket is the daemon's alone"
        status = json.loads(running_pod.run(tracelink, ["tracelink", "status", "--json"]).stdout)
        assert status["model"]["requested_name"] == "my-agent-v1.2.0" and status["spans"]["queued"] > 0
        assert running_pod.run(tracelink, ["sh", "-c", "true"]).returncode == 127, "there is no shell in the image"
    finally:
        daemon.signal_group(signal.SIGTERM)
        code = daemon.wait()
    assert code == 0, daemon.log_tail()
