"""destination: file writes OTLP JSON lines, one file a day."""

import json

from harness.otlp import SPANS_PER_TRACE, make_trace


def test_every_trace_becomes_a_line_with_its_link(make_daemon):
    daemon = make_daemon({"destination": "file", "model": {"name": "agent", "version": "v1"}})
    archive = daemon.folder / "archive"
    daemon.configure({"archive": {"dir": str(archive)}})
    daemon.start()
    sent = [make_trace() for _ in range(3)]
    for trace in sent:
        daemon.post(trace.request)
    daemon.wait_for_spans(delivered=3 * SPANS_PER_TRACE, queued=0)

    lines = [json.loads(line) for file in archive.iterdir() for line in file.read_text().splitlines()]
    spans = [span for line in lines for resource in line["resourceSpans"]
             for scope in resource["scopeSpans"] for span in scope["spans"]]
    assert {span["traceId"] for span in spans} == {trace.trace_id.removeprefix("tr-") for trace in sent}
    assert len(spans) == 3 * SPANS_PER_TRACE
    for line in lines:
        assert line["tracelink"]["link"] == {"name": "agent", "version": "v1", "model": "agent-v1"}
        assert line["tracelink"]["accepted_at"].endswith("Z")


def test_setting_the_active_model_promises_no_registration(make_daemon):
    daemon = make_daemon({"destination": "file"})
    daemon.start()
    answer = daemon.tracelink("models", "set-active", "agent-v2")
    assert answer.code == 0, answer.err
    assert "nothing is registered with destination: file" in answer.out and "being registered" not in answer.out, answer.out
    as_json = daemon.tracelink("models", "set-active", "agent-v2", "--json").json()
    assert (as_json["destination"], as_json["registers_models"]) == ("file", False)
