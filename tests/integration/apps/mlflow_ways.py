"""usage: mlflow_ways.py: a trace in each way that MLflow's SDK has to make one, of models that are named in each way it has.

Prints one JSON object each: its way, its id, the times and ids of its spans, and what has another id in each run.
"""

import asyncio
import concurrent.futures
import contextvars
import json
import os
import threading

import mlflow

os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"

spans = []


def keep() -> None:
    spans.append(mlflow.get_current_active_span())


@mlflow.trace
def step(number):
    keep()
    return number + 1


@mlflow.trace
def numbers(count):
    keep()
    for number in range(count):
        yield step(number)


@mlflow.trace
async def wait(number):
    keep()
    await asyncio.sleep(0)
    return number


@mlflow.trace
async def ask():
    keep()
    return await wait(1)


def named_step(number):
    with mlflow.start_span(f"step {number}") as span:
        spans.append(span)
        span.set_outputs(number)
        return number


@mlflow.trace
def in_threads():
    keep()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sorted(future.result() for future in [pool.submit(contextvars.copy_context().run, named_step, number) for number in range(3)])


@mlflow.trace
def fails():
    keep()
    raise ValueError("it does not work")


def by_hand():
    root = mlflow.start_span_no_context("by hand", inputs={"question": "why?"})
    child = mlflow.start_span_no_context("child", parent_span=root)
    child.end()
    root.end(outputs="because")
    spans.extend([root, child])


def caught(function):
    try:
        function()
    except ValueError:
        pass


def told(way: str, make, **names: str) -> None:
    """names: ids that are others in each run, by the word that stands for each."""
    spans.clear()
    make()
    root = next(span for span in spans if span.parent_id is None)
    print(json.dumps({
        "case": way, "name": root.name, "trace_id": f"tr-{root._span.context.trace_id:032x}", "names": names, "spans": len(spans),
        "times": {span.name: [span.start_time_ns, span.end_time_ns] for span in spans},
        "span_ids": {span.name: span.span_id for span in spans}}), flush=True)


def in_another_thread():
    def work():
        mlflow.set_active_model(name="of-the-thread")
        step(1)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def with_a_model():
    with mlflow.set_active_model(name="of-the-block"):
        step(1)


told("a function", lambda: step(1))
told("a generator", lambda: list(numbers(1)))
told("coroutines", lambda: asyncio.run(ask()))
told("threads", in_threads)
told("an exception", lambda: caught(fails))
told("by hand", by_hand)
told("a block with a model", with_a_model)
told("behind the block", lambda: step(1))
with mlflow.start_run() as run:
    told("a run", lambda: step(1), run=run.info.run_id)
model_id = mlflow.create_external_model(name="created").model_id
mlflow.set_active_model(model_id=model_id)
told("a created model", lambda: step(1), model=model_id)
# The last one: a thread that has no model of its own takes that of any other.
told("a thread with a model", in_another_thread)
mlflow.flush_trace_async_logging()
