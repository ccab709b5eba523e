"""Parts of a page that are written by different commands: each between two marks, and kept by the others."""

from __future__ import annotations

import re
from pathlib import Path


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def section_of(page: str, name: str) -> str:
    """Return the part called `name` with its marks; empty where the page has none."""
    begin, end = _marks(name)
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}\n", page, re.DOTALL)
    return found[0] if found else ""


def put_section(path: Path, name: str, text: str) -> None:
    """Write `text` into the page at `path` as its part called `name`: where that was, else at the end."""
    begin, end = _marks(name)
    part = f"{begin}\n\n{text.strip()}\n\n{end}\n"
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    before = section_of(page, name)
    path.write_text(page.replace(before, part) if before else f"{page.rstrip()}\n\n{part}".lstrip(), encoding="utf-8")
