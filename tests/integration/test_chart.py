"""The Helm chart: Helm's own engine lints and renders it, the API's schemas take the result, and the daemon takes the configuration."""

import copy
import json
import re
import shutil
import subprocess

import pytest
import yaml

from harness.kubernetes import FOLDER, VERSIONS, containers, helm, kustomize, of_kind, refusals, render
from harness.places import BIN, ROOT, clean_environment

CHART = FOLDER / "chart"
USER = 10001
CASES = {
    "sidecar": {},
    "claim": {"queue": {"claim": True, "storageClass": "fast"}},
    "facts": {"model": {"name": {"value": "support"}, "version": {"annotation": "example.org/commit"}}, "token": {"secret": ""},
              "application": {"podAnnotations": {"example.org/commit": "1f2e3d"}, "env": [{"name": "A", "value": "b"}], "command": ["python", "app.py"]}},
    "daemonset": {"mode": "daemonset"},
    "library": {"mode": "library"},
    "admission": {"mode": "admission"},
    "admitted": {"mode": "admission", "token": {"secret": ""}, "user": 4711, "model": {"name": {"value": "support"}, "version": {"annotation": "example.org/commit"}}},
    "unversioned": {"mode": "admission", "model": {"version": {"label": ""}}},
}
# A kind that older versions of the API do not have.
NEWEST_ONLY = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[dict]]:
    return dict(zip(CASES, render(CHART, *CASES.values()), strict=True))


def pod_spec(manifests: list[dict], kind: str) -> dict:
    return of_kind(manifests, kind)["spec"]["template"]["spec"]


def configuration(manifests: list[dict]) -> str:
    return of_kind(manifests, "ConfigMap")["data"]["tracelinkd.yaml"]


def facts(container: dict) -> dict[str, str]:
    return {entry["name"]: entry.get("value") or entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"]}


def test_helm_finds_nothing_but_that_it_has_no_icon():
    assert json.loads(helm(CHART, {}).stdout)["lint"] == ["icon is recommended"]


def test_its_version_is_the_programs():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = subprocess.run([BIN / "tracelinkd", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
    assert (chart["version"], chart["appVersion"]) == (version, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_takes_whatever_it_renders(rendered, version):
    known = [manifest for manifests in rendered.values() for manifest in manifests if version == VERSIONS[-1] or manifest["kind"] not in NEWEST_ONLY]
    assert refusals(known, version) == []


def test_each_case_makes_what_it_says(rendered):
    kinds = {name: sorted(manifest["kind"] for manifest in manifests) for name, manifests in rendered.items()}
    assert kinds == {"sidecar": ["ConfigMap", "Deployment"], "claim": ["ConfigMap", "StatefulSet"], "facts": ["ConfigMap", "Deployment"],
                     "daemonset": ["ConfigMap", "DaemonSet"], "library": ["ConfigMap"],
                     "admission": ["ConfigMap", *NEWEST_ONLY], "admitted": ["ConfigMap", *NEWEST_ONLY],
                     "unversioned": ["ConfigMap", *NEWEST_ONLY]}


def test_values_that_mean_nothing_are_refused():
    for values, words in (({"queue": {"clame": True}}, "clame"), ({"mode": "side-car"}, "mode"), ({"queue": {"size": "1 GB"}}, "size")):
        done = helm(CHART, values)
        assert done.returncode == 1 and words in done.stderr, done.stderr


def test_a_queue_that_its_volume_cannot_hold_is_refused():
    """It would evict the pod, and be lost with it."""
    for queue, size in (("1217MiB", "1280Mi"), (1340 << 20, "1Gi"), (None, "10Gi")):
        done = helm(CHART, {"config": {"queue": {"max_bytes": queue}}, "queue": {"size": size}})
        assert done.returncode == 1 and f"queue.size: {size} is less than config.queue.max_bytes" in done.stderr, done.stderr
    fitting = [("1216MiB", "1280Mi", {}), (1 << 30, "2Gi", {}), ("20GiB", "1Gi", {"claim": True}), ("20GiB", "1Gi", {"mode": "daemonset"}),
               ("2TiB", "3Ti", {}), (None, "11Gi", {})]
    for bound, size, more in fitting:
        values = {"mode": more.get("mode", "sidecar"), "config": {"queue": {"max_bytes": bound}}, "queue": {"size": size, "claim": more.get("claim", False)}}
        assert helm(CHART, values).returncode == 0, values


@pytest.mark.parametrize("case", CASES)
def test_the_daemon_takes_the_configuration(rendered, folder, case):
    (folder / "token").write_text("secret\n")
    config = folder / "tracelinkd.yaml"
    config.write_text(configuration(rendered[case]).replace("/run/secrets/tracelink/", f"{folder}/"))
    told = subprocess.run([BIN / "tracelink", "config", "check", config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env=clean_environment(TRACELINK_MODEL__NAME="agent", TRACELINK_MODEL__VERSION="v1"))
    assert (told.returncode, told.stdout) == (0, f"{config}: ok\n")


def test_the_sidecar_is_that_of_the_kustomize_base(rendered):
    """Names of volumes apart: the chart's may come into the pod of somebody else."""
    ours = pod_spec(rendered["sidecar"], "Deployment")
    kustomized = kustomize(FOLDER / "sidecar")
    base = pod_spec(kustomized, "Deployment")
    mine, other = copy.deepcopy(containers(ours)["tracelink"]), containers(base)["tracelink"]
    for mount in mine["volumeMounts"]:
        mount["name"] = mount["name"].removeprefix("tracelink-")
    assert mine.pop("image") == other.pop("image") and mine.pop("imagePullPolicy") == "IfNotPresent"
    assert mine == other
    assert ours["securityContext"] == base["securityContext"]
    assert yaml.safe_load(configuration(rendered["sidecar"])) == yaml.safe_load(configuration(kustomized))


def expression(policy: dict) -> str:
    """The patch that the policy makes, without what means nothing in CEL."""
    [mutation] = policy["spec"]["mutations"]
    return re.sub(r"\s+", "", mutation["jsonPatch"]["expression"])


def test_the_policy_is_that_of_the_kustomize_base_for_one_namespace(rendered):
    ours, base = (of_kind(manifests, "MutatingAdmissionPolicy") for manifests in (rendered["admission"], kustomize(FOLDER / "admission")))
    configured = of_kind(rendered["admission"], "ConfigMap")["metadata"]
    theirs = expression(base).replace('configMap{name:"tracelink"}', f'configMap{{name:"{configured["name"]}"}}')
    theirs = theirs.replace(",defaultMode:288}", ',defaultMode:288,items:[Object.spec.volumes.secret.items{key:"token",path:"token"}]}')
    theirs = theirs.replace('restartPolicy:"Always"', 'imagePullPolicy:"IfNotPresent",restartPolicy:"Always"')
    token = 'Object.spec.initContainers.volumeMounts{name:"tracelink-token",mountPath:"/run/secrets/tracelink",readOnly:true}'
    configuration = 'Object.spec.initContainers.volumeMounts{name:"tracelink-configuration",mountPath:"/etc/tracelink",readOnly:true}'
    assert expression(ours) == theirs.replace(f"{configuration},{token}", f"{token},{configuration}")
    for key in ("matchConditions", "variables", "failurePolicy", "reinvocationPolicy"):
        assert ours["spec"][key] == base["spec"][key]
    assert ours["spec"]["matchConstraints"]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "agents"}
    assert ours["spec"]["matchConstraints"]["objectSelector"] == base["spec"]["matchConstraints"]["objectSelector"]
    assert of_kind(rendered["admission"], "MutatingAdmissionPolicyBinding")["spec"]["policyName"] == ours["metadata"]["name"]


def test_the_policy_has_what_the_values_say(rendered):
    patch = expression(of_kind(rendered["admitted"], "MutatingAdmissionPolicy"))
    assert 'name:"TRACELINK_MODEL__NAME",value:"support"}' in patch and "metadata.annotations['example.org/commit']" in patch
    assert "runAsUser:4711" in patch and "fsGroup\",value:4711" in patch
    assert "tracelink-token" not in patch and "10001" not in patch
    assert "TRACELINK_MODEL__VERSION" not in expression(of_kind(rendered["unversioned"], "MutatingAdmissionPolicy"))
    refused = helm(CHART, {"mode": "admission", "queue": {"claim": True}})
    assert refused.returncode == 1 and "queue.claim" in refused.stderr


def test_name_and_version_come_from_where_the_values_say(rendered):
    label = "metadata.labels['app.kubernetes.io/{}']".format
    assert facts(containers(pod_spec(rendered["sidecar"], "Deployment"))["tracelink"]) == {
        "TRACELINK_MODEL__NAME": label("name"), "TRACELINK_MODEL__VERSION": label("version")}
    assert facts(containers(pod_spec(rendered["facts"], "Deployment"))["tracelink"]) == {
        "TRACELINK_MODEL__NAME": "support", "TRACELINK_MODEL__VERSION": "metadata.annotations['example.org/commit']"}
    labels = of_kind(rendered["sidecar"], "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == "v1.2.0", "the image's tag"
    assert yaml.safe_load(configuration(rendered["daemonset"]))["model"] == {"type": "agent", "name": "{service.name}", "version": "{service.version}"}


def test_a_claim_is_the_volume_of_the_queue(rendered):
    stateful = of_kind(rendered["claim"], "StatefulSet")["spec"]
    [claim] = stateful["volumeClaimTemplates"]
    assert (claim["metadata"]["name"], claim["spec"]["storageClassName"]) == ("tracelink-queue", "fast")
    assert "tracelink-queue" not in [volume["name"] for volume in stateful["template"]["spec"]["volumes"]]


def test_without_a_secret_no_token_is_read(rendered):
    spec = pod_spec(rendered["facts"], "Deployment")
    assert "tracelink-token" not in [volume["name"] for volume in spec["volumes"]] and "token" not in configuration(rendered["facts"])


def test_another_configuration_is_another_pod(rendered):
    [changed] = render(CHART, {"config": {"log": {"level": "debug"}}})
    annotations = [of_kind(manifests, "Deployment")["spec"]["template"]["metadata"]["annotations"]["tracelink/configuration"]
                   for manifests in (rendered["sidecar"], changed)]
    assert annotations[0] != annotations[1]


def test_the_library_of_the_page_puts_the_sidecar_into_another_chart(folder, rendered):
    """docs/kubernetes.md#in-your-own-chart, as it is written."""
    page = (ROOT / "docs/kubernetes.md").read_text().split("## In your own chart")[1]
    files = dict(re.findall(r"^`([\w./]+)`:\n\n```yaml\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)[:3])
    assert list(files) == ["Chart.yaml", "values.yaml", "templates/deployment.yaml"]
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    shutil.copytree(CHART, folder / "charts/tracelink")
    [manifests] = render(folder, {})
    assert refusals(manifests, VERSIONS[0]) == []
    spec = pod_spec(manifests, "Deployment")
    assert containers(spec)["tracelink"] == containers(pod_spec(rendered["sidecar"], "Deployment"))["tracelink"]
    mounted = {mount["name"] for container in containers(spec).values() for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}
