"""`penstock repair`: streams mended while they flow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.cli.errors import CommandError
from penstock.cli.source import Source
from penstock.lint.linter import lint
from penstock.wire.dialects import dialect_names
from tests.cli.commands import Running, run
from tests.cli.inside import Inside
from tests.lint.faulty import GOOD, THREE

GOOD_DATA, BAD_DATA = GOOD.data(), THREE.data()
TOLD = [
    "penstock repair: OR305 part-not-added, event 3: ",
    "penstock repair: OR404 item-id-changes, event 4: ",
    "penstock repair: OR603 output-differs-from-stream",
]


@pytest.fixture
def penstock(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Inside:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.sse").write_bytes(GOOD_DATA)
    (tmp_path / "bad.sse").write_bytes(BAD_DATA)
    return Inside(capsys, monkeypatch)


def test_a_valid_stream_comes_out_as_it_went_in(penstock: Inside) -> None:
    ended = penstock("repair", "good.sse")
    assert (ended.code, ended.out.encode(), ended.err) == (0, GOOD_DATA, "")


@pytest.mark.parametrize("arguments", [("bad.sse",), (), ("-",)])
def test_a_broken_stream_is_mended_and_what_was_mended_is_told(penstock: Inside, arguments: tuple[str, ...]) -> None:
    ended = penstock("repair", *arguments, data=BAD_DATA)
    assert ended.code == 0
    assert lint(ended.out.encode()) == []
    assert [line[: len(told)] for line, told in zip(ended.err.splitlines(), TOLD, strict=True)] == TOLD


def test_a_rule_is_told_once(penstock: Inside) -> None:
    data = GOOD_DATA.replace(b'"delta":"Hello"', b'"delta":null').replace(b'"delta":"."', b'"delta":null')
    data = data.replace(b"data: [DONE]", b"data: {oops\n\ndata: [DONE]\n\ndata: {oops\n\n")
    lines = penstock("repair", data=data).err.splitlines()
    assert len(lines) == len({line.split()[2] for line in lines})
    assert any(line.endswith(" more)") for line in lines)


def test_a_file_is_written(penstock: Inside) -> None:
    ended = penstock("repair", "bad.sse", "-o", "mended.sse")
    assert (ended.code, ended.out) == (0, "")
    assert lint(Path("mended.sse").read_bytes()) == []
    assert penstock("repair", "bad.sse", "-o", "-").out.encode() == Path("mended.sse").read_bytes()


def test_the_report_has_the_documented_form(penstock: Inside) -> None:
    ended = penstock("repair", "bad.sse", "-o", "mended.sse", "--report", "report.json")
    assert (ended.code, ended.err) == (0, "")
    report = json.loads(Path("report.json").read_text())
    assert list(report) == ["path", "events", "mends", "more"]
    assert (report["path"], report["events"], report["more"]) == ("bad.sse", 10, 0)
    assert [list(mend) for mend in report["mends"]] == [["code", "name", "event", "message", "level", "output"]] * 3
    assert [mend["code"] for mend in report["mends"]] == ["OR305", "OR404", "OR603"]


def test_the_report_can_go_to_standard_error(penstock: Inside) -> None:
    ended = penstock("repair", "--report", "-", data=GOOD_DATA)
    assert json.loads(ended.err) == {"path": "-", "events": 11, "mends": [], "more": 0}


@pytest.mark.parametrize(
    ("most", "words"),
    [(1, "and 2 more changes; only the first one is told"), (2, "and 1 more change; only the first 2 are told")],
)
def test_changes_that_were_not_kept_are_counted(
    penstock: Inside, monkeypatch: pytest.MonkeyPatch, most: int, words: str
) -> None:
    for module in ("penstock.lint.repair", "penstock.upstream.responses.voice"):
        monkeypatch.setattr(f"{module}.MAX_MENDS", most)
    told = penstock("repair", "bad.sse", "-o", "mended.sse").err.splitlines()
    assert told[most:] == [f"penstock repair: {words}"]
    assert json.loads(penstock("repair", "bad.sse", "-o", "mended.sse", "--report", "-").err)["more"] == 3 - most
    assert words in penstock("lint", "--diff", "bad.sse").err
    ended = penstock("lint", "--fix", "bad.sse")
    assert ended.err.splitlines()[0] == "penstock lint: bad.sse: mended, 3 changes"
    assert words in ended.err


@pytest.mark.parametrize("dialect", dialect_names())
def test_a_dialect_is_written(penstock: Inside, dialect: str) -> None:
    ended = penstock("repair", "bad.sse", "--dialect", dialect)
    assert ended.code == 0
    assert ("[DONE]" in ended.out) is (dialect != "openai")


@pytest.mark.parametrize(
    "data", [b"", b"no stream\n", b"data: {oops\n\n", b"\xff", BAD_DATA[:2000], b"[1,2]", b"[" * 100_000]
)
def test_whatever_comes_in_a_stream_comes_out(penstock: Inside, data: bytes) -> None:
    ended = penstock("repair", data=data)
    assert ended.code == (0 if data else 1)
    assert "Traceback" not in ended.err
    assert [finding for finding in lint(ended.out.encode()) if finding.level.value == "error"] == []
    assert "response.failed" in ended.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.sse"], "absent.sse: no such file or directory"),
        (["bad.sse", "-o", "bad.sse"], "is what is read; penstock lint --fix"),
        (["bad.sse", "-o", "no/such/folder"], "no/such/folder: no such file or directory"),
        (["bad.sse", "-o", "a\0b"], "null"),
        (["bad.sse", "-o", "out", "--report", "no/such/folder"], "no/such/folder: no such file or directory"),
        (["bad.sse", "-o", "out", "--report", "a\0b"], "null"),
        (["bad.sse", "--dialect", "klingon"], "invalid choice"),
    ],
)
def test_what_cannot_be_read_or_written_is_told_in_a_line(penstock: Inside, arguments: list[str], words: str) -> None:
    ended = penstock("repair", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert ended.err.count("\n") == 1
    assert Path("bad.sse").read_bytes() == BAD_DATA


def test_a_missing_input_leaves_the_output_alone(penstock: Inside) -> None:
    Path("kept.sse").write_text("kept")
    assert penstock("repair", "absent.sse", "-o", "kept.sse").code == 2
    assert Path("kept.sse").read_text() == "kept"


def test_an_input_that_breaks_off_is_mended_as_far_as_it_came(
    penstock: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chunks(source: Source) -> Iterator[bytes]:
        yield BAD_DATA[:2000]
        raise CommandError(f"{source.name}: input/output error")

    monkeypatch.setattr(Source, "chunks", chunks)
    ended = penstock("repair", "bad.sse")
    assert ended.code == 1
    assert ended.err.endswith("penstock repair: cut short, bad.sse: input/output error\n")
    assert "Hello" in ended.out
    assert "response.failed" in ended.out


def test_events_leave_while_others_are_still_to_come() -> None:
    first, _, rest = GOOD_DATA.partition(b"\n\n")
    with Running("repair") as running:
        running.feed(first + b"\n\n")
        running.until("event: response.created")
        running.feed(rest)
        assert running.end() == (0, "")
    assert running.seen == GOOD_DATA


def test_the_command_works_as_a_process() -> None:
    ended = run("repair", data=BAD_DATA)
    assert ended.returncode == 0
    assert lint(ended.stdout) == []


def test_halves_of_surrogate_pairs_can_be_reported(penstock: Inside) -> None:
    ended = penstock(
        "repair", "--report", "-", data=b'data: {"type":"\\ud800","\\udc00":1,"\\udc00":2}\n\n' + GOOD_DATA
    )
    assert ended.code == 0
    assert "\\\\udc00" in ended.err
    ended = penstock("lint", "--diff", data=b'data: {"type":"\\ud800","\\udc00":1,"\\udc00":2}\n\n' + GOOD_DATA)
    assert ended.code == 1
