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


HEADINGS = ("Add a destination", "Add a limit", "Add a metric", "Judge an answer of the server", "Add a record type")
STEPS = [(heading, *step) for heading in HEADINGS for step in recipe(heading)]


@pytest.mark.parametrize("heading, place, example", STEPS)
def test_the_example_has_this_step(heading, place, example):
    assert example in (ROOT / place).read_text(), f"{heading}: {place} has no {example}"


def test_every_place_that_knows_the_destination_is_in_the_recipe():
    """Where code compares the word, another destination has something to say."""
    known = {place for heading, place, _ in STEPS if heading == "Add a destination"}
    compared = {str(path.relative_to(ROOT)) for folder in ("config", "daemon", "ipc") for path in (ROOT / folder).rglob("*.cpp")
                if re.search(r'destination\W[^;{]*== (?:"|DestinationKind::)(?:file|mlflow)', path.read_text())}
    assert compared <= known, compared - known
