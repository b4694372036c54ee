"""MLflow on PostgreSQL: columns have limits, NUL is refused, errors read differently, the database goes away."""

import json
import os
import random
import threading
from typing import Callable, NamedTuple

import psycopg2
import pytest

from harness.expect import complete, linked_once
from harness.otlp import SPANS_PER_TRACE, SentTrace, make_refused_trace, make_trace, set_attribute
from harness.places import NEWEST_ALWAYS
from harness.waiting import wait_until

EMOJI, NUL, REPLACED = "\U0001f600", "\0", "�"
SECRET = "what-only-the-user-may-know"


@pytest.fixture(params=NEWEST_ALWAYS)
def server(request, make_postgres_server):
    return make_postgres_server(request.param)


def rows(server, query: str, *values) -> list[tuple]:
    """Straight from the database: answers of the REST API show the beginning of long values only."""
    connection = psycopg2.connect(server.store.replace("+psycopg2", ""))
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()
    finally:
        connection.close()


def send(daemon, count: int, question: str = "why?") -> list[SentTrace]:
    traces = [make_trace(question) for _ in range(count)]
    for trace in traces:
        daemon.post(trace.request)
    return traces


def says_nothing_of_sql(daemon) -> None:
    """What stands behind "[SQL:" in an answer is the user's data: not logged, not shown, not kept."""
    told = daemon.log_file.read_text(errors="replace") + json.dumps(daemon.status())
    told += json.dumps([letter["answer"] for letter in daemon.tracelink("dead-letters", "ls", "--json").json()])
    for forbidden in (SECRET, "[SQL", "INSERT INTO", "UPDATE ", "[parameters"):
        assert forbidden not in told, forbidden


# --- limits of columns -----------------------------------------------------------------------------

class Case(NamedTuple):
    """What is done to a trace, and what the database must then hold."""
    edit: Callable[[SentTrace], None]
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    info: dict[str, str] = {}
    types: list[str] = []


def root(key: str, value) -> Callable[[SentTrace], None]:
    return lambda trace: set_attribute(trace.root, key, value)


def question(text: str) -> Callable[[SentTrace], None]:
    return root("mlflow.spanInputs", json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=False))


def renamed(name: str) -> Callable[[SentTrace], None]:
    def edit(trace):
        trace.root.name = name
    return edit


def in_resource(key: str, value: str) -> Callable[[SentTrace], None]:
    def edit(trace):
        trace.request.resource_spans[0].resource.attributes.add(key=key).value.string_value = value
    return edit


def with_event(name: str, value: str) -> Callable[[SentTrace], None]:
    def edit(trace):
        event = trace.root.events.add(name=name, time_unix_nano=trace.root.start_time_unix_nano)
        event.attributes.add(key=name).value.string_value = value
        trace.root.status.message = value
    return edit


def at(start_ns: int, end_ns: int) -> Callable[[SentTrace], None]:
    def edit(trace):
        trace.root.start_time_unix_nano, trace.root.end_time_unix_nano = start_ns, end_ns
    return edit


LIMITS = {
    "name": Case(renamed("n" * 5000), tags={"mlflow.traceName": "n" * 4096}),
    "name, emoji at the cut": Case(renamed("n" * 4095 + 2 * EMOJI), tags={"mlflow.traceName": "n" * 4095 + EMOJI}),
    "name, NUL": Case(renamed(f"a{NUL}b"), tags={"mlflow.traceName": f"a{REPLACED}b"}),
    "request": Case(question("q" * 1001), info={"request_preview": "q" * 997 + "..."}),
    "request that fits": Case(question(EMOJI * 1000), info={"request_preview": EMOJI * 1000}),
    "request, emoji at the cut": Case(question("q" * 996 + EMOJI * 5), info={"request_preview": "q" * 996 + EMOJI + "..."}),
    "request, NUL": Case(question(f"a{NUL}b"), info={"request_preview": f"a{REPLACED}b"}),
    "request of 64 KiB": Case(question("q" * 65536), info={"request_preview": "q" * 997 + "..."}),
    "response": Case(root("mlflow.spanOutputs", json.dumps("r" * 2000)),
                     info={"response_preview": '"' + "r" * 996 + "..."}),
    "response, NUL": Case(root("mlflow.spanOutputs", json.dumps(f"a{NUL}b")),
                          info={"response_preview": json.dumps(f"a{NUL}b")}),
    "response, NUL outside of JSON": Case(root("mlflow.spanOutputs", f"a{NUL}b")),
    "session": Case(root("session.id", "s" * 251), metadata={"mlflow.trace.session": "s" * 250}),
    "session, emoji at the cut": Case(root("session.id", "s" * 249 + EMOJI * 2),
                                      metadata={"mlflow.trace.session": "s" * 249 + EMOJI}),
    "session, NUL": Case(root("session.id", f"a{NUL}b"), metadata={"mlflow.trace.session": f"a{REPLACED}b"}),
    "conversation": Case(root("gen_ai.conversation.id", "c" * 300), metadata={"mlflow.trace.session": "c" * 250}),
    "user": Case(root("user.id", "u" * 8001), metadata={"mlflow.trace.user": "u" * 8000}),
    "user, emoji at the cut": Case(root("user.id", EMOJI * 8001), metadata={"mlflow.trace.user": EMOJI * 8000}),
    "user, NUL": Case(root("user.id", f"a{NUL}b"), metadata={"mlflow.trace.user": f"a{REPLACED}b"}),
    "tag": Case(root("mlflow.traceTag.k", "v" * 8001), tags={"k": "v" * 8000}),
    "tag, emoji at the cut": Case(root("mlflow.traceTag.k", "v" * 7999 + EMOJI * 2), tags={"k": "v" * 7999 + EMOJI}),
    "tag, NUL": Case(root(f"mlflow.traceTag.k{NUL}", f"a{NUL}b"), tags={f"k{REPLACED}": f"a{REPLACED}b"}),
    "tag key": Case(root("mlflow.traceTag." + "k" * 251, "v"), tags={"k" * 250: "v"}),
    "tag that is the name": Case(root("mlflow.traceTag.mlflow.traceName", "n" * 5000),
                                 tags={"mlflow.traceName": "n" * 4096}),
    "span type": Case(root("mlflow.spanType", "T" * 501), types=["T" * 500]),
    "span type, emoji at the cut": Case(root("mlflow.spanType", "T" * 499 + EMOJI * 2), types=["T" * 499 + EMOJI]),
    "span type, NUL": Case(root("mlflow.spanType", f"A{NUL}B"), types=[f"A{REPLACED}B"]),
    "attribute of 64 KiB": Case(root("text", "a" * 65536)),
    "attribute key": Case(root("a" * 5000, "text")),
    "attribute, NUL": Case(root(f"a{NUL}b", f"c{NUL}d")),
    "resource of 64 KiB": Case(in_resource("text", "a" * 65536)),
    "resource key": Case(in_resource("a" * 300, "text")),
    "resource, NUL": Case(in_resource(f"a{NUL}b", f"c{NUL}d")),
    "service, NUL": Case(in_resource("service.name", f"c{NUL}d")),
    "event and status": Case(with_event("e" * 65536, EMOJI * 20000)),
    "event and status, NUL": Case(with_event(f"a{NUL}b", f"c{NUL}d")),
    "start and end at the end of time": Case(at(2**64 - 2, 2**64 - 1)),
    "end at the end of time": Case(at(10**18, 2**63)),
    "start before all time": Case(at(0, 10**18)),
    "tokens": Case(root("mlflow.chat.tokenUsage", '{"input_tokens": 9223372036854775808, "output_tokens": 1}')),
}


def as_mlflow_sdk(trace: SentTrace) -> None:
    """The form in which MLflow's own SDK sends attributes: JSON text, each."""
    for span in trace.request.resource_spans[0].scope_spans[0].spans:
        for attribute in span.attributes:
            kind = attribute.value.WhichOneof("value")
            if kind == "int_value":
                attribute.value.string_value = str(attribute.value.int_value)
            elif not attribute.key.startswith(("mlflow.traceTag.", "mlflow.spanInputs", "mlflow.spanOutputs",
                                               "mlflow.chat.tokenUsage")):
                attribute.value.string_value = json.dumps(attribute.value.string_value)
        set_attribute(span, "mlflow.traceRequestId", json.dumps(trace.trace_id))


def stored_texts(server, table: str, trace: SentTrace, shown: dict[str, str]) -> dict[str, str]:
    """Whole; newer servers keep some, the trace's name, elsewhere: these as they are shown."""
    return shown | dict(rows(server, f"SELECT key, value FROM {table} WHERE request_id = %s", trace.trace_id))


@pytest.mark.parametrize("form", [lambda trace: None, as_mlflow_sdk], ids=["otel", "mlflow"])
def test_what_a_column_cannot_hold_is_cut_and_the_trace_arrives(server, daemon_for, form):
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    sent = {}
    for name, case in LIMITS.items():
        sent[name] = make_trace()
        case.edit(sent[name])
        form(sent[name])
        daemon.post(sent[name].request)
    daemon.wait_for_spans(accepted=len(LIMITS) * SPANS_PER_TRACE, queued=0)
    status = daemon.status()
    letters = daemon.tracelink("dead-letters", "ls", "--json").json()
    refused = [name for name, trace in sent.items()
               if any(letter["trace_id"] in trace.trace_id for letter in letters)]
    assert refused == [], letters
    infos = {info["trace_id"]: info for info in server.linked_traces(status["experiment"]["id"], status["model"]["id"])}
    assert infos.keys() == {trace.trace_id for trace in sent.values()}

    for name, case in LIMITS.items():
        trace = sent[name]
        info = infos[trace.trace_id]
        metadata = stored_texts(server, "trace_request_metadata", trace, info["trace_metadata"])
        tags = stored_texts(server, "trace_tags", trace, info["tags"])
        assert {key: metadata.get(key) for key in case.metadata} == case.metadata, name
        assert {key: tags.get(key) for key in case.tags} == case.tags, name
        for column, text in case.info.items():
            assert rows(server, f"SELECT {column} FROM trace_info WHERE request_id = %s", trace.trace_id) == [(text,)], name
        types = [row[0] for row in rows(server, "SELECT type FROM spans WHERE trace_id = %s", trace.trace_id)]
        assert set(case.types) <= set(types) and len(types) == SPANS_PER_TRACE, name
        opened = server.request("GET", "/api/3.0/mlflow/traces/get", params={"trace_id": trace.trace_id})
        assert len(opened["trace"]["spans"]) == SPANS_PER_TRACE, name
    says_nothing_of_sql(daemon)


# --- poison ----------------------------------------------------------------------------------------

def test_a_poisonous_span_of_fifty_traces_costs_only_itself(server, daemon_for):
    """One answer refuses fifty traces, of which the newest server has stored none and 3.11 those before."""
    server.narrow_span_types()
    daemon = daemon_for(server)
    daemon.start()
    good = [make_trace(SECRET) for _ in range(49)]
    refused = make_refused_trace()
    for trace in [*good[:25], refused, *good[25:]]:
        daemon.post(trace.request)
    server.start()
    whole = 50 * SPANS_PER_TRACE
    daemon.wait_for_spans(limit_s=600, accepted=whole, delivered=whole - 1, dead_lettered=1, queued=0)
    [letter] = daemon.tracelink("dead-letters", "ls", "--json").json()
    assert (letter["trace_id"], letter["spans"]) == (refused.trace_id.removeprefix("tr-"), 1)
    status = daemon.status()
    linked = server.linked_traces(status["experiment"]["id"], status["model"]["id"])
    assert {info["trace_id"] for info in linked} == {trace.trace_id for trace in [*good, refused]}
    counts = dict(rows(server, "SELECT trace_id, count(*) FROM spans GROUP BY trace_id"))
    assert counts == {trace.trace_id: SPANS_PER_TRACE for trace in good} | {refused.trace_id: SPANS_PER_TRACE - 1}
    says_nothing_of_sql(daemon)


# --- trouble ---------------------------------------------------------------------------------------

class Trouble(NamedTuple):
    begin: Callable
    end: Callable
    says: str  # what the operator reads in `held` and `last_error`
    remedy: str


TROUBLES = {
    "down": Trouble(lambda postgres: postgres.kill(), lambda postgres: postgres.start(), "Connection refused",
                    "start the database"),
    "read-only": Trouble(lambda postgres: postgres.set_read_only(True), lambda postgres: postgres.set_read_only(False),
                         "ReadOnlySqlTransaction", "read-only"),
    "full": Trouble(lambda postgres: postgres.allow_connections(0), lambda postgres: postgres.allow_connections(-1),
                    "too many connections", "raise the database's limit"),
}


def held_by(daemon, trouble: Trouble) -> bool:
    return any(trouble.says in held["reason"] and trouble.remedy in held["remedy"] for held in daemon.status()["held"])


def is_last_error(daemon, trouble: Trouble) -> bool:
    """On a busy machine a request may have timed out meanwhile, which is the last error until the next one."""
    error = daemon.status()["last_error"]
    return trouble.says in error["message"] and trouble.remedy in error["remedy"]


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_trouble_of_the_database_is_told_and_costs_nothing(server, postgres, daemon_for, trouble):
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    sent = send(daemon, 3)
    daemon.wait_for_spans(delivered=3 * SPANS_PER_TRACE, queued=0)
    trouble.begin(postgres)
    sent += send(daemon, 30, SECRET)
    newcomer = daemon_for(server, "v2")  # whose model is not registered yet
    newcomer.start()
    new = send(newcomer, 5, SECRET)
    for one in (daemon, newcomer):
        wait_until("the trouble is told", lambda: held_by(one, trouble), state=one.status)
        spans = one.spans()
        assert (spans["queued"], spans["dead_lettered"]) == (spans["accepted"] - spans["delivered"], 0)
    wait_until("it is the last error", lambda: is_last_error(daemon, trouble), state=daemon.status)
    trouble.end(postgres)
    for one, version, traces in (daemon, "v1", sent), (newcomer, "v2", new):
        total = len(traces) * SPANS_PER_TRACE
        one.wait_for_spans(accepted=total, delivered=total, queued=0)
        status = one.status()
        assert status["held"] == []
        assert server.model_ids(status["experiment"]["id"], f"agent-{version}") == [status["model"]["id"]]
        linked_once(server, status["experiment"]["id"], status["model"]["id"], traces)
        complete(server, status["experiment"]["id"], status["model"]["id"])
        says_nothing_of_sql(one)


def test_a_database_that_restarts_and_connections_that_break_cost_nothing(server, postgres, daemon_for):
    server.start()
    daemon = daemon_for(server)
    daemon.start()
    daemon.wait_for_model()
    sent, done = send(daemon, 100, SECRET), threading.Event()

    def break_connections():
        longest = 1.0
        while not done.wait(random.uniform(0.1, longest)):
            postgres.end_connections()
            longest *= 1.1  # at last a request fits in between, however slow the machine is
    breaker = threading.Thread(target=break_connections)
    breaker.start()

    def some_failed_and_some_did_not():
        if daemon.spans()["queued"] == 0:  # all were delivered between two breaks
            sent.extend(send(daemon, 100, SECRET))
        return daemon.status()["last_error"] and daemon.spans()["delivered"] > 0
    try:
        wait_until("requests fail and others succeed", some_failed_and_some_did_not, state=daemon.log_tail)
    finally:
        done.set()
        breaker.join()
    delivered = daemon.spans()["delivered"]
    sent += send(daemon, 100, SECRET)
    wait_until("delivery goes on", lambda: daemon.spans()["delivered"] > delivered, state=daemon.log_tail)
    postgres.stop()
    postgres.start()
    total = len(sent) * SPANS_PER_TRACE
    daemon.wait_for_spans(limit_s=600, accepted=total, delivered=total, queued=0)
    status = daemon.status()
    linked_once(server, status["experiment"]["id"], status["model"]["id"], sent)
    complete(server, status["experiment"]["id"], status["model"]["id"])
    says_nothing_of_sql(daemon)


# --- many at once ----------------------------------------------------------------------------------

def test_parts_of_the_same_traces_from_many_daemons_do_not_block_each_other(server, daemon_for):
    """No deadlock: each trace's info is stored before its spans, which then go sorted by trace id."""
    parts = 4
    daemons = [daemon_for(server) for _ in range(parts)]
    for daemon in daemons:
        daemon.configure({"forward": {"trace_grace": "200ms", "trace_idle": "1s"}})
        daemon.start()
    traces = [make_trace() for _ in range(40)]
    for trace in traces:
        root_span = trace.root
        for number in range(parts - 1):
            span = trace.request.resource_spans[0].scope_spans[0].spans.add()
            span.CopyFrom(root_span)
            span.name, span.span_id, span.parent_span_id = f"part {number}", os.urandom(8), os.urandom(8)
    for number, daemon in enumerate(daemons):
        for trace in random.sample(traces, len(traces)):
            request = type(trace.request)()
            request.CopyFrom(trace.request)
            spans = request.resource_spans[0].scope_spans[0].spans
            kept = [span for span in spans if span.name == f"part {number}" or
                    number == parts - 1 and not span.name.startswith("part")]
            del spans[:]
            spans.extend(kept)
            daemon.post(request)
    server.start()
    for daemon in daemons:
        accepted = daemon.spans()["accepted"]
        daemon.wait_for_spans(limit_s=600, delivered=accepted, queued=0)
    [model] = {daemon.status()["model"]["id"] for daemon in daemons}
    linked = server.linked_traces(server.experiment_id("support"), model)
    assert sorted(info["trace_id"] for info in linked) == sorted(trace.trace_id for trace in traces)
    counts = dict(rows(server, "SELECT trace_id, count(*) FROM spans GROUP BY trace_id"))
    assert counts == {trace.trace_id: SPANS_PER_TRACE + parts - 1 for trace in traces}
    server.stop()  # which writes the statistics of its connections
    assert rows(server, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]


REFUSED = {
    "name": {"model": {"name": "n" * 501}},
    "type": {"model": {"name": "agent", "type": "t" * 501}},
    "param": {"model": {"name": "agent", "params": {"k" * 256: "v"}}},
    "tag": {"model": {"name": "agent", "tags": {"k" * 256: "v"}}},
    "run": {"model": {"name": "agent", "source_run_id": "r" * 33}},
    "experiment": {"model": {"name": "agent"}, "experiment": {"name": "e" * 257}},
}


def test_a_model_that_no_column_takes_is_told_and_its_traces_are_kept(server, make_daemon):
    server.start()
    daemons = {name: make_daemon({"experiment": {"name": "support"}, "tracking": {"uri": server.uri}} | config)
               for name, config in REFUSED.items()}
    for daemon in daemons.values():
        daemon.start()
        send(daemon, 1, SECRET)

    def told(daemon):  # the server's version may be asked for again at this moment
        held = [scope for scope in daemon.status()["held"] if scope["scope"] != "server"]
        return daemon.status()["model"]["state"] == "failed" and held
    for name, daemon in daemons.items():
        [held] = wait_until(f"{name} is told", lambda: told(daemon), state=daemon.log_tail)
        assert "characters" in held["remedy"], (name, held)
        assert daemon.spans()["queued"] == SPANS_PER_TRACE
        says_nothing_of_sql(daemon)


# --- names -------------------------------------------------------------------------------------------

def test_both_names_mean_one_model(server, make_daemon):
    server.start()
    asked, shown = "my-agent-v1.0", "my-agent-v1-0"
    daemon = make_daemon({"model": {"name": shown}, "experiment": {"name": "support"}, "tracking": {"uri": server.uri}})
    created = daemon.tracelink("models", "create", "--name", asked, "--json").json()
    daemon.start()
    [trace] = send(daemon, 1)
    daemon.wait_for_spans(delivered=SPANS_PER_TRACE, queued=0)
    for name in (asked, shown):
        assert daemon.tracelink("models", "get", name, "--json").json()["model_id"] == created["model_id"]
    [model] = daemon.tracelink("models", "list", "--stats", "--json").json()
    assert (model["model_id"], model["traces"]) == (created["model_id"], 1)
    linked_once(server, server.experiment_id("support"), created["model_id"], [trace])
