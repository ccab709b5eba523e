"""The table of what becomes of a request: complete, and true."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest

from penstock.spec.content import MessageContentParam, ToolOutputContentParam
from penstock.spec.items import ItemParam
from penstock.spec.request import (
    CreateResponse,
    Include,
    ReasoningParam,
    StreamOptionsParam,
    TextFormatParam,
    TextParam,
)
from penstock.spec.tools import ToolChoiceMode
from tools.translation import ADAPTERS, PROBES, Probe, translation_pages

PAGE = translation_pages()["reference/translation.md"]
ALL = [probe for probes in PROBES.values() for probe in probes]
TEXT = json.dumps([probe.having for probe in ALL])


def row(name: str) -> list[str]:
    """The cells of a row, after its name."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} | ")]
    return [cell.strip() for cell in line.strip("|").split(" | ")][1:]


def types(union: object) -> set[str]:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(union)}
    # What stands for all that the specification does not define has no name of its own.
    return {tag for tag in tags if not tag.startswith("*")}


def given(probes: list[Probe], *way: str) -> set[Any]:
    """What the probes ask for at a place."""
    found = set()
    for probe in probes:
        value: Any = probe.having
        for key in way:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        found |= set(value) if isinstance(value, dict) else {value if isinstance(value, str) else ""}
    return found


def test_every_parameter_has_a_row() -> None:
    # `stream` is the transport's, and `tools` and `tool_choice` have a table of their own.
    asked = {key for probe in ALL for key in probe.having}
    assert asked >= set(CreateResponse.__struct_fields__) - {"extra", "stream"}


@pytest.mark.parametrize(
    ("name", "parameter"), [("text", TextParam), ("reasoning", ReasoningParam), ("stream_options", StreamOptionsParam)]
)
def test_every_field_of_a_parameter_has_a_row(name: str, parameter: Any) -> None:  # noqa: ANN401 - a class of Structs
    assert given(ALL, name) >= set(parameter.__struct_fields__) - {"extra"}


def test_every_choice_has_a_row() -> None:
    assert given(ALL, "tool_choice") >= {"mode", "name", "tools"}
    assert {
        probe.having.get("tool_choice") for probe in ALL if isinstance(probe.having.get("tool_choice"), str)
    } == set(get_args(ToolChoiceMode))
    assert all(f'"{name}"' in TEXT for name in get_args(Include))
    assert all(f'"type": "{name}"' in TEXT for name in types(TextFormatParam))


@pytest.mark.parametrize("union", [ItemParam, MessageContentParam, ToolOutputContentParam])
def test_every_item_and_part_has_a_row(union: object) -> None:
    assert all(f'"type": "{name}"' in TEXT for name in types(union))
    assert '"type": "acme:' in TEXT


def test_every_row_tells_of_every_provider() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| |")]
    assert len(rows) == len(ALL)
    for line in rows:
        assert len(line.strip("|").split(" | ")) == 1 + len(ADAPTERS)
        assert "|  |" not in line


def test_names_of_rows_are_told_apart() -> None:
    for probes in PROBES.values():
        names = [probe.name for probe in probes]
        assert len(set(names)) == len(names)


def test_every_reason_is_referred_to() -> None:
    table, _, reasons = PAGE.partition("## Reasons\n")
    numbers = [int(number) for number in re.findall(r"\((\d+)\)", table)]
    assert sorted(set(numbers)) == list(range(1, len(reasons.strip().splitlines()) + 1))
    assert list(dict.fromkeys(numbers)) == sorted(set(numbers))


def test_what_is_sent_is_told_with_its_place() -> None:
    assert row("`temperature`")[0] == "`temperature`"
    assert row("`temperature`")[2] == "`generationConfig.temperature`"
    assert row("`instructions`")[0] == "`messages[system]`"
    assert row('`tool_choice`: "required"')[1] == '`tool_choice.type = "any"`'
    assert row("`tool_choice`: allowed_tools")[0] == "`tool_choice`, `without tools[function]`"


def test_what_is_not_sent_is_told_with_its_reason() -> None:
    assert all(cell.startswith("**refused** (") for cell in row("`previous_response_id`"))
    assert row('`truncation`: "auto"')[0].startswith("**lost** (")
    assert row('`truncation`: "auto"')[3] == "`truncation`"
    assert row("`store`")[:3] == ["nothing"] * 3
