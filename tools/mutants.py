"""Makes `docs/broken-streams.md`: which ways to break a stream leave a valid one, and which have several findings.

The tables are those the tests hold the linter to (`tests/lint/test_mutations.py`), so the page cannot say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TABLES = Path(__file__).parents[1] / "tests" / "lint"
_INTRODUCTION = """\
# Broken streams

The linter is tested on broken streams: valid ones of every kind with one thing changed. An event is dropped, repeated,
swapped, delayed, renamed, renumbered or cut; a field removed, nulled, renamed or given another value; a frame damaged.
Tens of thousands come of it (`make mutants` tries them all, `make test` some of every class). Every one is caught where
it was broken, and has one finding, but for these classes. `*` stands for anything.

This page is made from the tables in `tests/lint`, and the tests hold the linter to them.
"""


def mutant_pages() -> dict[str, str]:
    """Return the page by its name."""
    lines = [_INTRODUCTION]
    for name, title in (("valid_mutants.txt", "Valid all the same"), ("follow_ups.txt", "More than one finding")):
        lines += [f"## {title}\n", *_sections(name)]
    return {"broken-streams.md": "\n".join(lines)}


def _sections(name: str) -> Iterator[str]:
    for block in (TABLES / name).read_text("utf-8").strip().split("\n\n")[1:]:
        reason, *classes = block.splitlines()
        yield reason + "\n"
        yield "\n".join(f"- `{line.strip()}`" for line in classes) + "\n"
