"""Every broken stream is caught, where it is broken, and once; what is not caught is valid, and listed with the reason.

A few mutants of every class are tried in a normal run, all of them by `make mutants`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from penstock.lint.findings import Finding
from penstock.lint.linter import lint
from tests.lint.mutations import ALL, MUTATIONS, Mutant, chosen, streams

FOLDER = Path(__file__).parent

Judged = dict[str, list[tuple[str, Mutant, list[Finding]]]]


@cache
def judged() -> Judged:
    """Return the mutants by class, each with the stream it was made of and what the linter found."""
    found: Judged = defaultdict(list)
    for stream, mutant in chosen(2):
        found[mutant.name].append((stream, mutant, lint(mutant.data)))
    return found


def patterns(name: str) -> dict[str, re.Pattern[str]]:
    """Return the classes of a table, as they are written there and as patterns."""
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    classes = [line.strip() for line in lines if line.startswith(" ")]
    assert len(set(classes)) == len(classes)
    return {line: re.compile(".*".join(map(re.escape, line.split("*")))) for line in classes}


def listed(name: str, classes: set[str]) -> None:
    """Assert that a table lists exactly these classes."""
    table = patterns(name)
    missing = sorted(one for one in classes if not any(pattern.fullmatch(one) for pattern in table.values()))
    assert missing == []
    if ALL:
        assert [line for line, pattern in table.items() if not any(map(pattern.fullmatch, classes))] == []


def test_the_streams_that_are_broken_are_valid() -> None:
    for name, events in streams().items():
        assert lint(events) == [], name


def test_there_are_forty_ways_to_break_a_stream_and_thousands_of_broken_ones() -> None:
    kinds = {
        " ".join(name.split(" ")[:2]) if name.startswith(("framing", "end", "text")) else name.split(" response.")[0]
        for name in judged()
    }
    assert len(MUTATIONS) > 30
    assert len(kinds) >= 40
    assert sum(map(len, judged().values())) > 5_000


def test_what_is_not_caught_is_valid() -> None:
    listed("valid_mutants.txt", {name for name, group in judged().items() if any(not found for _, _, found in group)})


def test_the_first_finding_is_where_the_fault_is() -> None:
    misplaced = [
        (name, stream, mutant.at, mutant.seen, found[0])
        for name, group in judged().items()
        for stream, mutant, found in group
        if found and found[0].event != mutant.seen
    ]
    assert misplaced == []


def test_one_fault_is_one_finding() -> None:
    listed("follow_ups.txt", {name for name, group in judged().items() if any(len(found) > 1 for _, _, found in group)})


def test_most_faults_have_one_finding() -> None:
    counts = [len(found) for group in judged().values() for _, _, found in group if found]
    assert sum(count == 1 for count in counts) / len(counts) > 0.95


@pytest.mark.parametrize("name", ["valid_mutants.txt", "follow_ups.txt"])
def test_every_listed_class_has_its_reason(name: str) -> None:
    blocks = (FOLDER / name).read_text("utf-8").strip().split("\n\n")[1:]
    for block in blocks:
        reason, *classes = block.splitlines()
        assert re.fullmatch(r"[A-Z].*\.", reason)
        assert classes
        assert all(line.startswith("    ") for line in classes)
