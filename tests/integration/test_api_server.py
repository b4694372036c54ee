"""Kubernetes' API server takes every manifest, and its admission puts the sidecar into pods as docs/kubernetes.md says."""

import json
import re
import shlex
import uuid

import pytest

from harness.api_server import ApiServer
from harness.kubernetes import FOLDER, containers, kustomize, of_kind, render
from harness.places import ROOT
from harness.waiting import wait_until

pytestmark = pytest.mark.long  # its programs are built from source

LABELS = {"tracelink": "sidecar", "app.kubernetes.io/name": "my-agent", "app.kubernetes.io/version": "v3"}
PLAIN = {"name": "app", "image": "app:v3"}
CHARTS = "agents"  # the namespace for which apps/helm_chart.py renders
SOCKET = "unix:///run/tracelink/tracelink.sock"
ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.fixture(scope="module")
def api_server(tmp_path_factory):
    server = ApiServer(tmp_path_factory.mktemp("api"))
    try:
        server.wait()
        yield server
    finally:
        server.end()


@pytest.fixture
def make_namespace(api_server):
    """make_namespace(labels): the name of a new one."""
    def make(**labels: str) -> str:
        name = f"n-{uuid.uuid4().hex[:8]}"
        api_server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}], "default")
        return name
    return make


@pytest.fixture(scope="module")
def policy(api_server):
    """The policy of kubernetes/admission, in force."""
    api_server.apply(kustomize(FOLDER / "admission"), "default")
    api_server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "probe", "labels": {"tracelink": "sidecar"}}}], "default")

    wait_until("the policy is in force", lambda: "initContainers" in dry_run(api_server, pod("any", PLAIN), "probe")["spec"])


def dry_run(api_server: ApiServer, manifest: dict, namespace: str) -> dict:
    """What the server would make of it."""
    return json.loads(api_server.kubectl("create", "--dry-run=server", "--namespace", namespace, "--output=json", "--filename=-",
                                         given=json.dumps(manifest)))


def pod(name: str, *of_application: dict, labels: dict = LABELS, **spec) -> dict:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {"containers": list(of_application), **spec}}


def environment(container: dict) -> dict[str, str]:
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


def is_within(part, whole) -> bool:
    """Whether the server only added to it; lists keep their length."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and is_within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(is_within, part, whole))
    return part == whole


def test_the_pages_commands_for_admission_are_taken(api_server, make_namespace, folder):
    namespace, token = make_namespace(), folder / "token"
    token.write_text("secret")
    page = (ROOT / "docs/kubernetes.md").read_text().split("## At admission")[1]
    lines = re.search(r"```sh\n(.*?)```", page, flags=re.DOTALL)[1].splitlines()
    assert len(lines) == 4
    for line in lines:
        command = [str(ROOT / word) if word.startswith("kubernetes/") else word for word in shlex.split(line)]
        command = [word.replace("=token", f"={token}").replace("=kubernetes/", f"={FOLDER}/").replace("support", namespace) for word in command]
        assert command[0] == "kubectl"
        api_server.kubectl(*command[1:])
    made = pod("app", PLAIN)
    wait_until("the policy is in force", lambda: "initContainers" in dry_run(api_server, made, namespace)["spec"])


@pytest.mark.parametrize("variant", ("sidecar", "daemonset"))
def test_the_server_keeps_what_kustomize_makes(api_server, make_namespace, variant):
    manifests = kustomize(FOLDER / variant)
    namespace = make_namespace()
    for manifest, kept in zip(manifests, api_server.apply(manifests, namespace), strict=True):
        assert kept["metadata"]["namespace"] == namespace and is_within(manifest, kept)


def test_the_server_keeps_what_the_chart_makes(api_server, make_namespace):
    values = {}, {"queue": {"claim": True, "storageClass": "fast"}}, {"mode": "daemonset"}, {"mode": "library"}, {"mode": "admission"}
    for manifests in render(FOLDER / "chart", *values):
        for manifest, kept in zip(manifests, api_server.apply(manifests, make_namespace()), strict=True):
            assert is_within(manifest, kept)


def test_a_pod_gets_the_sidecar_of_the_component(api_server, policy, make_namespace):
    [made] = api_server.apply([pod("plain", PLAIN)], make_namespace(tracelink="sidecar"))
    wanted = containers(of_kind(kustomize(FOLDER / "sidecar"), "Deployment")["spec"]["template"]["spec"])["tracelink"]
    volumes = {mount["name"]: f"tracelink-{mount['name']}" for mount in wanted["volumeMounts"]}
    for mount in wanted["volumeMounts"]:
        mount["name"] = volumes[mount["name"]]
    [sidecar] = made["spec"]["initContainers"]
    assert is_within(wanted, sidecar)
    assert sorted(volume["name"] for volume in made["spec"]["volumes"]) == sorted(volumes.values())
    assert made["spec"]["securityContext"]["fsGroup"] == 10001 and made["spec"]["terminationGracePeriodSeconds"] == 60
    [application] = made["spec"]["containers"]
    assert environment(application) == {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true", ENDPOINT: SOCKET}
    assert application["volumeMounts"] == [{"name": "tracelink-sockets", "mountPath": "/run/tracelink", "readOnly": True}]


def test_the_charts_policy_does_the_same_in_its_own_namespace(api_server, make_namespace):
    api_server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CHARTS}}], "default")
    [manifests] = render(FOLDER / "chart", {"mode": "admission", "model": {"version": {"value": "v9"}}})
    api_server.apply(manifests, CHARTS)
    plain = pod("plain", PLAIN)
    sidecars = lambda: dry_run(api_server, plain, CHARTS)["spec"].get("initContainers", [])
    # One of an earlier test may be in force until then.
    wait_until("the policy is in force", lambda: [environment(it).get("TRACELINK_MODEL__VERSION") for it in sidecars()] == ["v9"])
    assert [sidecar["restartPolicy"] for sidecar in sidecars()] == ["Always"]
    assert "initContainers" not in dry_run(api_server, plain, make_namespace())["spec"]


def test_what_a_pod_has_of_its_own_stays(api_server, policy, make_namespace):
    own = {"name": "own", "image": "own:v1", "env": [{"name": ENDPOINT, "value": "http://elsewhere:4317"}]}
    other = PLAIN | {"env": [{"name": "A", "value": "b"}], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    [made] = api_server.apply([pod("rich", own, other, initContainers=[{"name": "migrate", "image": "app:v3"}],
                                   volumes=[{"name": "data", "emptyDir": {}}], securityContext={"fsGroup": 7, "runAsUser": 8},
                                   terminationGracePeriodSeconds=120)], make_namespace(tracelink="sidecar"))
    spec = made["spec"]
    assert [container["name"] for container in spec["initContainers"]] == ["tracelink", "migrate"]
    assert spec["securityContext"] == {"fsGroup": 7, "runAsUser": 8} and spec["terminationGracePeriodSeconds"] == 120
    assert is_within(own, spec["containers"][0]) and "volumeMounts" not in spec["containers"][0]
    assert environment(spec["containers"][1]) | {"A": "b", ENDPOINT: SOCKET} == environment(spec["containers"][1])
    assert [mount["mountPath"] for mount in spec["containers"][1]["volumeMounts"]] == ["/data", "/run/tracelink"]
    assert spec["volumes"][0] == {"name": "data", "emptyDir": {}}


def test_what_is_not_asked_for_stays_as_it_is(api_server, policy, make_namespace):
    without_label = {key: value for key, value in LABELS.items() if key != "tracelink"}
    cases = ((make_namespace(tracelink="sidecar"), pod("unlabelled", PLAIN, labels=without_label)), (make_namespace(), pod("elsewhere", PLAIN)))
    for namespace, manifest in cases:
        [made] = api_server.apply([manifest], namespace)
        assert "initContainers" not in made["spec"] and "env" not in made["spec"]["containers"][0]


def test_a_pod_that_has_its_sidecar_gets_no_second_one(api_server, policy, make_namespace):
    namespace = make_namespace(tracelink="sidecar")
    template = of_kind(kustomize(FOLDER / "sidecar"), "Deployment")["spec"]["template"]
    [made] = api_server.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "has-one", "labels": LABELS}, "spec": template["spec"]}], namespace)
    assert [container["name"] for container in made["spec"]["initContainers"]] == ["tracelink"]
