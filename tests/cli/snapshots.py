"""Snapshots of what is shown. `UPDATE_GOLDEN=1 pytest tests/cli` writes them anew, to be looked at before they are kept."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def golden(name: str, shown: str) -> str:
    """Return what the snapshot `name` holds; write `shown` there first, when asked to."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8", newline="")
    return path.read_text(encoding="utf-8")
