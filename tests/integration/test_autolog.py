"""Traces that MLflow makes of calls of OpenAI, Anthropic and LangChain are through tracelinkd what they are without it."""

import json
import re
import subprocess

import pytest

from harness.language_models import LanguageModels
from harness.mlflow_server import MlflowServer
from harness.places import APPS, AUTOLOG, ENVIRONMENTS, NEWEST, clean_environment
from harness.stored_trace import differences
from test_differential import reference
from test_mlflow_sdk import SUPPORT

pytestmark = pytest.mark.long  # the libraries are an environment of their own

SIZES = ("mlflow.trace.sizeBytes", "mlflow.trace.sizeStats")  # the link that the daemon adds is not among them
ADDED = ("tracelink.version", "mlflow.artifactLocation")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # LangChain names each run by one


@pytest.fixture
def models():
    server = LanguageModels()
    yield server
    server.close()


def run_app(models: LanguageModels, **environment: str) -> dict[str, str]:
    done = subprocess.run([AUTOLOG / "bin/python", APPS / "mlflow_autolog.py", models.uri],
                          env=clean_environment(GIT_PYTHON_REFRESH="quiet", MLFLOW_ENABLE_OTLP_EXPORTER="false", **SUPPORT) | environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def run_directly(models: LanguageModels, server: MlflowServer, model_id: str) -> dict[str, str]:
    """Synchronously: else an info may overtake its spans, which are an artifact then."""
    def run():
        return run_app(models, MLFLOW_TRACKING_URI=server.uri, MLFLOW_ACTIVE_MODEL_ID=model_id, MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false")
    return reference(server, run, dict.values)


def fields(trace: dict) -> dict[str, object]:
    """What is the same in every run."""
    info, spans = trace["info"], trace["data"]["spans"]
    found = {"state": info["state"], "request": info.get("request_preview"), "response": info.get("response_preview"),
             "spans": sorted(span["name"] for span in spans)}
    found |= {f"metadata.{key}": value for key, value in info["trace_metadata"].items() if key not in SIZES}
    found |= {f"tag.{key}": value for key, value in info["tags"].items() if key not in ADDED}
    names = {span["span_id"]: span["name"] for span in spans}
    for span in spans:
        place = f"span {span['name']!r}"
        found |= {f"{place}.status": span["status"], f"{place}.parent": names.get(span["parent_span_id"])}
        found |= {f"{place}.{key}": value for key, value in span["attributes"].items() if key != "mlflow.traceRequestId"}
        found[f"{place}.events"] = [(event["name"], event["attributes"].get("exception.message")) for event in span["events"]]
    return found


def read(server: MlflowServer, made: dict[str, str]) -> dict[str, dict[str, object]]:
    done = subprocess.run([ENVIRONMENTS[NEWEST] / "bin/python", APPS / "read_traces.py"], input="\n".join(made.values()),
                          env=clean_environment(MLFLOW_TRACKING_URI=server.uri, GIT_PYTHON_REFRESH="quiet"),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {case: fields(json.loads(UUID.sub("<run>", line.replace(trace_id, "<trace id>"))))
            for (case, trace_id), line in zip(made.items(), done.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize("is_async", ["true", "false"])
def test_what_mlflow_makes_of_calls_is_the_same(newest_server, front_of, models, is_async):
    newest_server.start()
    daemon = front_of(newest_server)
    daemon.start()
    model_id = daemon.wait_for_model()["id"]
    through = run_app(models, MLFLOW_TRACKING_URI=daemon.front, MLFLOW_ENABLE_ASYNC_TRACE_LOGGING=is_async)
    daemon.wait_for_spans(queued=0)
    direct = run_directly(models, newest_server, model_id)
    ours, theirs = read(newest_server, through), read(newest_server, direct)
    found = {case: unlike for case in theirs if (unlike := differences(ours[case], theirs[case]))}
    assert not found, json.dumps(found, indent=1)
    assert ours["openai"]["metadata.mlflow.modelId"] == model_id
    assert json.loads(ours["openai"]["metadata.mlflow.trace.tokenUsage"])["total_tokens"] == 17
