"""usage: figures_by_pandas.py EXPERIMENT_ID MODEL_ID...: figures of the models' traces by mlflow.search_traces, pandas and scipy, as JSON."""

import json
import sys

import mlflow
import pandas
from scipy import stats

USAGE, COST = "mlflow.trace.tokenUsage", "mlflow.trace.cost"


def column_of(metadata, key, member):
    values = metadata.map(lambda data: json.loads(data.get(key, "{}")).get(member)).dropna()
    return values.astype(float)


def assessments_of(traces):
    rows = []
    for assessment in traces["assessments"].explode().dropna():
        if not assessment.get("valid", True):
            continue
        is_expectation = "expectation" in assessment
        content = assessment["expectation" if is_expectation else "feedback"]
        value = content.get("value")
        if "serialized_value" in content:
            value = json.dumps(json.loads(content["serialized_value"]["value"]), separators=(",", ":"))
        rows.append({"name": assessment["assessment_name"], "expectation": is_expectation, "value": value,
                     "source": assessment["source"]["source_type"].lower(), "failed": "error" in content})
    return pandas.DataFrame(rows, columns=["name", "expectation", "value", "source", "failed"])


def is_rating(value):
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("yes", "no"))


def figures_of_values(values, failed, suffix):
    ratings = [value is True or str(value).lower() == "yes" for value in values if is_rating(value)]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    figures = {"count" + suffix: len(values), "errors" + suffix: failed}
    if ratings:
        figures["pass_rate" + suffix] = pandas.Series(ratings).mean()
    if numbers:
        figures["mean" + suffix] = pandas.Series(numbers).mean()
    for value in values:
        if isinstance(value, str) and not is_rating(value):
            figures[f"count{suffix}/{value}"] = figures.get(f"count{suffix}/{value}", 0) + 1
    return figures


def figures_of_assessments(assessments):
    figures = {}
    for (name, expectation), group in assessments.groupby(["name", "expectation"]):
        for source in (None, *group["source"].unique()):
            chosen = group if source is None else group[group["source"] == source]
            qualifier = (".expectation" if expectation else "") + (f".{source}" if source else "")
            values = chosen[~chosen["failed"]]["value"].dropna().tolist()
            figures |= figures_of_values(values, int(chosen["failed"].sum()), f"{qualifier}:{name}")
    return figures


def figures_of(traces):
    metadata, latency = traces["trace_metadata"], traces["execution_duration"].dropna()
    failed = traces["state"].map(str).str.endswith("ERROR")
    figures = {"traces": len(traces), "errors": int(failed.sum()), "error_rate": failed.mean(), "latency_mean_ms": latency.mean()}
    figures |= {f"latency_p{part}_ms": latency.quantile(part / 100) for part in (50, 95, 99)}
    for kind in ("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens"):
        tokens = column_of(metadata, USAGE, kind)
        figures |= {kind: tokens.sum(), f"{kind}_per_trace": tokens.mean()}
    cost = column_of(metadata, COST, "total_cost")
    figures |= {"cost_usd": cost.sum(), "cost_usd_per_trace": cost.mean()}
    for figure, key in (("sessions", "mlflow.trace.session"), ("users", "mlflow.trace.user")):
        figures[figure] = metadata.map(lambda data, key=key: data.get(key)).nunique()
    return figures | figures_of_assessments(assessments_of(traces))


def tests_of(traces, baseline):
    tables = [[int((frame["state"].map(str).str.endswith("ERROR")).sum()), len(frame)] for frame in (traces, baseline)]
    latencies = [frame["execution_duration"].dropna() for frame in (traces, baseline)]
    return {"error_rate": stats.fisher_exact([[bad, all_ - bad] for bad, all_ in tables])[1],
            "latency_p50_ms": stats.mannwhitneyu(*latencies, method="asymptotic").pvalue}


experiment_id, *model_ids = sys.argv[1:]
found = [mlflow.search_traces(locations=[experiment_id], model_id=model_id, include_spans=False, max_results=10_000)
         for model_id in model_ids]
json.dump({"figures": [figures_of(traces) for traces in found],
           "tests": [tests_of(traces, found[0]) for traces in found[1:]]}, sys.stdout, default=float)
