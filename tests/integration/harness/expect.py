"""Compares what a server shows with what an application says it did."""

import json

from . import otlp

MODEL_ID = "mlflow.modelId"
VERSION_TAG = "tracelink.version"


def assert_shown(stored: list[dict], sent: list[dict], model_id: str, *, json_as_text: bool = False) -> None:
    """stored: of MlflowServer.search_traces; sent: printed by an application of apps/.

    json_as_text: the server shows inputs and outputs that came as JSON text as that text.
    """
    by_id = {trace["trace_id"]: trace for trace in stored}
    assert len(by_id) == len(stored) and by_id.keys() == {trace["trace_id"] for trace in sent}
    for trace in sent:
        if json_as_text:
            trace = trace | {key: trace[key] and json.dumps(trace[key]) for key in ("inputs", "outputs")}
        _assert_trace(by_id[trace["trace_id"]], trace, model_id)


def _assert_trace(stored: dict, sent: dict, model_id: str) -> None:
    assert stored["metadata"][MODEL_ID] == model_id
    assert stored["tags"]["mlflow.traceName"] == sent["name"]
    assert stored["state"] == sent["state"]
    assert stored["request_time"] == sent["start_ns"] // 10**6
    # Servers that compute it themselves round both ends, so they may be one off.
    assert abs(stored["execution_duration"] - (sent["end_ns"] - sent["start_ns"]) // 10**6) <= 1
    assert stored["request_preview"] == sent["request_preview"]
    assert (stored["response_preview"] or "") == sent["response_preview"]
    assert _tokens(stored["token_usage"]) == sent["tokens"]
    assert stored["metadata"]["mlflow.trace.session"] == sent["session"]
    assert stored["metadata"]["mlflow.trace.user"] == sent["user"]
    _assert_spans(stored["spans"], sent)


def _tokens(usage: dict | None) -> dict | None:
    return usage and {key: usage[key] for key in ("input_tokens", "output_tokens", "total_tokens")}


def _assert_spans(spans: list[dict], sent: dict) -> None:
    names = {span["span_id"]: span["name"] for span in spans}
    assert len(spans) == len(sent["parents"])
    assert {span["name"]: names.get(span["parent_id"]) for span in spans} == sent["parents"]
    root = next(span for span in spans if span["parent_id"] is None)
    assert (root["start_ns"], root["end_ns"]) == (sent["start_ns"], sent["end_ns"])
    assert (root["inputs"], root["outputs"]) == (sent["inputs"], sent["outputs"])
    events = {span["name"]: span["events"] for span in spans}
    for name, expected in sent["events"].items():
        assert events[name] == expected, name


def linked_once(server, experiment_id: str, model_id: str, sent: list[otlp.SentTrace]) -> None:
    """Every sent trace is there exactly once, linked, named by its version, complete, and its tokens are counted once; no other is."""
    infos = server.linked_traces(experiment_id, model_id)
    ids = [info["trace_id"] for info in infos]
    assert sorted(ids) == sorted(trace.trace_id for trace in sent)
    expected = {"input_tokens": otlp.INPUT_TOKENS, "output_tokens": otlp.OUTPUT_TOKENS,
                "total_tokens": otlp.INPUT_TOKENS + otlp.OUTPUT_TOKENS}
    model = server.model(model_id)
    version = model["tags"].get("tracelink.model_name", model["name"])
    for info in infos:
        assert info["tags"][VERSION_TAG] == version, info
        assert info["state"] == "OK", info
        assert _tokens(json.loads(info["trace_metadata"]["mlflow.trace.tokenUsage"])) == expected, info


def complete(server, experiment_id: str, model_id: str) -> None:
    """Every linked trace can be opened and has all its spans."""
    for trace in server.search_traces(experiment_id, model_id):
        assert sorted(span["name"] for span in trace["spans"]) == ["answer", "chat", "retrieve"], trace["trace_id"]
