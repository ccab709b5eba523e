"""The page about dropped text says what the linter says, and nothing that is not so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.lint.examples import Example, change, change_all, move, remove
from penstock.lint.linter import lint
from penstock.lint.rules import ALL_RULES

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "why-does-my-client-drop-the-text.md").read_text("utf-8")
RULES = {rule.code: rule for rule in ALL_RULES}
SECTIONS = dict(re.findall(r"^### (\d+)\. [^\n]*\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
QUOTES = re.findall(r"^```text\n(\w+) (OR\d+) (\S+)\n  (.*)\n```$", PAGE, re.MULTILINE)

# Faults of the page that are another breach of the rule than its bad example.
OTHERS = [
    Example(base="text", edits=(change("response.completed", "response.usage", None),)),
    Example(base="reasoning", edits=(remove("response.output_item.added", "item.summary"),)),
    Example(base="text", edits=(remove("response.content_part.added", "part.annotations"),)),
    Example(base="text", edits=(remove("response.output_item.done", "item.status"),)),
    Example(base="text", edits=(move("response.output_item.done", 1),)),
    Example(base="text", edits=(change("response.completed", "response.output.0.id", "msg_other"),)),
    Example(base="two_calls", edits=(change_all("output_index", 0),)),
]


def said(code: str) -> set[tuple[str, str]]:
    """Return what the linter says of a rule, level and message, for its bad example and the other breaches."""
    return {
        (finding.level.value, finding.message)
        for example in (RULES[code].bad, *OTHERS)
        for finding in lint(example.data(), dialect=example.dialect, transport=example.transport)
        if finding.code == code
    }


def test_there_are_twenty_faults() -> None:
    assert list(SECTIONS) == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize("number", SECTIONS)
def test_a_fault_is_told_with_who_breaks_what_the_linter_prints_and_how_it_is_mended(number: str) -> None:
    section = SECTIONS[number]
    assert re.search(r"^(Breaks|Loses the reasoning): ", section, re.MULTILINE)
    assert "\n```text\n" in section
    assert "\nIn the server: " in section


def test_every_block_of_text_is_a_quotation() -> None:
    assert len(QUOTES) == PAGE.count("```text")


@pytest.mark.parametrize("quote", QUOTES, ids=[" ".join(quote[1:]) for quote in QUOTES])
def test_what_is_quoted_is_what_the_linter_says(quote: tuple[str, str, str, str]) -> None:
    level, code, name, message = quote
    assert name == RULES[code].name
    if message.endswith(" ..."):
        assert any(one[0] == level and one[1].startswith(message.removesuffix("...")) for one in said(code))
    else:
        assert (level, message) in said(code)


def test_every_code_is_a_rule() -> None:
    assert set(re.findall(r"OR\d{3}", PAGE)) <= set(RULES)


@pytest.mark.parametrize("code", sorted({quote[1] for quote in QUOTES}))
def test_what_the_page_says_is_mended_is_mended(code: str) -> None:
    assert RULES[code].mend is not None


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_link_within_the_page_leads_somewhere() -> None:
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= anchors


def test_every_fault_can_be_found_by_a_symptom() -> None:
    table = PAGE.partition("## Find your symptom")[2].partition("## The twenty")[0]
    assert set(re.findall(r"\[(\d+)\]\(#\1-", table)) == set(SECTIONS)
