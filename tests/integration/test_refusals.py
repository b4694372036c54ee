"""What the server refuses costs only itself."""

import json

from harness.expect import linked_once
from harness.otlp import SPANS_PER_TRACE, make_refused_trace, make_trace, set_attribute
from harness.waiting import wait_until


def test_what_is_refused_among_a_hundred_traces_becomes_a_dead_letter(server, daemon_for):
    server.narrow_span_types()
    daemon = daemon_for(server)
    daemon.start()
    good = [make_trace() for _ in range(99)]
    refused = make_refused_trace()
    for trace in [*good[:42], refused, *good[42:]]:
        daemon.post(trace.request)
    server.start()
    # Its root alone is refused; the other spans of the trace are not given up with it.
    daemon.wait_for_spans(delivered=100 * SPANS_PER_TRACE - 1, dead_lettered=1, queued=0)

    [letter] = daemon.tracelink("dead-letters", "ls", "--json").json()
    assert letter["trace_id"] == refused.trace_id.removeprefix("tr-")
    assert letter["spans"] == 1
    assert letter["service"] == "agent"
    assert letter["reason"] and letter["accepted_at"] and letter["model"]
    assert "string or blob too big" in json.dumps(letter["answer"])
    assert "INSERT INTO" not in json.dumps(letter), "what stands behind [SQL: is user data"
    shown = daemon.tracelink("dead-letters", "show", letter["id"]).json()
    assert shown == shown | letter
    assert "refused" in json.dumps(shown["otlp"])

    status = daemon.status()
    by_id = {info["trace_id"] for info in server.linked_traces(status["experiment"]["id"], status["model"]["id"])}
    assert {trace.trace_id for trace in [*good, refused]} == by_id
    # MLflow hides a trace that has fewer spans than its info promises.
    shown = server.request("GET", "/api/3.0/mlflow/traces/get", params={"trace_id": refused.trace_id})
    assert len(shown["trace"]["spans"]) == SPANS_PER_TRACE - 1


def test_a_wrong_experiment_id_holds_only_the_traces_of_its_client(newest_server, daemon_for, run_app):
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    run_app(daemon, "otel_agent.py", 2, OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-mlflow-experiment-id=999999")
    good = [make_trace() for _ in range(5)]
    for trace in good:
        daemon.post(trace.request)
    daemon.wait_for_spans(accepted=8 + 5 * SPANS_PER_TRACE, delivered=5 * SPANS_PER_TRACE, queued=8)
    wait_until("the others are held", lambda: any("999999" in json.dumps(held) for held in daemon.status()["held"]), state=daemon.status)
    status = daemon.status()
    assert status["server"]["state"] == "up"
    linked_once(newest_server, status["experiment"]["id"], status["model"]["id"], good)


def test_a_client_may_choose_its_experiment(newest_server, daemon_for):
    newest_server.start()
    other = newest_server.create_experiment("other")
    daemon = daemon_for(newest_server)
    daemon.start()
    trace = make_trace()
    daemon.post(trace.request, headers={"x-mlflow-experiment-id": other})
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE)
    linked_once(newest_server, other, daemon.status()["model"]["id"], [trace])


def wait_for_dead_letters(daemon, count: int) -> list[dict]:
    """The dead letters, once there are so many and nothing is queued."""
    def letters():
        found = daemon.tracelink("dead-letters", "ls", "--json").json()
        return found if len(found) == count and daemon.spans()["queued"] == 0 else None
    return wait_until(f"{count} dead letters", letters, limit_s=600, state=daemon.status)


def test_a_dead_letter_is_replayed_when_its_cause_is_gone(newest_server, daemon_for):
    newest_server.narrow_span_types()
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    refused = make_refused_trace()
    daemon.post(refused.request)
    [first] = wait_for_dead_letters(daemon, 1)
    assert daemon.spans()["dead_lettered"] == first["spans"]

    # The server still refuses it: it comes back as another dead letter.
    replayed = daemon.tracelink("dead-letters", "replay", first["id"], "--json").json()
    assert replayed == {"replayed": [first["id"]]}
    [second] = wait_for_dead_letters(daemon, 1)
    assert second["id"] != first["id"]
    for key in ("trace_id", "spans", "model", "service", "accepted_at", "accepted_sequence"):
        assert second[key] == first[key], key
    assert daemon.spans()["dead_lettered"] == first["spans"]

    # The cause is what a span says: a person corrects it, and the daemon is killed right after the command.
    path = daemon.folder / "state/dead-letters" / (second["id"] + ".json")
    wait_until("the letter is no longer pending", path.exists, state=daemon.log_tail)
    letter = json.loads(path.read_text())
    for span in letter["otlp"]["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span["attributes"] = [item for item in span.get("attributes", []) if item["key"] != "mlflow.spanType"]
    path.write_text(json.dumps(letter, indent=1))
    assert daemon.tracelink("dead-letters", "replay", "--all").code == 0
    daemon.sigkill()
    daemon.start()
    daemon.wait_for_spans(accepted=SPANS_PER_TRACE, delivered=SPANS_PER_TRACE, dead_lettered=0, queued=0)
    assert daemon.tracelink("dead-letters", "ls", "--json").json() == []
    status = daemon.status()
    linked_once(newest_server, status["experiment"]["id"], status["model"]["id"], [refused])


def test_removed_dead_letters_are_counted_for_ever(newest_server, daemon_for):
    newest_server.narrow_span_types()
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    for _ in range(2):
        daemon.post(make_refused_trace().request)
    one, other = wait_for_dead_letters(daemon, 2)
    assert daemon.tracelink("dead-letters", "rm", one["id"]).code == 0
    daemon.sigkill()
    daemon.start()
    assert daemon.tracelink("dead-letters", "ls", "--json").json() == [other]
    spans = daemon.spans()
    assert (spans["dead_lettered"], spans["dropped"]["removed"]) == (other["spans"], one["spans"])
    again = daemon.tracelink("dead-letters", "rm", one["id"])
    assert again.code == 1 and one["id"] in again.err
    assert daemon.tracelink("dead-letters", "rm", "--all").code == 0
    assert daemon.spans()["dropped"]["removed"] == one["spans"] + other["spans"]
    assert daemon.tracelink("dead-letters", "rm").code == 2


DIGITS = "9" * 5_000  # Python reads no integer of more than 4,300
ODD_VALUES = [
    ("mlflow.llm.cost", '{"input_cost": "x"}'),
    ("mlflow.llm.cost", '{"input_cost": null, "total_cost": [1]}'),
    ("mlflow.chat.tokenUsage", '{"input_tokens": "x", "output_tokens": null}'),
    ("mlflow.spanInputs", '{"a": %s}' % DIGITS),
    ("note", DIGITS + " and more"),
    ("note", "[1, " + DIGITS),
    ("note", '{"a": %s}' % DIGITS[:400]),
]


def test_values_that_would_fail_in_the_server_are_repaired(newest_server, daemon_for):
    traces = [make_trace() for _ in range(len(ODD_VALUES) + 2)]
    for trace, (key, value) in zip(traces, ODD_VALUES):
        set_attribute(trace.request.resource_spans[0].scope_spans[0].spans[-1], key, value)
    traces[-1].request.resource_spans[0].resource.attributes.add(key="bytes").value.bytes_value = b"\x01"
    root = traces[-2].request.resource_spans[0].scope_spans[0].spans[-1]
    del root.attributes[:]  # the preview is that of the event
    prompt = root.events.add(name="gen_ai.content.prompt").attributes.add(key="gen_ai.prompt").value
    prompt.array_value.values.add().string_value = "why?"

    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.start()
    for trace in traces:
        daemon.post(trace.request)
    daemon.wait_for_spans(delivered=len(traces) * SPANS_PER_TRACE, dead_lettered=0, queued=0)
    for trace in traces:
        shown = newest_server.request("GET", "/api/3.0/mlflow/traces/get", params={"trace_id": trace.trace_id})
        assert len(shown["trace"]["spans"]) == SPANS_PER_TRACE, trace
