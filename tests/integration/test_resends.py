"""Every step of a delivery fails once, in every way: each trace is stored once, linked, with the right totals."""

import concurrent.futures

import pytest

from harness.fault_proxy import Fault, FaultProxy
from harness.parts import PartsSender, TraceInParts

FORWARD = {"trace_grace": "50ms", "trace_idle": "100ms"}
MORE_STEPS_THAN_THERE_ARE = 100


@pytest.fixture
def make_proxied(shared_server, make_daemon):
    """make_proxied(experiment): a proxy before the server, and a daemon behind it, not started."""
    proxies = []

    def make(experiment: str) -> tuple[FaultProxy, object]:
        proxies.append(FaultProxy(shared_server.port))
        daemon = make_daemon({"model": {"name": "agent", "version": "v1"}, "experiment": {"name": experiment},
                              "tracking": {"uri": proxies[-1].uri}, "forward": FORWARD})
        return proxies[-1], daemon
    yield make
    for proxy in proxies:
        proxy.close()


def check(server, daemon, traces) -> None:
    assert daemon.spans()["dead_lettered"] == 0
    experiment = server.experiment_id(daemon.config["experiment"]["name"])
    [model] = server.model_ids(experiment, "agent-v1")
    assert server.model(model)["status"] == "LOGGED_MODEL_READY"
    for trace in traces:
        trace.assert_stored(server, model)
    linked = [info["trace_id"] for info in server.linked_traces(experiment, model)]
    assert sorted(linked) == sorted(trace.trace_id for trace in traces)


def side_by_side(run, *cases) -> list:
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return list(pool.map(run, *cases))


def test_a_failure_at_any_step_of_a_delivery(shared_server, make_proxied):
    def run(fault, proxy_and_daemon):
        proxy, daemon = proxy_and_daemon
        daemon.start()
        daemon.wait_for_model()
        send, traces, spoiled = PartsSender().send, [], []
        for step in range(MORE_STEPS_THAN_THERE_ARE):
            proxy.spoil(step, fault)
            whole, parts = TraceInParts(), TraceInParts()
            send(daemon, whole, *whole.PARENTS)
            send(daemon, parts, "first", "second")  # without the root
            send(daemon, parts, "root")
            send(daemon, parts, "agent")
            traces += [whole, parts]
            if proxy.spoiled is None:
                break
            spoiled.append(proxy.spoiled)
        check(shared_server, daemon, traces)
        return spoiled
    proxied = [make_proxied(f"deliveries {fault.name}") for fault in Fault]
    for fault, spoiled in zip(Fault, side_by_side(run, Fault, proxied)):
        print(fault.name, *spoiled, sep="\n    ")
        assert 10 <= len(spoiled) < MORE_STEPS_THAN_THERE_ARE


def test_a_failure_at_any_step_of_the_registration(shared_server, make_proxied):
    # GET /version comes beside the others: the experiment, the model, and the first of the trace.
    steps = [(0, "GET /version"), *((number, "") for number in range(12))]
    others = [fault for fault in Fault if fault is not Fault.ANSWER_LOST]
    cases = [(number, fault, starts) for number, starts in steps
             for fault in (Fault.ANSWER_LOST, others[number % len(others)])]
    proxied = [make_proxied(f"registration {case}") for case in range(len(cases))]

    def run(case, proxy_and_daemon):
        proxy, daemon = proxy_and_daemon
        proxy.spoil(*case)
        daemon.start()
        trace = TraceInParts()
        PartsSender().send(daemon, trace, *trace.PARENTS)
        check(shared_server, daemon, [trace])
        daemon.end()
        return proxy.spoiled
    spoiled = side_by_side(run, cases, proxied)
    print("\n".join(str(request) for request in spoiled))
    for step in ("GET /version", "POST /api/2.0/mlflow/logged-models", "PATCH /api/2.0/mlflow/logged-models"):
        assert any(request and request.startswith(step) for request in spoiled), step
