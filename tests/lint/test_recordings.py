"""What real servers sent: every finding is in a table, with the reason why it is true."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from penstock.lint.findings import Finding
from penstock.lint.linter import Linter, lint

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings" / "responses"
TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("recordings.toml").read_text("utf-8"))
PROFILES = ("openresponses", "openai")

needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside the repository")
each = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sse")), ids=lambda path: path.stem)


def told(finding: Finding) -> str:
    place = "" if finding.event is None else f" at {finding.event}"
    return f"{finding.code} {finding.path}".strip() + place


@needs_recordings
@each
@pytest.mark.parametrize("profile", PROFILES)
def test_the_table_has_every_finding_and_no_other(path: Path, profile: str) -> None:
    assert [told(finding) for finding in lint(path.read_bytes(), dialect=profile)] == TABLE["recordings"][path.stem][
        profile
    ]


@needs_recordings
def test_the_table_has_every_recording() -> None:
    assert sorted(TABLE["recordings"]) == [path.stem for path in sorted(FOLDER.glob("*.sse"))]


@needs_recordings
@each
def test_however_a_recording_is_cut_its_findings_are_the_same(path: Path) -> None:
    data = path.read_bytes()
    linter = Linter()
    for start in range(0, len(data), 997):
        linter.feed(data[start : start + 997])
    linter.finish()
    assert linter.findings == lint(data)


def test_every_finding_is_explained() -> None:
    found = {
        finding.partition(" at ")[0]
        for profiles in TABLE["recordings"].values()
        for profile in PROFILES
        for finding in profiles[profile]
    }
    assert found == set(TABLE["explanations"])
    assert all(text.endswith(".") for text in TABLE["explanations"].values())
