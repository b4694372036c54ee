"""usage: evaluate_versions.py EXPERIMENT_ID NAME...: for each name, a LoggedModel with six traces that mlflow.genai.evaluate judges.

Prints the ids of the models as JSON. The first version answers all questions; each later one leaves another two without an answer.
"""

import json
import sys

import mlflow
from mlflow.genai.scorers import scorer

QUESTIONS = [f"question {number}" for number in range(6)]


@mlflow.trace(name="answer")
def answer(question: str, silent: int) -> str:
    return "" if QUESTIONS.index(question) < silent else "an answer to " + question


@scorer
def answered(outputs) -> bool:
    return bool(outputs)


@scorer
def length(outputs) -> int:
    return len(outputs or "")


def evaluate(name: str, silent: int) -> str:
    model = mlflow.set_active_model(name=name)
    for question in QUESTIONS:
        answer(question, silent)
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(locations=[sys.argv[1]], model_id=model.model_id)
    mlflow.genai.evaluate(data=traces, scorers=[answered, length], model_id=model.model_id)
    mlflow.flush_trace_async_logging()
    return model.model_id


mlflow.set_experiment(experiment_id=sys.argv[1])
ids = [evaluate(name, 2 * number) for number, name in enumerate(sys.argv[2:])]
json.dump(ids, sys.stdout)
