"""A trace as a server stores it, as flat fields that can be compared with those of another run."""

import datetime
import json

ABSENT = "(absent)"
AS_MEASURED = "as measured"
SIZE_STATS = "info.trace_metadata.mlflow.trace.sizeStats"


def fields_of(stored: dict, made: dict) -> dict[str, object]:
    """stored: printed by read_traces.py; made: by all_cases.py. Ids become names, and the times that the application measured, words."""
    spans = stored["data"]["spans"]
    names = {span["span_id"]: span["name"] for span in spans}
    fields: dict[str, object] = {"spans": sorted(names.values())}
    for key, value in stored["info"].items():
        if key in ("trace_metadata", "tags"):
            fields |= {f"info.{key}.{name}": text for name, text in value.items()}
        else:
            fields[f"info.{key}"] = value
    for span in spans:
        fields |= {f"span {span['name']!r}.{key}": value for key, value in _span(span, names, made).items()}
    _name_times(fields, made)
    if sizes := fields.pop(SIZE_STATS, None):
        fields |= {f"{SIZE_STATS}.{key}": value for key, value in json.loads(sizes).items()}
    return {key: _without_id(value, made) for key, value in fields.items()}


def _span(span: dict, names: dict[str, str], made: dict) -> dict[str, object]:
    fields = {key: span.get(key) for key in ("status", "kind")}
    fields["parent"] = names.get(span["parent_span_id"], span["parent_span_id"])
    for key, time in zip(("start_time_unix_nano", "end_time_unix_nano"), made["times"].get(span["name"], (None, None))):
        fields[key] = AS_MEASURED if span[key] == time else span[key]
    fields |= {f"attributes.{key}": value for key, value in span["attributes"].items()}
    fields["events"] = [_event(event, span) for event in span["events"]]
    fields["links"] = [link | {"span_id": _has_id(link["span_id"], made)} for link in span.get("links", [])]
    return fields


def _event(event: dict, span: dict) -> dict:
    time = event["time_unix_nano"]
    for unit, words in ((1, "inside the span"), (1000, "inside the span, in microseconds")):  # as MLflow's SDK 3.6 tells it
        if span["start_time_unix_nano"] // unit <= time <= span["end_time_unix_nano"] // unit:
            time = words
            break
    return event | {"time_unix_nano": time}


def _has_id(span_id: str, made: dict) -> str:
    return next((name for name, known in made["span_ids"].items() if known == span_id), span_id)


def _name_times(fields: dict[str, object], made: dict) -> None:
    start, end = made["times"][made["name"]]
    request_time = datetime.datetime.fromtimestamp(start // 10**6 / 1000, datetime.timezone.utc)
    measured = {"info.request_time": request_time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "info.execution_duration_ms": (end - start) // 10**6}
    for key, value in measured.items():
        # Python's own client leaves the milliseconds out where they are 0.
        if str(fields.get(key)) in (str(value), str(value).replace(".000Z", "Z")):
            fields[key] = AS_MEASURED


def _without_id(value, made: dict):
    if isinstance(value, list):
        return [_without_id(item, made) for item in value]
    if isinstance(value, dict):
        return {key: _without_id(item, made) for key, item in value.items()}
    return value.replace(made["trace_id"], "<trace id>") if isinstance(value, str) else value


def differences(one: dict[str, object], other: dict[str, object]) -> dict[str, tuple]:
    """By name: the values where they differ, in type too."""
    pairs = {key: (one.get(key, ABSENT), other.get(key, ABSENT)) for key in sorted(one.keys() | other.keys())}
    return {key: pair for key, pair in pairs.items() if repr(pair[0]) != repr(pair[1])}
