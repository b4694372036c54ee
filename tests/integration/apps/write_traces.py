"""usage: write_traces.py STORE EXPERIMENT_ID COUNT COPIES MODEL_ID...: so many varied traces of each model, through MLflow's own
store, and so many copies of each, at other times and with other durations, by SQL, which is a hundred times as fast.

The later models are slower, fail more often and are judged worse. The same arguments give the same figures.
"""

import json
import random
import sys

import sqlalchemy
from mlflow.entities import AssessmentError, AssessmentSource, Expectation, Feedback, TraceInfo, TraceLocation, TraceState
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

START_MS = 1_790_000_000_000


@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
def write_without_waiting_for_the_disk(connection, _record):
    connection.execute("PRAGMA synchronous = OFF")


def source(kind):
    return AssessmentSource(source_type=kind, source_id="test")


def usage(draw, grade):
    tokens = {"input_tokens": draw.randrange(10, 4000), "output_tokens": draw.randrange(1, 500 * (grade + 1))}
    tokens["total_tokens"] = sum(tokens.values())
    if draw.random() < 0.3:
        tokens["cache_read_input_tokens"] = draw.randrange(0, tokens["input_tokens"])
    return tokens


def metadata(draw, grade, model_id):
    values = {"mlflow.modelId": model_id}
    if draw.random() < 0.9:
        values["mlflow.trace.tokenUsage"] = json.dumps(usage(draw, grade))
    if draw.random() < 0.5:
        values["mlflow.trace.cost"] = json.dumps({"input_cost": 0.001, "output_cost": 0.002, "total_cost": round(draw.random() / 50, 6)})
    if draw.random() < 0.8:
        values["mlflow.trace.session"] = f"session-{draw.randrange(40)}"
    if draw.random() < 0.7:
        values["mlflow.trace.user"] = f"user-{draw.randrange(15)}"
    return values


def assessments(draw, grade):
    found = []
    if draw.random() < 0.4:
        found.append(Feedback(name="correctness", value=draw.random() > 0.1 + 0.15 * grade, source=source("LLM_JUDGE")))
    if draw.random() < 0.1:
        found.append(Feedback(name="correctness", value=draw.choice(["yes", "no", "No"]), source=source("HUMAN")))
    if draw.random() < 0.3:
        found.append(Feedback(name="similarity", value=round(draw.random() * 0.7, 4), source=source("CODE")))
    if draw.random() < 0.2:
        found.append(Feedback(name="tone", value=draw.choice(["kind", "rude", "what? <&>"]), source=source("HUMAN")))
    if draw.random() < 0.05:
        found.append(Feedback(name="similarity", error=AssessmentError(error_code="RATE", error_message="later"), source=source("CODE")))
    if draw.random() < 0.1:
        found.append(Expectation(name="answer", value=draw.choice(["Paris", 7, ["a", "b"]]), source=source("HUMAN")))
    return found


def trace(draw, grade, model_id, number):
    state = TraceState.ERROR if number % (12 - 4 * grade) == 0 else TraceState.OK
    return TraceInfo(
        trace_id=f"tr-ff{draw.getrandbits(120):030x}", trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=START_MS + number * 60_000 + draw.randrange(60_000), state=state,
        execution_duration=int(draw.lognormvariate(6 + 0.3 * grade, 1)), request_preview="a question", response_preview="an answer",
        trace_metadata=metadata(draw, grade, model_id), tags={"mlflow.traceName": "answer"}, assessments=assessments(draw, grade))


def copied(column, number):
    """The column's value in a copy, as SQL."""
    if column in ("request_id", "trace_id"):  # "tr-ff…"
        return f"substr({column}, 1, 3) || printf('%04x', {number}) || substr({column}, 8)"
    if column == "assessment_id":  # "a-" and 32 random digits, of which x is none: a copy never has the id of an original
        return f"substr({column}, 1, 2) || printf('x%03x', {number}) || substr({column}, 7)"
    if column in ("timestamp_ms", "trace_timestamp_ms"):
        return f"{column} + {number * 1_000_003}"
    if column == "execution_time_ms":
        return f"execution_time_ms + (execution_time_ms * {number * 7919}) % 1013"
    return column


def copy_traces(connection, number):
    tables = [row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").all()]
    for table in tables:
        columns = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})").all()]
        if "request_id" in columns or "trace_id" in columns:
            chosen = ", ".join(copied(column, number) for column in columns)
            where = "request_id" if "request_id" in columns else "trace_id"
            connection.exec_driver_sql(f"INSERT INTO {table} SELECT {chosen} FROM {table} WHERE {where} NOT LIKE 'tr-00%'")


store_uri, experiment_id, count, copies, *model_ids = sys.argv[1:]
store = SqlAlchemyStore(store_uri, "mlflow-artifacts:/")
for grade, model_id in enumerate(model_ids):
    draw = random.Random(grade)
    for number in range(int(count)):
        store.start_trace(trace(draw, grade, model_id, number))
with store.engine.begin() as connection:
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    for number in range(1, int(copies) + 1):
        copy_traces(connection, number)
