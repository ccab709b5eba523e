"""The table of measurements: what it demands and how it is told. No time is measured here."""

import json
import re
from pathlib import Path

import pytest

from bench import machine, payload, report
from bench.rows import growth
from bench.table import ROWS, Figures, Must, Result, Row, Scale, row


def result(ours: float, peer: float, must: Must | None, note: str = "") -> Result:
    measured = Figures(ours, peer, "us", note)
    return Result(Row("a-row", "our work", "theirs", must, lambda scale: measured), measured)


@pytest.mark.parametrize(
    ("ours", "peer", "must", "ratio", "met"),
    [
        (1.0, 100.0, Must("faster", 100), 100.0, True),
        (1.0, 99.0, Must("faster", 100), 99.0, False),
        (2.0, 1.0, Must("faster", 1), 0.5, False),
        (2.0, 1.0, Must("at most", 2), 2.0, True),
        (2.1, 1.0, Must("at most", 2), 2.1, False),
        (1.0, 4.0, Must("at most", 2), 0.25, True),
        (1.0, 4.0, None, 4.0, None),
        (4.0, 1.0, None, 4.0, None),
    ],
)
def test_a_ratio_is_held_to_what_it_must_reach(
    ours: float, peer: float, must: Must | None, ratio: float, met: object
) -> None:
    measured = result(ours, peer, must)

    assert (ratio, met) == (measured.ratio, measured.met)


def test_two_rows_cannot_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.table.ROWS", {})
    add = row("twice", work="w", against="a", at_most=2)

    assert (add(lambda scale: Figures(1, 1, "us")))(Scale()) == Figures(1, 1, "us")
    with pytest.raises(ValueError, match="twice"):
        add(lambda scale: Figures(1, 1, "us"))
    assert "twice" not in ROWS


def test_the_table_says_what_is_missed() -> None:
    facts = {"date": "2026-11-20"}
    results = [result(3, 1, Must("at most", 2)), result(0.004, 2, Must("faster", 4), "so many a second")]

    told = report.as_text(results, facts)
    assert re.search(r"a-row +3 us +1 us +3 x +at most 2 times +NO", told)
    assert re.search(r"a-row +0.004 us +2 us +500 x faster +at least 4 times faster +yes +so many a second", told)

    page = report.as_page(results, facts)
    assert "| our work | theirs | 3 us | 1 us | 3 x | at most 2 times | NO |" in page
    assert "| date | 2026-11-20 |" in page

    rows = json.loads(report.as_json(results, facts))["rows"]
    assert [(entry["ratio"], entry["met"]) for entry in rows] == [(3.0, False), (500.0, True)]


@pytest.mark.parametrize("work", ["write", "read", "fold", "lint", "repair"])
def test_growth_and_memory_of_all_work_on_streams_are_demanded(work: str) -> None:
    assert Must("at most", 11) == ROWS[f"growth-{work}"].must
    assert Must("at most", 4) == ROWS[f"memory-{work}"].must


@pytest.mark.parametrize("task", [growth.lint, growth.repair])
def test_what_is_measured_is_a_valid_stream_to_its_end(task: growth.Task, tmp_path: Path) -> None:
    file = tmp_path / "stream.sse"
    file.write_bytes(b"".join(payload.frames(2000)))

    assert (0 if task is growth.lint else file.stat().st_size) == task(payload.pieces(2000), file)


def test_the_stream_is_of_the_size_the_page_tells() -> None:
    assert 170 < payload.delta_size(1000) < 182


def test_cut_streams_are_the_whole_stream() -> None:
    frames = payload.frames(20)
    whole = b"".join(frames)

    assert whole == b"".join(payload.cut(whole, 100))
    assert whole == b"".join(payload.cut_oddly(whole, 50))
    assert whole == b"".join(payload.cut_in_the_middle(frames))
    assert len(payload.cut_in_the_middle(frames)) == len(frames) + 1


def test_the_machine_is_named() -> None:
    assert {"date", "processor", "system", "Python", "msgspec"} <= set(machine.facts())
