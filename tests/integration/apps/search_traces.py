"""usage: search_traces.py EXPERIMENT_ID MODEL_ID: what mlflow.search_traces finds, as JSON."""

import json
import sys

import mlflow


def describe_span(span):
    return {
        "span_id": span.span_id, "parent_id": span.parent_id, "name": span.name,
        "type": span.span_type, "status": span.status.status_code.value,
        "start_ns": span.start_time_ns, "end_ns": span.end_time_ns,
        "inputs": span.inputs, "outputs": span.outputs,
        "attributes": span.attributes,
        "events": [event.name for event in span.events],
    }


def describe(trace):
    info = trace.info
    return {
        "trace_id": info.trace_id, "state": str(info.state.value),
        "request_time": info.request_time, "execution_duration": info.execution_duration,
        "request_preview": info.request_preview, "response_preview": info.response_preview,
        "metadata": info.trace_metadata, "tags": info.tags, "token_usage": info.token_usage,
        "spans": [describe_span(span) for span in trace.data.spans],
    }


experiment_id, model_id = sys.argv[1:]
traces = mlflow.search_traces(locations=[experiment_id], model_id=model_id, return_type="list",
                              max_results=1000)
json.dump([describe(trace) for trace in traces], sys.stdout, default=str)
