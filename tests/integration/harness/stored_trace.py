"""A trace as a server stores it, as flat fields that can be compared with those of another run."""

import json

ABSENT = "(absent)"
SIZE_STATS = "info.trace_metadata.mlflow.trace.sizeStats"


def fields_of(stored: dict, made: dict) -> dict[str, object]:
    """stored: printed by read_traces.py; made: by all_cases.py. Ids become names, and true times "as measured"."""
    spans = stored["data"]["spans"]
    names = {span["span_id"]: span["name"] for span in spans}
    fields: dict[str, object] = {"spans": sorted(names.values())}
    for key, value in stored["info"].items():
        if isinstance(value, dict) and key in ("trace_metadata", "tags"):
            for name, text in value.items():
                fields[f"info.{key}.{name}"] = text
        else:
            fields[f"info.{key}"] = value
    for span in spans:
        prefix = f"span {span['name']!r}."
        fields[prefix + "parent"] = names.get(span["parent_span_id"], span["parent_span_id"])
        for key in ("start_time_unix_nano", "end_time_unix_nano", "status", "kind", "links"):
            fields[prefix + key] = span.get(key)
        for key, value in span["attributes"].items():
            fields[f"{prefix}attributes.{key}"] = value
        fields[prefix + "events"] = [_event(event, span) for event in span["events"]]
    _name_times(fields, made)
    fields = {key: _without_ids(value, made) for key, value in fields.items()}
    if stats := fields.pop(SIZE_STATS, None):
        fields |= {f"{SIZE_STATS}.{key}": value for key, value in json.loads(stats).items()}
    return fields


def _event(event: dict, span: dict) -> dict:
    inside = span["start_time_unix_nano"] <= event["time_unix_nano"] <= span["end_time_unix_nano"]
    return event | {"time_unix_nano": "inside the span" if inside else event["time_unix_nano"]}


def _name_times(fields: dict[str, object], made: dict) -> None:
    for name, (start, end) in made["times"].items():
        for key, time in (("start_time_unix_nano", start), ("end_time_unix_nano", end)):
            if fields.get(f"span {name!r}.{key}") == time:
                fields[f"span {name!r}.{key}"] = "as measured"
    start, end = made["times"][made["name"]]
    duration_ms = (end - start) // 10**6
    for key, value in (("info.execution_duration_ms", duration_ms), ("info.execution_duration", f"{duration_ms / 1000}s"),
                       ("info.request_time", start // 10**6)):
        if fields.get(key) == value:
            fields[key] = "as measured"


def _without_ids(value, made: dict):
    if not isinstance(value, str):
        return value
    return value.replace(made["trace_id"], "<trace id>")


def differences(one: dict[str, object], other: dict[str, object]) -> dict[str, tuple]:
    keys = sorted(one.keys() | other.keys())
    return {key: (one.get(key, ABSENT), other.get(key, ABSENT)) for key in keys
            if repr(one.get(key, ABSENT)) != repr(other.get(key, ABSENT))}
