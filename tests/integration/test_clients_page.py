"""docs/clients.md: what it shows is what the applications of the tests run, and its variables are those of the command."""

import re

import pytest

from harness.places import APPS, ROOT

PAGE = (ROOT / "docs/clients.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SOURCES = "\n".join((APPS / app).read_text() for app in ("otel_agent.py", "mlflow_agent.py"))
OTHERS = {"js": "node/client.js", "go": "go/main.go", "java": "java/Client.java"}


def test_there_are_blocks():
    assert len(BLOCKS) == 5


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_is_part_of_an_application_that_the_tests_run(block):
    assert block in SOURCES


@pytest.mark.parametrize("language", OTHERS)
def test_the_attributes_of_a_recipe_are_those_that_its_program_sets(language):
    """Whose trace is shown as the page says: test_clients.py, with --long."""
    lines = (ROOT / "tests/clients" / OTHERS[language]).read_text().splitlines()
    source = [line.strip() for line in lines]
    [block] = [block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if "mlflow.spanInputs" in block]
    shown = [line.strip() for line in block.splitlines()]
    assert any(source[at:at + len(shown)] == shown for at in range(len(source)))
