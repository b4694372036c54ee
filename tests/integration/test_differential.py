"""What MLflow's own SDK stores directly, against what it stores through tracelinkd: field by field, on each server.

The truth is what the application meant (all_cases.py says it), else what the SDK stores on the newest server. Where the two
roads differ, one of KNOWN must name the field and find that tracelinkd stored the truth.
"""

import json
import logging
import re
import subprocess
from typing import Callable, Iterable, NamedTuple, TypeVar

import pytest
import requests

from harness.daemon import Daemon
from harness.mlflow_server import MlflowServer
from harness.places import APPS, CLIENT, ENVIRONMENTS, LATEST, NEWEST, OLDER, PATIENT, clean_environment, versions
from harness.stored_trace import ABSENT, AS_MEASURED, differences, fields_of

log = logging.getLogger("test")

ATTEMPTS = 5
Made = TypeVar("Made")
METADATA = "info.trace_metadata."
SIZES = METADATA + "mlflow.trace.size"
TOKENS = METADATA + "mlflow.trace.tokenUsage"
SESSION = METADATA + "mlflow.trace.session"
USER = METADATA + "mlflow.trace.user"


class Trace(NamedTuple):
    made: dict  # what the application printed
    fields: dict[str, object] | None  # what the server shows; None: no whole trace


class Run(NamedTuple):
    """One application, both roads, one server."""
    daemon: dict[str, Trace]  # by case
    direct: dict[str, Trace]


class Difference(NamedTuple):
    field: str
    daemon: object
    direct: object
    trace: Trace  # through the daemon
    reference: object  # the field as stored directly on the newest server


class Known(NamedTuple):
    why: str
    fields: str  # a regular expression for the whole name
    right: Callable[[Difference], bool]  # whether the daemon's value is the truth
    cases: str = ".*"
    servers: tuple[str, str] = ("0", "99")  # from the first, below the second


def is_absent(difference: Difference) -> bool:
    return difference.daemon == ABSENT


def is_the_reference(difference: Difference) -> bool:
    return difference.daemon == difference.reference


def is_a_near_estimate(difference: Difference) -> bool:
    sdk = difference.reference if difference.direct == ABSENT else difference.direct
    return abs(int(difference.daemon) - int(sdk)) < 600


def is_that_of_all_spans(difference: Difference) -> bool:
    starts, ends = zip(*difference.trace.made["times"].values())
    return difference.daemon == max(ends) // 10**6 - min(starts) // 10**6


def is_what_was_meant(key: str) -> Callable[[Difference], bool]:
    return lambda difference: difference.daemon == difference.trace.made[key]


def are_the_tokens(difference: Difference) -> bool:
    return json.loads(difference.daemon) == difference.trace.made["tokens"]


KNOWN = (
    Known("the SDK cannot send integers beyond 64 bits, and loses those spans; the daemon keeps the digits as text",
          ".*", lambda difference: True, cases="integers_beyond_64_bits"),
    Known("OTLP does not carry the SDK's user, source file and git facts; the daemon's own come from its configuration",
          METADATA + r"mlflow\.(user|source\..*)", is_absent),
    Known("MLflow's own pages show tags, not models: the daemon names the version in one",
          r"info\.tags\.tracelink\.version", lambda difference: (difference.daemon, difference.direct) == ("agent", ABSENT)),
    Known("OTLP does not carry what is set on the trace by hand",
          rf"info\.client_request_id|{METADATA}environment|{SESSION}|{USER}", is_absent, cases="set_on_the_trace"),
    Known("OTLP does not carry previews set by hand; the daemon shows those of the root",
          r"info\.re(quest|sponse)_preview", lambda difference: difference.daemon in ('"the input"', '"the output"'),
          cases="set_on_the_trace"),
    Known("the size of the whole trace is an estimate: it includes what only the SDK or only the daemon adds to the trace info",
          SIZES + r"(Bytes|Stats\.total_size_bytes)", is_a_near_estimate),
    Known("the server widens a trace to its spans, in whole milliseconds of the clock, when they come after the trace info",
          r"info\.execution_duration_ms", is_that_of_all_spans),
    Known("servers below 3.9 do not take the session from spans, those below 3.14 with JSON's quotes",
          re.escape(SESSION), is_what_was_meant("session"), servers=("0", "3.14")),
    Known("servers below 3.12 do not take the user from spans, those below 3.14 with JSON's quotes",
          re.escape(USER), is_what_was_meant("user"), servers=("0", "3.14")),
    Known("the SDK's totals meet the server's own sum: right, doubled or short, from run to run",
          re.escape(TOKENS), are_the_tokens, servers=("0", "3.12")),
    Known("the SDK's trace info comes after its spans, and this server answers it with 500: name, link and metadata are lost; "
          "the daemon's comes first", r"info\..*", is_the_reference, cases="session_and_user.*",
          servers=("3.9", "3.11")),
)


def at_least(version: str, other: str) -> bool:
    return [int(part) for part in version.split(".")] >= [int(part) for part in other.split(".")]


def explanation(version: str, case: str, difference: Difference) -> str | None:
    for known in KNOWN:
        first, end = known.servers
        if (at_least(version, first) and not at_least(version, end) and re.fullmatch(known.cases, case)
                and re.fullmatch(known.fields, difference.field) and known.right(difference)):
            return known.why
    return None


CASES = [CLIENT / "bin/python", APPS / "all_cases.py"]


def run_cases(command: list = CASES, **environment: str) -> list[dict]:
    finished = subprocess.run(
        command, env=clean_environment(GIT_PYTHON_REFRESH="quiet", **PATIENT) | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return [json.loads(line) for line in finished.stdout.splitlines()]


def read(server: MlflowServer, made: list[dict], names: dict[str, str]) -> dict[str, Trace]:
    """names: of what has another id on each server."""
    finished = subprocess.run(
        [ENVIRONMENTS[server.version] / "bin/python", APPS / "read_traces.py"], input="\n".join(trace["trace_id"] for trace in made),
        env=clean_environment(MLFLOW_TRACKING_URI=server.uri, GIT_PYTHON_REFRESH="quiet"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    traces = {}
    for trace, line in zip(made, finished.stdout.splitlines(), strict=True):
        for value, name in names.items():
            line = line.replace(value, name)
        stored = json.loads(line)
        traces[trace["case"]] = Trace(trace, None if "error" in stored else fields_of(stored, trace))
    return traces


@pytest.fixture(scope="module")
def run_on(templates, tmp_path_factory):
    """run_on(version): both roads to a server of that version, once."""
    runs = {}

    def run(version: str) -> Run:
        if version not in runs:
            folder = tmp_path_factory.mktemp("d")
            server = MlflowServer(version, folder / "server", templates(version))
            daemon = Daemon(folder, {"model": {"name": "agent"}, "experiment": {"name": "support"}, "tracking": {"uri": server.uri}})
            try:
                server.start()
                daemon.start()
                runs[version] = both_roads(server, daemon)
            finally:
                daemon.end()
                server.kill()
        return runs[version]
    return run


def both_roads(server: MlflowServer, daemon: Daemon) -> Run:
    model_id = daemon.wait_for_model()["id"]
    through_daemon = run_cases(**dict(line.split("=", 1) for line in daemon.tracelink("env").out.splitlines()))
    spans = sum(len(trace["times"]) for trace in through_daemon)
    daemon.wait_for_spans(accepted=spans, delivered=spans, queued=0)
    direct = run_directly(server, model_id)
    return Run(*(read(server, made, {model_id: "<model id>"}) for made in (through_daemon, direct)))


def run_directly(server: MlflowServer, model_id: str, command: list = CASES) -> list[dict]:
    """By MLflow's SDK alone."""
    def run():
        return run_cases(command, MLFLOW_TRACKING_URI=server.uri, MLFLOW_EXPERIMENT_NAME="support", MLFLOW_ACTIVE_MODEL_ID=model_id,
                         # Else it may exit, or wait for minutes, with traces unsent.
                         MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
    return reference(server, run, lambda made: [trace["trace_id"] for trace in made])


def reference(server: MlflowServer, run: Callable[[], Made], trace_ids: Callable[[Made], Iterable[str]]) -> Made:
    """What run() made by MLflow's SDK alone. The SDK asks GET /version once and waits 3 s for it; on a busy machine it then takes the
    server for an old one and uploads the spans as artifacts for the life of its process. That is no reference: it is made again."""
    for attempt in range(ATTEMPTS):
        made = run()
        if any(spans_location(server, trace_id) == "TRACKING_STORE" for trace_id in trace_ids(made)):
            return made
        log.info("the SDK took the server for an old one (attempt %d)", attempt + 1)
    raise AssertionError(f"in {ATTEMPTS} runs MLflow's SDK sent no spans to the server")


def spans_location(server: MlflowServer, trace_id: str) -> str | None:
    found = requests.get(f"{server.uri}/api/3.0/mlflow/traces/{trace_id}", timeout=300)
    if not found.ok:  # on some servers the SDK's own trace info is refused
        return None
    return found.json()["trace"]["trace_info"].get("tags", {}).get("mlflow.trace.spansLocation")


@pytest.fixture(params=versions("3.6.0", OLDER, LATEST))
def version(request):
    return request.param


def test_nothing_differs_from_what_the_sdk_stores_but_what_is_known(run_on, version, record_property):
    run, newest = run_on(version), run_on(LATEST)
    unexplained, explained, compared = [], {}, 0
    assert run.daemon.keys() == run.direct.keys()
    for case, trace in run.daemon.items():
        assert trace.fields, f"{case} cannot be read"
        direct = run.direct[case].fields or {}
        reference = newest.direct[case].fields or {}
        compared += len(trace.fields.keys() | direct.keys())
        for field, (ours, theirs) in differences(trace.fields, direct).items():
            difference = Difference(field, ours, theirs, trace, reference.get(field, ABSENT))
            if why := explanation(version, case, difference):
                explained[why] = explained.get(why, 0) + 1
            else:
                unexplained.append(f"{case}: {field}: through tracelinkd {ours!r}, directly {theirs!r}")
    record_property("traces", len(run.daemon))
    record_property("fields", compared)
    record_property("differences", explained)
    assert not unexplained, "\n".join(unexplained)


def test_every_field_is_what_the_application_meant(run_on, version):
    for case, (made, fields) in run_on(version).daemon.items():
        shown = {
            "name": fields["info.tags.mlflow.traceName"], "state": fields["info.state"],
            "tokens": json.loads(fields[TOKENS]) if TOKENS in fields else None,
            "session": fields.get(SESSION), "user": fields.get(USER),
            "tags": {key.removeprefix("info.tags."): value for key, value in fields.items()
                     if key.startswith("info.tags.") and not key.startswith(("info.tags.mlflow.", "info.tags.tracelink."))},
            "request": fields.get("info.request_preview"), "response": fields.get("info.response_preview"),
        }
        assert shown == shown | {key: made[key] for key in shown.keys() & made.keys()}, case
        assert fields[METADATA + "mlflow.modelId"] == "<model id>", case
        assert fields["spans"] == sorted(made["times"]), case
        assert fields["info.request_time"] == AS_MEASURED, case
        for span in made["times"]:
            assert fields[f"span {span!r}.start_time_unix_nano"] == AS_MEASURED, case
            assert fields[f"span {span!r}.end_time_unix_nano"] == AS_MEASURED, case


def test_integers_beyond_64_bits_keep_their_digits(run_on, version):
    fields = run_on(version).daemon["integers_beyond_64_bits"].fields
    shown = {key: fields[f"span 'integers'.attributes.{key}"] for key in ("integer", "negative", "inside")}
    assert shown == {"integer": f'"{2**63}"', "negative": f'"{-2**63 - 1}"', "inside": f'[NaN, "{2**70}"]'}


def test_a_root_that_the_sdk_drops_leaves_a_linked_trace(newest_server, daemon_for, run_app):
    """With opentelemetry-sdk 1.43 and newer MLflow drops the root of a trace that has user tags; the client environment has an older one."""
    newest_server.start()
    daemon = daemon_for(newest_server)
    daemon.configure({"forward": {"trace_idle": "1s"}})
    daemon.start()
    [made] = run_app(daemon, "all_cases.py", "trace_tags_and_tokens")
    daemon.wait_for_spans(accepted=1, delivered=1, queued=0)
    status = daemon.status()
    [stored] = newest_server.search_traces(status["experiment"]["id"], status["model"]["id"])
    assert (stored["trace_id"], stored["state"]) == (made["trace_id"], "IN_PROGRESS")
    assert [span["name"] for span in stored["spans"]] == ["chat"]
    assert {key: stored["token_usage"][key] for key in made["tokens"]} == made["tokens"]
