"""docs/clients.md: what it shows in Python is what the applications of the tests run, and its variables are those of the command."""

import re

import pytest

from harness.places import APPS, ROOT

PAGE = (ROOT / "docs/clients.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SOURCES = "\n".join((APPS / app).read_text() for app in ("otel_agent.py", "mlflow_agent.py"))


def test_there_are_blocks():
    assert len(BLOCKS) == 5


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_is_part_of_an_application_that_the_tests_run(block):
    assert block in SOURCES
