"""One link per trace: what traces name, templates for many services, and what becomes of names that cannot be."""

import json
import subprocess

from harness.expect import MODEL_ID, VERSION_TAG, linked_once
from harness.otlp import SPANS_PER_TRACE, SentTrace, make_trace, set_attribute
from harness.places import APPS, BIN, ENVIRONMENTS, NEWEST, PATIENT, clean_environment
from harness.waiting import wait_until

USAGE = 2
CUT_ID, UNKNOWN_ID = "m-0123", "m-" + "0" * 32


def send(daemon, resource: dict[str, str] | None = None, root: dict[str, str] | None = None) -> SentTrace:
    trace = make_trace()
    attributes = trace.request.resource_spans[0].resource.attributes
    for key, value in (resource or {}).items():
        if key == "service.name":
            del attributes[:]
        attributes.add(key=key).value.string_value = value
    for key, value in (root or {}).items():
        set_attribute(trace.root, key, value)
    daemon.post(trace.request)
    return trace


def expect_linked(server, expected: dict[str, list[SentTrace]]) -> None:
    """By model name: exactly these traces, and one model of the name."""
    experiment = server.experiment_id("support")
    for name, traces in expected.items():
        [model_id] = server.model_ids(experiment, name)
        assert server.model(model_id)["status"] == "LOGGED_MODEL_READY"
        linked_once(server, experiment, model_id, traces)


def delivered(daemon, traces: int) -> None:
    daemon.wait_for_spans(delivered=traces * SPANS_PER_TRACE)


def models(daemon) -> dict[str, dict]:
    return {model["requested_name"] or model["id"]: model for model in daemon.status()["models"]}


def test_root_and_resource_name_the_model(newest_server, make_daemon):
    newest_server.start()
    daemon = make_daemon({"model": {"name": "agent", "version": "v1", "type": "agent", "params": {"llm": "gpt-4o"}},
                          "experiment": {"name": "support"}, "tracking": {"uri": newest_server.uri}})
    daemon.start()
    plain = send(daemon)
    by_root = send(daemon, root={"mlflow.modelName": "by-root"})
    json_root = send(daemon, root={"mlflow.modelName": '"by-root"'})  # as MLflow's SDK writes it
    by_resource = send(daemon, {"mlflow.modelName": "by-resource"})
    both = send(daemon, {"mlflow.modelName": "by-resource"}, {"mlflow.modelName": "by-root"})
    delivered(daemon, 5)
    experiment = newest_server.experiment_id("support")
    [resource_model] = newest_server.model_ids(experiment, "by-resource")
    by_id = send(daemon, {"mlflow.modelName": "ignored", "mlflow.modelId": resource_model})
    refused_name = send(daemon, {"mlflow.modelName": "by/ratio 1.0"})  # becomes a portable one
    delivered(daemon, 7)
    expect_linked(newest_server, {"agent-v1": [plain], "by-root": [by_root, json_root, both],
                                  "by-resource": [by_resource, by_id], "by-ratio 1-0": [refused_name]})
    assert newest_server.model(resource_model)["params"] == {}, "they describe another version"
    [configured] = newest_server.model_ids(experiment, "agent-v1")
    assert newest_server.model(configured)["params"] == {"llm": "gpt-4o"}
    assert not newest_server.model_ids(experiment, "ignored")

    shown = models(daemon)
    assert shown.keys() == {"agent-v1", "by-root", "by-resource", resource_model, "by/ratio 1.0"}
    assert {model["state"] for model in shown.values()} == {"ready"}
    assert (shown["agent-v1"]["named_by"], shown["by-root"]["named_by"]) == ("operator", "traces")
    assert daemon.status()["model"]["id"] == configured


def test_traces_name_nothing_that_the_operator_does_not_want(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.configure({"model": {"name": "agent", "version": "v1", "from_traces": "off"}})
    daemon.start()
    traces = [send(daemon, {"mlflow.modelName": "mine"}, {"mlflow.modelId": UNKNOWN_ID})]
    delivered(daemon, 1)
    daemon.sigterm()
    daemon.configure({"model": {"name": "agent", "version": "v1", "from_traces": "ids"}})
    daemon.start()
    [agent] = newest_server.model_ids(newest_server.experiment_id("support"), "agent-v1")
    traces.append(send(daemon, {"mlflow.modelName": "mine"}))
    traces.append(send(daemon, {"mlflow.modelName": "mine", "mlflow.modelId": agent}))
    delivered(daemon, 3)
    expect_linked(newest_server, {"agent-v1": traces})
    assert not newest_server.model_ids(newest_server.experiment_id("support"), "mine")


def test_what_cannot_be_linked_is_held_with_its_remedy(newest_server, make_daemon):
    newest_server.start()
    daemon = make_daemon({"model": {"from_traces": "names", "max_names": 2}, "experiment": {"name": "support"},
                          "tracking": {"uri": newest_server.uri}})
    daemon.start()
    assert daemon.status()["model"]["state"] == "none"
    one, two = send(daemon, {"mlflow.modelName": "one"}), send(daemon, {"mlflow.modelName": "two"})
    send(daemon, {"mlflow.modelName": "three"})
    send(daemon)
    send(daemon, {"mlflow.modelId": CUT_ID})
    more = send(daemon, {"mlflow.modelName": "one"})

    def held():
        # The server is held, too, while its version is asked for.
        scopes = {held["scope"]: held for held in daemon.status()["held"] if held["scope"].startswith("link ")}
        return scopes if len(scopes) == 3 else None
    scopes = wait_until("three reasons to hold", held, state=daemon.log_tail)
    assert "model.max_names" in scopes["link (too many models)"]["remedy"]
    assert "model.name" in scopes["link (no model named)"]["remedy"]
    assert "mlflow.modelId" in scopes["link (unusable name)"]["remedy"]
    assert [scope["traces"] for scope in scopes.values()] == [1, 1, 1]
    delivered(daemon, 3)
    expect_linked(newest_server, {"one": [one, more], "two": [two]})
    assert daemon.spans()["queued"] == 3 * SPANS_PER_TRACE

    daemon.sigterm()  # the operator follows the remedies
    daemon.configure({"model": {"from_traces": "names", "max_names": 3}})
    daemon.start()
    delivered(daemon, 4)
    assert models(daemon).keys() >= {"three"}


def test_an_id_that_does_not_exist_holds_its_traces_alone(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    send(daemon, {"mlflow.modelId": UNKNOWN_ID})
    good = send(daemon)
    delivered(daemon, 1)
    expect_linked(newest_server, {"agent-v1": [good]})
    [held] = wait_until("it is held", lambda: [held for held in daemon.status()["held"] if held["scope"].startswith("link ")],
                        state=daemon.log_tail)
    assert held["scope"] == f"link {UNKNOWN_ID}" and "not found" in held["reason"] and held["remedy"]
    assert models(daemon)[UNKNOWN_ID]["state"] == "failed"


def test_one_daemon_serves_services_and_their_versions(newest_server, make_daemon):
    newest_server.start()
    daemon = make_daemon({"model": {"name": "shop-{service.name}", "version": "{service.version}", "type": "agent",
                                    "tags": {"team": "ml"}},
                          "experiment": {"name": "support"}, "tracking": {"uri": newest_server.uri}})
    daemon.start()
    expected = {}
    for service, version in (("cart", "1.2"), ("cart", "2"), ("stock", "1.2"), ("stock", "")):
        resource = {"service.name": service} | ({"service.version": version} if version else {})
        name = f"shop-{service}" + (f"-{version}" if version else "")
        expected[name.replace(".", "-")] = [send(daemon, resource) for _ in range(2)]
    named = send(daemon, {"service.name": "cart", "mlflow.modelName": "own"})
    delivered(daemon, 9)
    expect_linked(newest_server, expected | {"own": [named]})
    [cart] = newest_server.model_ids(newest_server.experiment_id("support"), "shop-cart-2")
    assert newest_server.model(cart)["model_type"] == "agent"
    assert newest_server.model(cart)["tags"]["team"] == "ml"
    status = daemon.status()
    assert (status["model"]["state"], status["model"]["id"]) == ("none", "")
    assert models(daemon).keys() == {"shop-cart-1.2", "shop-cart-2", "shop-stock-1.2", "shop-stock", "own"}

    daemon.restart()  # what was named is known again, and late spans find it
    again = send(daemon, {"service.name": "cart", "service.version": "2"})
    delivered(daemon, 10)
    expect_linked(newest_server, {"shop-cart-2": expected["shop-cart-2"] + [again]})


def test_a_late_root_moves_the_trace_to_the_model_that_it_names(server, daemon_for):
    server.start()
    daemon = daemon_for(server)
    daemon.configure({"forward": {"trace_grace": "200ms", "trace_idle": "1s"}})
    daemon.start()
    trace = make_trace()
    spans = trace.request.resource_spans[0].scope_spans[0].spans
    set_attribute(trace.root, "mlflow.modelName", "by-root")
    root = type(trace.root)()
    root.CopyFrom(trace.root)
    del spans[-1]
    daemon.post(trace.request)
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE - 1)
    experiment = server.experiment_id("support")
    [before] = server.model_ids(experiment, "agent-v1")
    [info] = server.linked_traces(experiment, before)
    assert (info["trace_id"], info["tags"][VERSION_TAG]) == (trace.trace_id, "agent-v1")
    del spans[:]
    spans.append(root)
    daemon.post(trace.request)
    delivered(daemon, 1)
    [after] = server.model_ids(experiment, "by-root")
    [info] = server.linked_traces(experiment, after)
    assert (info["trace_id"], info["state"]) == (trace.trace_id, "OK")
    assert (info["trace_metadata"][MODEL_ID], info["tags"][VERSION_TAG]) == (after, "by-root")
    assert server.linked_traces(experiment, before) == []


def test_the_application_may_name_the_version_otherwise(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    by_root = send(daemon, root={"mlflow.traceTag." + VERSION_TAG: "canary"})
    by_resource = send(daemon, {VERSION_TAG: "blue"})
    plain = send(daemon)
    delivered(daemon, 3)
    daemon.sigterm()
    daemon.configure({"forward": {"trace_grace": "200ms", "version_tag": ""}})
    daemon.start()
    without = send(daemon)
    delivered(daemon, 4)
    status = daemon.status()
    tags = {info["trace_id"]: info["tags"].get(VERSION_TAG)
            for info in newest_server.linked_traces(status["experiment"]["id"], status["model"]["id"])}
    assert tags == {by_root.trace_id: "canary", by_resource.trace_id: "blue", plain.trace_id: "agent-v1", without.trace_id: None}


def test_workers_side_by_side_have_their_own_versions(newest_server, daemon_for):
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    runs = {}
    for app in ("otel_agent.py", "mlflow_agent.py"):
        for version in ("blue 1, 100%", "green=2"):
            name = f"{app.split('_')[0]} {version}"
            runs[name] = subprocess.Popen(
                [BIN / "tracelink", "--config", daemon.config_file, "run", "--model", name, "--",
                 ENVIRONMENTS[NEWEST] / "bin/python", APPS / app, "3"],
                env=clean_environment(GIT_PYTHON_REFRESH="quiet", **PATIENT, OTEL_RESOURCE_ATTRIBUTES="deployment=canary"),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    sent = {}
    for name, run in runs.items():
        out, err = run.communicate(timeout=600)
        assert run.returncode == 0, err[-3000:]
        sent[name] = sorted(json.loads(line)["trace_id"] for line in out.splitlines())
    daemon.wait_for_spans(delivered=4 * sum(len(traces) for traces in sent.values()), queued=0)
    experiment = newest_server.experiment_id("support")
    for name, traces in sent.items():
        [model_id] = newest_server.model_ids(experiment, name.replace("%", "-"))
        infos = newest_server.linked_traces(experiment, model_id)
        assert sorted(info["trace_id"] for info in infos) == traces
        assert {info["tags"]["deployment"] for info in infos} == {"canary"}, "what was there is kept"


def test_env_and_run_name_a_model(daemon_for, newest_server):
    daemon = daemon_for(newest_server)
    daemon.start()

    def variable(*arguments, **environment):
        lines = daemon.tracelink("env", *arguments, **environment).out.splitlines()
        return dict(line.split("=", 1) for line in lines).get("OTEL_RESOURCE_ATTRIBUTES")
    assert variable() is None
    assert variable("--model", "a v1.0") == "mlflow.modelName=a%20v1.0"
    assert variable("--model", UNKNOWN_ID, OTEL_RESOURCE_ATTRIBUTES="a=b,mlflow.modelName=x") \
        == f"a=b,mlflow.modelId={UNKNOWN_ID}"
    assert daemon.tracelink("env", "--model", CUT_ID).code == USAGE
    run = daemon.tracelink("run", "--model", "inner", "--", "printenv", "OTEL_RESOURCE_ATTRIBUTES",
                           OTEL_RESOURCE_ATTRIBUTES="mlflow.modelName=outer")
    assert run.out == "mlflow.modelName=inner\n"
