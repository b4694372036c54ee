"""What scripts/lint says of citations: whoever has the tree can open each of them."""

import importlib.machinery
import importlib.util
import re

import pytest

from harness.places import ROOT

loader = importlib.machinery.SourceFileLoader("lint", str(ROOT / "scripts/lint"))
lint = importlib.util.module_from_spec(importlib.util.spec_from_loader("lint", loader))
loader.exec_module(lint)

# In two parts, since lint reads this file too.
PAGE = "docs/"
SECTION = "section "


def messages(name: str, text: str) -> list[str]:
    return [message for _, message in [*lint.check_citations(name, text), *lint.check_named_paths(name, text)]]


@pytest.mark.parametrize("text", [
    f"// The classes of answers: {PAGE}design.md#classes-of-answers.",
    f"// {PAGE}queue-format.md",
    f"// RFC 4648 {SECTION}10.",
    "// X-MLFLOW-WORKSPACE",
])
def test_a_citation_that_can_be_opened_is_good(text):
    assert messages("daemon/app/daemon.hpp", text) == []


@pytest.mark.parametrize("text, wrong", [
    (f"// {PAGE}design.md#no-such-heading", "docs/design.md has no heading for #no-such-heading"),
    (f"// {PAGE}no-such-page.md", f"{PAGE}no-such-page.md does not exist"),
    (f"// as DESIGN {SECTION}7 says", "a stranger cannot open"),
    (f"// as MLFLOW-REST {SECTION}4.5 says", "a stranger cannot open"),
    ("// as HOUSE" + ".md says", "HOUSE" + ".md does not exist"),
])
def test_a_citation_that_does_not_resolve_is_a_finding(text, wrong):
    found = messages("daemon/app/daemon.hpp", text)
    assert len(found) == 1 and wrong in found[0]


def test_a_citation_that_is_broken_over_two_lines_is_a_finding():
    assert len(messages("daemon/app/daemon.hpp", f"// The same answer (MLFLOW {SECTION.strip()}\n// 9.5).")) == 1


@pytest.mark.parametrize("link, wrong", [
    ("[start](architecture.md#start-and-stop)", None),
    ("[code](../daemon/mlflow/rest/capabilities.cpp)", None),
    ("[elsewhere](https://mlflow.org)", None),
    ("[start](architecture.md#stop-and-start)", "no heading for #stop-and-start"),
    ("[code](../daemon/mlflow/no_such_file.cpp)", "does not exist"),
])
def test_links_of_a_page_are_relative_to_it(link, wrong):
    found = messages("docs/limits.md", link)
    assert not found if wrong is None else len(found) == 1 and wrong in found[0]


@pytest.mark.parametrize("path, exists", [
    ("scripts/lint", True),
    ("daemon/forward/", True),
    ("daemon/mlflow/rest/capabilities", True),  # both of its files
    ("tests/unit/*/CMakeLists.txt", True),
    ("daemon/no_such_room", False),
])
def test_a_page_names_paths_that_are_there(path, exists):
    assert (messages("CHANGELOG.md", f"in `{path}`") == []) == exists


def test_anchors_are_those_of_the_headings():
    page = ("# The `x` of [y](z.md)\n## What's _in_ a name?\n```yaml\n# a comment\n```\n## Twice\n## Twice\n"
            "### The place of /v1/traces\n")
    assert lint.anchors(page) == {"the-x-of-y", "whats-_in_-a-name", "twice", "twice-1", "the-place-of-v1traces"}


@pytest.mark.parametrize("other, is_found", [
    ("namespace tracelink {\n\nstruct Answer {\n", True),
    ("namespace tracelink {\n\nclass Answer final : public Base {\n", True),
    ("namespace tracelink {\n\nclass Answer;\n", False),
    ("namespace tracelink::cli {\n\nstruct Answer {\n", False),
])
def test_a_type_is_defined_in_one_header(other, is_found):
    headers = [("daemon/a.hpp", "namespace tracelink {\n\nstruct Answer {\n"), ("daemon/b.hpp", other)]
    found = list(lint.check_one_definition(headers))
    assert found == ([("daemon/b.hpp", 3, "tracelink::Answer is defined in daemon/a.hpp too")] if is_found else [])


@pytest.mark.parametrize("place, include, finding", [
    ("daemon/queue/x.cpp", "daemon/codec/x.hpp", None),
    ("daemon/queue/x.cpp", "daemon/http/x.hpp", "daemon/queue may not include daemon/http"),
    ("daemon/codec/x.cpp", "daemon/queue/x.hpp", "daemon/codec may not include daemon/queue"),
    ("daemon/no_such_room/x.cpp", "daemon/base/x.hpp", "daemon/no_such_room has no level"),
    ("tests/unit/queue/x.cpp", "daemon/app/x.hpp", None),
])
def test_includes_go_down_the_levels_of_the_architecture_page(place, include, finding):
    found = [text for _, text in lint.check_layers(place, f'#include "{include}"\n')]
    assert len(found) == (finding is not None)
    assert finding is None or found[0].startswith(finding)
