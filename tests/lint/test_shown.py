"""What is shown of a rule's examples: little, and what matters."""

from __future__ import annotations

import pytest

from penstock.lint.families import FAMILIES, family
from penstock.lint.rule import Rule
from penstock.lint.rules import ALL_RULES
from penstock.lint.rules.closing import OutputDiffersFromStream
from penstock.lint.rules.framing import EventFieldDiffers, InvalidUTF8, SentinelOnWebSocket
from penstock.lint.rules.order import CreatedNotFirst
from penstock.lint.rules.promise import ToolChoiceIgnored
from penstock.lint.shown import GAP, shown_examples

by_code = pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)


@by_code
def test_both_examples_are_shown_in_a_few_events(rule: type[Rule]) -> None:
    shown = shown_examples(rule)
    for lines in (shown.bad, shown.good):
        assert any(line not in (GAP, "") for line in lines)
        assert sum(line.startswith(("{", "data: {")) for line in lines) <= 6
    assert shown.message


@by_code
def test_what_is_wrong_can_be_seen(rule: type[Rule]) -> None:
    shown = shown_examples(rule)
    assert (shown.bad, shown.bad_note) != (shown.good, shown.good_note)


def test_every_family_has_a_title() -> None:
    assert {rule.code[:3] for rule in ALL_RULES} == set(FAMILIES)
    assert family("OR3").startswith("Order")


def test_a_missing_event_is_seen_between_its_neighbours() -> None:
    shown = shown_examples(CreatedNotFirst)
    assert [line[:33] for line in shown.bad] == ['{"type": "response.in_progress", ', GAP]
    assert [line[:33] for line in shown.good] == [
        '{"type": "response.created", "seq',
        '{"type": "response.in_progress", ',
        GAP,
    ]


def test_of_a_response_only_what_differs_is_shown() -> None:
    shown = shown_examples(OutputDiffersFromStream)
    assert (
        '{"type": "response.completed", "sequence_number": 10, '
        '"response": {"id": "resp_1", "status": "completed", "output": [], ...}}'
    ) in shown.bad


def test_framing_is_shown_with_its_fields() -> None:
    shown = shown_examples(EventFieldDiffers)
    assert "event: response.text.delta" in shown.bad
    assert "event: response.output_text.delta" in shown.good
    assert "" in shown.bad


def test_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    assert any("\\xff" in line for line in shown_examples(InvalidUTF8).bad)


def test_messages_of_a_websocket_have_no_fields() -> None:
    shown = shown_examples(SentinelOnWebSocket)
    assert shown.bad[-1] == "[DONE]"
    assert not any("data: " in line for line in shown.bad)


def test_a_request_is_told_beside_what_it_brought() -> None:
    shown = shown_examples(ToolChoiceIgnored)
    assert '"tool_choice":"none"' in shown.bad_note
    assert '"tool_choice":"required"' in shown.good_note
    assert any('"function_call"' in line for line in shown.bad)
    assert any('"function_call"' in line for line in shown.good)
