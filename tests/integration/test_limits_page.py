"""docs/limits.md says what the code does: every row's default is that of its key or constant, every counter exists."""

import re

import pytest

from harness.places import ROOT

UNITS = {"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "Ki": 1 << 10, "Mi": 1 << 20,
         "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
SOURCES = [path for folder in ("daemon", "ipc", "config") for kind in ("*.hpp", "*.cpp")
           for path in sorted((ROOT / folder).rglob(kind))]


def table(page: str, head: str) -> list[list[str]]:
    """The rows of the page's table that begins with `head`, cell by cell."""
    lines = (ROOT / "docs" / page).read_text().split(head, 1)[1].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


ROWS = table("limits.md", "| what |")
DEFAULTS = {row[0].strip("`"): row[2].strip("`") for row in table("configuration.md", "| key | value | default |")}
METRICS = {row[0].strip("`"): row[2] for row in table("metrics.md", "| name |")}


def amount(text: str) -> int:
    """'64 MiB', '64MiB', '1,000,000', '24 h', as bytes, items or milliseconds."""
    match = re.fullmatch(r"([\d,]+) ?([A-Za-z]*)", text)
    assert match and match[2] in UNITS, f"no amount: {text}"
    return int(match[1].replace(",", "")) * UNITS[match[2]]


def value(expression: str) -> int | None:
    """Of a C++ constant: numbers, sums, products, shifts, durations. None: it is no such thing."""
    text = expression.replace("'", "").replace("std::", "").replace("chrono::", "")
    text = re.sub(r"\b(\d+)(?:u|ul|ull)\b", r"\1", text)
    for unit, factor in {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "hours": 3_600_000}.items():
        text = re.sub(rf"{unit}[({{](\d+)[)}}]", rf"(\1*{factor})", text)
    text = re.sub(r"(?:size_t|uint\d+_t)[({](\d+)[)}]", r"\1", text)
    return int(eval(text)) if re.fullmatch(r"[\d\s()*+<-]+", text) else None


def constants(name: str) -> set[int]:
    """Every value that a constant or member of this name is given. Owner::name: in files that know Owner."""
    owner, _, member = name.rpartition("::")
    found = set()
    for path in SOURCES:
        text = path.read_text()
        if owner and not re.search(rf"\b(struct|class) {owner}\b", text):
            continue
        for match in re.finditer(rf"\b(\w+)(?:>)?[ \n]+{member}\s*(?:=\s*([^;]+)|{{([^;]*)}});", text):
            written = match[2] or match[3]
            duration = {"milliseconds": 1, "seconds": 1_000, "minutes": 60_000, "hours": 3_600_000}.get(match[1])
            computed = value(written)
            if computed is not None:
                found.add(computed * duration if duration and match[3] else computed)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_default_is_that_of_the_code(row):
    name = re.match(r"`([^`]+)`", row[1])
    assert name, f"a limit names its key or constant first: {row[1]}"
    if name[1] in DEFAULTS:
        assert amount(row[2]) == amount(DEFAULTS[name[1]])
    else:
        assert amount(row[2]) in constants(name[1])


def test_every_counter_exists():
    served = (ROOT / "daemon/app/metrics.cpp").read_text()
    for row, above in zip(ROWS, [ROWS[0], *ROWS]):
        assert row[3] and row[4], row
        if row[4] == "as above" or re.match(r"none: \w", row[4]):  # "none" says why
            assert above[4], row
            continue
        counters = re.findall(r"`(tracelink_\w+)(?:\{reason=\"(\w+)\"\})?`", row[4])
        assert counters, f"no counter: {row}"
        for metric, reason in counters:
            assert metric in METRICS, metric
            assert not reason or f"`{reason}`" in METRICS[metric], f"{metric} has no reason {reason} on docs/metrics.md"
            assert f'"{metric}"' in served, metric
            assert not reason or f'"{reason}"' in served, f"{metric} has no reason {reason}"


def test_keys_that_are_limits_have_a_row():
    on_page = {name for row in ROWS for name in re.findall(r"`([a-z_.]+)`", row[1])}
    limits = {key for key in DEFAULTS if re.search(r"(max_\w+|limits\.\w+|forward\.connections)$", key)}
    assert limits <= on_page, limits - on_page
