"""Every rule is complete, breaks on its bad example and on nothing else, and rests on the specification's own words."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from penstock.lint.coverage import SENTENCES
from penstock.lint.examples import BASES, Example
from penstock.lint.findings import Finding, Level
from penstock.lint.linter import lint
from penstock.lint.rule import GrammarRule, Rule, ShapeRule
from penstock.lint.rules import ALL_RULES
from penstock.spec.request import CreateResponse
from penstock.stream.states import OrderRule
from penstock.wire.codec import decode_object, encode_plain

CATALOGUE = Path(__file__).with_name("catalogue.txt")


def lint_example(example: Example) -> list[Finding]:
    request = example.request
    return lint(
        example.data(),
        dialect=example.dialect,
        resumed=example.resumed,
        transport=example.transport,
        content_type=example.content_type,
        request=decode_object(CreateResponse, encode_plain(request), tolerant=False) if request is not None else None,
    )


by_code = pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)


@by_code
def test_the_bad_example_breaks_this_rule_once_and_no_other(rule: type[Rule]) -> None:
    assert [finding.code for finding in lint_example(rule.bad)] == [rule.code]


@by_code
def test_the_good_example_breaks_nothing(rule: type[Rule]) -> None:
    assert lint_example(rule.good) == []


@by_code
def test_a_finding_tells_its_rule(rule: type[Rule]) -> None:
    (finding,) = lint_example(rule.bad)
    assert (finding.name, finding.fix) == (rule.name, rule.mend)
    assert finding.level in (rule.level, Level.INFO)
    assert finding.message


@by_code
def test_the_good_example_is_of_the_same_kind_as_the_bad_one(rule: type[Rule]) -> None:
    assert rule.bad.transport == rule.good.transport


@by_code
def test_a_rule_says_all_that_its_page_needs(rule: type[Rule]) -> None:
    assert re.fullmatch(r"OR[1-8]\d\d", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    for text in (rule.what, rule.why, *([rule.mend] if rule.mend is not None else [])):
        assert text[0].isupper() or text[0] in "`["
        assert text.endswith(".")
    assert rule.__doc__


def test_the_catalogue_is_complete_and_codes_are_never_used_again() -> None:
    table = [f"{rule.code} {rule.name} {rule.level.value}" for rule in ALL_RULES]
    assert sorted(table) == CATALOGUE.read_text("utf-8").splitlines()
    assert len({rule.code for rule in ALL_RULES}) == len({rule.name for rule in ALL_RULES}) == len(ALL_RULES)


def test_every_rule_of_the_grammar_and_every_kind_of_shape_has_one_rule() -> None:
    breaks = [rule.breaks for rule in ALL_RULES if issubclass(rule, GrammarRule)]
    assert sorted(breaks, key=str) == sorted(OrderRule, key=str)
    assert all(rule.breaks.value == rule.code for rule in ALL_RULES if issubclass(rule, GrammarRule))
    kinds = [kind for rule in ALL_RULES if issubclass(rule, ShapeRule) for kind in rule.kinds]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("queued", [False, True])
def test_the_streams_the_examples_are_made_of_are_valid(base: str, *, queued: bool) -> None:
    assert lint_example(Example(base=base, queued=queued)) == []


# ------------------------------------------------------------------------------------- the specification's sentences


@by_code
def test_a_rule_quotes_a_sentence_of_the_specification(rule: type[Rule]) -> None:
    holds = [
        sentence
        for sentence in SENTENCES
        if sentence.section == rule.section and sentence.text.casefold().find(rule.sentence.casefold()) >= 0
    ]
    assert holds or any(
        # Two sentences that follow one another.
        rule.sentence in f"{first.text} {second.text}"
        for first, second in pairwise(SENTENCES)
        if first.section == second.section == rule.section
    )
    assert not holds or any(rule.code in sentence.rules for sentence in holds)


def test_every_sentence_is_held_by_a_rule_or_has_a_reason() -> None:
    codes = {rule.code for rule in ALL_RULES}
    for sentence in SENTENCES:
        assert sentence.rules or sentence.reason, sentence.text
        assert set(sentence.rules) <= codes, sentence.text
    assert {code for sentence in SENTENCES for code in sentence.rules} == codes


SPECIFICATION = os.environ.get("PENSTOCK_SPECIFICATION", "")
"""The document itself (`2026-04-24.mdx` of the openresponses repository), where somebody has it."""
needs_document = pytest.mark.skipif(not SPECIFICATION, reason="PENSTOCK_SPECIFICATION does not name the document")
_OBLIGES = re.compile(r"\b(MUST|SHOULD|SHALL|REQUIRED|RECOMMENDED)\b")


def plain(text: str) -> str:
    """Return text without its markup."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"[*`]", "", text)
    return re.sub(r"\s+", " ", re.sub(r" +([.,])", r"\1", text)).strip()


def document() -> dict[str, str]:
    """Return the text of each section, by its heading; without code."""
    text = re.sub(r"^ *```.*?^ *```", "", Path(SPECIFICATION).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    sections: dict[str, list[str]] = {}
    here = sections.setdefault("", [])
    for line in text.splitlines():
        heading = re.fullmatch(r"#+ (.*)|\*\*([^*]*)\*\*", line.strip())
        if heading is not None:
            here = sections.setdefault(plain(heading[1] or heading[2]), [])
        else:
            here.append(plain(re.sub(r"^\s*(-|\d\.) ", "", line)))
    return {heading: " ".join(filter(None, lines)) for heading, lines in sections.items()}


@needs_document
def test_every_sentence_stands_in_the_document() -> None:
    sections = document()
    for sentence in SENTENCES:
        assert sentence.text in sections[sentence.section], sentence


@needs_document
def test_every_obliging_sentence_of_the_document_is_listed() -> None:
    known = " ".join(sentence.text for sentence in SENTENCES)
    listed = {sentence.text for sentence in SENTENCES}
    for heading, text in document().items():
        if not heading:
            continue  # what the key words mean
        for found in re.split(r"(?<=[.:])\s+(?=[A-Z])|\|", text):
            if _OBLIGES.search(found):
                assert found.strip() in known or any(found.strip().startswith(one) for one in listed), (heading, found)


def test_the_commonest_way_to_be_no_json_is_the_example_a_line_that_is_cut() -> None:
    bad = next(rule.bad for rule in ALL_RULES if rule.code == "OR106")
    (finding,) = lint(bad.data())
    assert finding.message.startswith("not JSON: unterminated string")
