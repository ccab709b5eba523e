"""The page `docs/comparison.md`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from penstock.lint.families import FAMILIES
from penstock.lint.findings import Level
from tools.comparison.checkers import Answers, Checker
from tools.comparison.streams import Sample
from tools.comparison.verdicts import Count, Verdict, count, false_alarms, verdicts

__all__ = ["Asked", "page"]

_MARKS = {
    Verdict.FOUND: "found",
    Verdict.MISSED: "-",
    Verdict.UNTOLD: "both",
    Verdict.NOT_ASKED: "",
}
_LONGEST = 100


@dataclasses.dataclass(frozen=True)
class Asked:
    """A checker and what it said; a reason instead where it was not run."""

    checker: Checker
    answers: Answers | None
    reason: str = ""


_HEAD = """# What other checkers find

Written by `make comparison`; do not edit. It asks the checkers that people have today about one set of streams:
{broken} broken ones and {valid} valid ones.

**Read the first column with care.** The broken streams are the bad examples of [our own rules](rules/index.md), one a
rule, so that Penstock finds all of them by construction: its tests demand it. What the page can tell is what the other
checkers do not look at. Each of them was made for something else; [for what](#the-checkers) stands below.

"""

_AFTER_TABLE = """
- A cell says how many of the streams which the checker was given it found. **Found** means that it complained, of
  whatever: nobody was asked to name the right fault. It must not complain about the valid twins of the stream, though,
  which are the same stream with nothing done to it and the rule's good example: whoever refuses those as well has not
  seen the fault.
- **MUST** are the rules of level error, for which the specification says MUST. The rest are its SHOULD, known dialects
  (OR8), and a few things that are worth knowing and break nothing (OR313, OR707); to be silent about those is no fault
  of a checker.
- **Valid streams refused** are false alarms. The valid streams are the bases the examples are made of and the rules'
  good examples, among them extension events with a slug, lines that end in CRLF, and fields nobody knows: all of that
  the specification or the standard of server-sent events allows.

"""

_RUN = """## Run it yourself

```console
make comparison
```

That installs the Python packages into `.venv`, in the versions `pyproject.toml` allows. The official suite is not
published as a package; it wants a copy of its repository, and the two packages it needs beside it:

```console
mkdir suite
git clone https://github.com/openresponses/openresponses suite/openresponses
npm install --prefix suite bun zod@3
make comparison SUITE=suite/openresponses
```

A checker that is not there is told as not run, and the others are asked all the same.

The streams themselves, with a `streams.json` that says what each of them is, for a checker of your own:

```console
.venv/bin/python -m tools.comparison --streams streams
```
"""


def page(samples: Sequence[Sample], asked: Sequence[Asked], date: str) -> str:
    """Return the page. `date` is the day on which the checkers were asked."""
    return "".join(f"{line}\n" for line in _lines(samples, asked, date)).rstrip("\n") + "\n"


def _lines(samples: Sequence[Sample], asked: Sequence[Asked], date: str) -> Iterator[str]:
    broken = [sample for sample in samples if sample.rule]
    valid = [sample for sample in samples if not sample.rule]
    yield _HEAD.format(broken=len(broken), valid=len(valid)).rstrip("\n")
    yield ""
    yield from _table(samples, asked)
    yield _AFTER_TABLE.rstrip("\n")
    yield ""
    yield from _checkers(asked, date)
    yield from _alarms(samples, asked)
    yield from _every(broken, samples, asked)
    yield _RUN


def _table(samples: Sequence[Sample], asked: Sequence[Asked]) -> Iterator[str]:
    broken = [sample for sample in samples if sample.rule]
    kinds = [(f"{family} {_title(family)}", [s for s in broken if s.family == family]) for family in FAMILIES]
    kinds.append(("**all**", broken))
    kinds.append(("**of these, MUST**", [sample for sample in broken if sample.level == Level.ERROR.value]))
    yield _row(["broken streams", "streams", *(one.checker.name for one in asked)])
    yield _row(["---", *["---:"] * (len(asked) + 1)])
    for title, kind in kinds:
        yield _row([title, str(len(kind)), *(_found(samples, kind, one) for one in asked)])
    valid = [sample for sample in samples if not sample.rule]
    yield _row(["**valid streams refused**", str(len(valid)), *(_refused(samples, valid, one) for one in asked)])


def _found(samples: Sequence[Sample], kind: Sequence[Sample], one: Asked) -> str:
    counted = _count(samples, kind, one)
    if counted is None:
        return "not run"
    return f"{counted.found} of {counted.asked}" if counted.asked else ""


def _count(samples: Sequence[Sample], kind: Sequence[Sample], one: Asked) -> Count | None:
    if one.answers is None:
        return None
    judged = verdicts(samples, one.answers.complaints)
    return count(judged[sample.name] for sample in kind)


def _refused(samples: Sequence[Sample], valid: Sequence[Sample], one: Asked) -> str:
    if one.answers is None:
        return "not run"
    given = [sample for sample in valid if sample.name in one.answers.complaints]
    return f"{len(false_alarms(samples, one.answers.complaints))} of {len(given)}"


def _checkers(asked: Sequence[Asked], date: str) -> Iterator[str]:
    yield f"## The checkers\n\nAsked on {date}.\n"
    for one in asked:
        known = one.answers.version if one.answers is not None else f"not run: {one.reason}"
        yield f"- **{one.checker.name}** ({known})"
        yield from (f"  - {line}" for line in (f"made for: {one.checker.made_for}", f"asked: {one.checker.asked}"))
    yield ""


def _alarms(samples: Sequence[Sample], asked: Sequence[Asked]) -> Iterator[str]:
    yield "## Valid streams that were refused\n"
    rows = [
        _row([one.checker.name, sample.title, f"`{_short(one.answers.complaints[sample.name])}`"])
        for one in asked
        if one.answers is not None
        for sample in false_alarms(samples, one.answers.complaints)
    ]
    if not rows:
        yield "None.\n"
        return
    yield _row(["checker", "stream", "what it says"])
    yield _row(["---"] * 3)
    yield from rows
    yield ""


def _every(broken: Sequence[Sample], samples: Sequence[Sample], asked: Sequence[Asked]) -> Iterator[str]:
    run = [(one, verdicts(samples, one.answers.complaints)) for one in asked if one.answers is not None]
    yield "## Stream by stream\n"
    yield "`-`: missed. `both`: it complained, and about a valid twin as well. Empty: it was not given this stream.\n"
    yield _row(["broken stream", *(one.checker.name for one, _ in run)])
    yield _row(["---"] * (len(run) + 1))
    for sample in broken:
        link = f"[{sample.rule}](rules/{sample.rule}.md) {sample.title}"
        yield _row([link, *(_MARKS[judged[sample.name]] for _, judged in run)])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _title(family: str) -> str:
    """Return a family's short name: Framing."""
    return FAMILIES[family].partition(":")[0]


def _short(complaint: str) -> str:
    """Return a complaint, shortened, without what changes from run to run."""
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://localhost", " ".join(complaint.split())).replace("`", "'")
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " ..."
