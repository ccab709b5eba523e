"""The generated documentation: complete, and written again the same."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from penstock.lint.rules import ALL_RULES
from tools import docs
from tools.rules import RECORDINGS, rule_pages

PAGES = rule_pages()


def test_every_rule_has_a_page_and_a_line_in_the_index() -> None:
    others = {"rules/index.md", "rules/specification.md", "rules/recordings.md"}
    assert set(PAGES) == {f"rules/{rule.code}.md" for rule in ALL_RULES} | others
    for rule in ALL_RULES:
        assert f"| [{rule.code}]({rule.code}.md) | {rule.name} |" in PAGES["rules/index.md"]


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_a_page_says_all_there_is_to_say(rule: type) -> None:
    page = PAGES[f"rules/{rule.code}.md"]  # type: ignore[attr-defined]
    for text in (rule.what, rule.why, rule.section, rule.sentence, rule.level.value, "Wrong:", "Right:"):  # type: ignore[attr-defined]
        assert text in page
    assert page.count("```") == 4


def test_every_finding_in_a_recorded_stream_is_told_with_its_reason() -> None:
    table = tomllib.loads(RECORDINGS.read_text("utf-8"))
    rows = [row for row in PAGES["rules/recordings.md"].splitlines() if row.startswith("| [OR")]
    assert len(rows) == len(table["explanations"])
    for row, (finding, reason) in zip(rows, table["explanations"].items(), strict=True):
        code, place, sent_by, why = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert f"{code[1:6]} {place.strip('`')}".strip() == finding
        assert sent_by
        assert why == reason


def test_the_example_of_findings_as_data_is_what_is_printed() -> None:
    example = re.search(r"^```json\n(.*?)^```", PAGES["rules/index.md"], re.MULTILINE | re.DOTALL)
    assert example is not None
    (file,) = json.loads(example[1])["files"]
    assert (file["path"], file["events"]) == ("reply.sse", 11)
    assert list(file["findings"][0]) == ["code", "name", "level", "event", "line", "offset", "path", "message", "fix"]


def test_links_lead_somewhere() -> None:
    for text in PAGES.values():
        for target in re.findall(r"\]\(([^):]+)\)", text):
            assert f"rules/{target}" in PAGES


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(docs, "KINDS", (docs.Kind("rules", lambda: {"rules/a.md": "A\n", "rules/b/c.md": "C\n"}),))
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    return tmp_path


def test_pages_are_written_and_stale_ones_removed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "rules").mkdir()
    (root / "rules/old.md").write_text("old")
    (root / "own.md").write_text("own")
    assert docs.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"docs/rules/{name}.md: out of date; run `make docs`" for name in ("a", "b/c", "old")
    ]
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    assert sorted(path.relative_to(root).as_posix() for path in root.glob("**/*.md")) == [
        "own.md",
        "rules/a.md",
        "rules/b/c.md",
    ]


def test_a_changed_page_is_out_of_date(root: Path) -> None:
    docs.main([])
    (root / "rules/a.md").write_text("B\n")
    assert docs.main(["--check"]) == 1
