"""The recipes of CONTRIBUTING.md are true: each place is there and has what the example needs."""

import re

import pytest

from harness.places import ROOT

STEP = re.compile(r"\| `([^`]+)` \| .* \| `((?:[^`\\]|\\.)+)` \|")


def recipe(heading: str) -> list[tuple[str, str]]:
    """(place, what stands there), row by row."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    steps = [STEP.fullmatch(row) for row in rows]
    assert rows and all(steps), [row for row, step in zip(rows, steps) if not step]
    return [(step[1], step[2].replace("\\|", "|")) for step in steps]


def sources() -> list[tuple[str, str]]:
    """(path, text) of all code that the programs are built of."""
    return [(str(path.relative_to(ROOT)), path.read_text()) for folder in ("config", "daemon", "ipc", "systemd")
            for path in (ROOT / folder).rglob("*.[ch]pp")]


HEADINGS = ("Add a destination", "Add a limit", "Add a metric", "Judge an answer of the server", "Add a record type")
STEPS = [(heading, *step) for heading in HEADINGS for step in recipe(heading)]


@pytest.mark.parametrize("heading, place, example", STEPS)
def test_the_example_has_this_step(heading, place, example):
    assert example in (ROOT / place).read_text(), f"{heading}: {place} has no {example}"


def test_every_place_that_tells_the_destinations_apart_is_in_the_recipe():
    """Another destination has something to say there."""
    known = {place for heading, place, _ in STEPS if heading == "Add a destination"}
    telling = {place for place, text in sources() if "DestinationKind::" in text}
    assert telling and telling <= known, telling - known


def test_no_code_compares_the_word_of_a_destination():
    compared = [place for place, text in sources() if re.search(r'destination\W[^;{]*[=!]= "', text)]
    assert not compared
