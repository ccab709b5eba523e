"""Writes the generated parts of the documentation, or compares: `python -m tools.docs [--check]`.

A kind of page is one function that returns its pages by their path below `docs`. A folder that it owns holds nothing
else: a page that is no longer made is removed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.grammar import grammar_pages
from tools.mutants import mutant_pages
from tools.reference import reference_pages
from tools.rules import rule_pages
from tools.translation import translation_pages

DOCS = Path(__file__).parents[1] / "docs"


class Kind(NamedTuple):
    """A kind of page: the folder that holds no other (empty: none does), and what makes the pages."""

    folder: str
    make: Callable[[], Mapping[str, str]]


KINDS: Sequence[Kind] = (
    Kind("rules", rule_pages),
    Kind("reference", reference_pages),
    Kind("", grammar_pages),
    Kind("", translation_pages),
    Kind("", mutant_pages),
)


def pages() -> dict[str, str]:
    """Return the text of all pages by their path below `docs`."""
    return {path: text for kind in KINDS for path, text in kind.make().items()}


def stale(made: Mapping[str, str], root: Path) -> list[str]:
    """Return the pages that nothing makes any more."""
    there = [path for kind in KINDS if kind.folder for path in (root / kind.folder).glob("**/*.md")]
    return sorted(name for path in there if (name := path.relative_to(root).as_posix()) not in made)


def write(root: Path) -> None:
    made = pages()
    for name, text in made.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
    for name in stale(made, root):
        (root / name).unlink()


def differences(root: Path) -> list[str]:
    """Return the pages that are not as they would be written."""
    made = pages()
    wrong = [
        name for name, text in made.items() if not (root / name).is_file() or (root / name).read_text("utf-8") != text
    ]
    return sorted([*wrong, *stale(made, root)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description="Write the generated documentation.")
    parser.add_argument("--check", action="store_true", help="only tell which pages are out of date")
    if not parser.parse_args(argv).check:
        write(DOCS)
        return 0
    wrong = differences(DOCS)
    for name in wrong:
        print(f"docs/{name}: out of date; run `make docs`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
