"""`penstock rule`: what a rule holds, why, and what it looks like."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import groupby

from penstock.cli.errors import FINE, CommandError
from penstock.cli.lint import text_width, wants_color
from penstock.cli.screen import standard_output
from penstock.lint.families import family
from penstock.lint.layout import Layout
from penstock.lint.report import NOT_MENDED
from penstock.lint.rule import Rule
from penstock.lint.rules import ALL_RULES
from penstock.lint.select import UnknownRule, rule_by_code, selected_rules
from penstock.lint.shown import GAP, shown_examples

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Explain one rule, or list several; return the exit code."""
    out = standard_output()
    layout = Layout(width=text_width(out), color=wants_color(out))
    rules = ALL_RULES if arguments.all else _rules(arguments.code)
    lines = _explained(layout, rules[0]) if len(rules) == 1 else _listed(layout, rules)
    out.write("".join(f"{line}\n" for line in lines))
    return FINE


def _rules(word: str) -> tuple[type[Rule], ...]:
    """Return the rule a word names, or the rules whose code begins so."""
    try:
        return (rule_by_code(ALL_RULES, word),)
    except UnknownRule as error:
        try:
            return selected_rules(ALL_RULES, [word])
        except UnknownRule:
            raise CommandError(str(error)) from error


def _listed(layout: Layout, rules: tuple[type[Rule], ...]) -> Iterator[str]:
    for number, (prefix, members) in enumerate(groupby(rules, key=lambda rule: rule.code[:3])):
        if number:
            yield ""
        yield layout.bold(f"{prefix} {family(prefix)}")
        for rule in members:
            yield f"  {rule.code}  {layout.level(rule.level, f'{rule.level.value:<7}')}  {rule.name}"
            yield from layout.wrapped(rule.what, 17)


def _explained(layout: Layout, rule: type[Rule]) -> Iterator[str]:
    yield f"{layout.bold(rule.code)} {layout.bold(rule.name)}  {layout.level(rule.level, rule.level.value)}"
    yield ""
    yield from layout.wrapped(rule.what, 2)
    yield ""
    yield from layout.labelled("why", rule.why)
    yield from layout.labelled("repair", rule.mend or NOT_MENDED)
    yield from layout.labelled("spec", f'{rule.section}: "{rule.sentence}"')
    shown = shown_examples(rule)
    yield ""
    yield layout.bold("wrong")
    yield from _example(layout, shown.bad, shown.bad_note)
    yield from layout.labelled("finding", shown.message)
    yield ""
    yield layout.bold("right")
    yield from _example(layout, shown.good, shown.good_note)


def _example(layout: Layout, lines: Sequence[str], note: str) -> Iterator[str]:
    yield from layout.wrapped(note, 2)
    for line in lines:
        if line == GAP:
            yield f"  {layout.dim(GAP)}"
        else:
            yield from layout.quoted(line)
