from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from penstock.wire.codec import EventCodec
from penstock.wire.dialects import dialect_by_name
from penstock.wire.sse import SSEEncoder
from tests.cli.commands import RECORDINGS, Running, run
from tests.cli.snapshots import golden
from tests.cli.streams import (
    BROKEN,
    EVERYTHING,
    FAILURE,
    HOSTILE_TEXT,
    INCOMPLETE,
    MESSAGE,
    RESPONSE,
    delta,
    part,
    raw,
    sse,
    written,
)

CUT_SHORT = raw(
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE},
    {
        "type": "response.content_part.added",
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "part": part(""),
    },
    delta("Half a wo"),
)


@pytest.mark.parametrize(
    ("name", "code", "data"),
    [
        ("everything", 0, sse(written(EVERYTHING))),
        ("failed", 1, sse(written(FAILURE))),
        ("incomplete", 0, sse(written(INCOMPLETE))),
        ("broken", 1, BROKEN),
        ("cut_short", 1, CUT_SHORT),
        ("hostile", 1, raw(delta(HOSTILE_TEXT))),
    ],
)
def test_the_text_view(name: str, code: int, data: bytes) -> None:
    shown = run("read", data=data)
    assert (code, b"") == (shown.returncode, shown.stderr)
    assert golden(name, shown.stdout.decode()) == shown.stdout.decode()


def test_all_formats_show_the_same() -> None:
    events = written(EVERYTHING)
    encode = EventCodec().encode
    lines = [encode(event) or b"" for event in events]
    expected = run("read", data=sse(events)).stdout
    assert expected == run("read", data=b"\n".join(lines)).stdout
    assert expected == run("read", data=b"[" + b",".join(lines) + b"]").stdout
    asked = b'{"type":"response.create","model":"m","input":"Hi"}'
    assert expected == run("read", data=b"\n".join([asked, *lines])).stdout


def test_a_file_and_standard_input_show_the_same(tmp_path: Path) -> None:
    file = tmp_path / "stream.sse"
    file.write_bytes(sse(written(EVERYTHING)))
    expected = run("read", str(file))
    assert (expected.returncode, expected.stderr) == (0, b"")
    for arguments in (["-"], []):
        assert expected.stdout == run("read", *arguments, data=file.read_bytes()).stdout


@pytest.mark.parametrize("dialect", ["openresponses", "openai", "vtcode"])
def test_the_dialect_is_told_by_the_events(dialect: str) -> None:
    outputs = [EVERYTHING[index] for index in (0, 1, 6, 7, 8, 10, 12, 14, -1)]
    encoder = SSEEncoder(dialect_by_name(dialect))
    data = b"".join(map(encoder.encode, written(outputs)))
    shown = run("read", data=data)
    assert shown.returncode == 0
    assert shown.stdout == run("read", "--dialect", dialect, data=data).stdout
    assert (
        run("read", data=sse(written(outputs))).stdout.split(b"\ncompleted")[0] == shown.stdout.split(b"\ncompleted")[0]
    )


def test_a_recorded_websocket_may_hold_several_responses() -> None:
    encode = EventCodec().encode
    one = [encode(event) or b"" for event in written(EVERYTHING[7:9])]
    shown = run("read", data=b"\n".join([*one, b'{"type":"response.create","input":"go on"}', *one]))
    assert shown.returncode == 0
    once = run("read", data=b"\n".join(one)).stdout
    assert once + b"\n" + once == shown.stdout
    documents = run("read", "--format", "json", data=b"\n".join([*one, *one])).stdout
    assert documents.count(b'"object": "response"') == 2


def test_a_response_in_one_piece_is_shown_without_reproach() -> None:
    response = json.dumps(
        RESPONSE | {"status": "completed", "output": [MESSAGE | {"status": "completed", "content": [part("Hi")]}]},
        indent=2,
    )
    shown = run("read", data=response.encode())
    assert shown.returncode == 0
    assert shown.stdout.startswith(b"[0] message\n  Hi\n\ncompleted  m  resp_1\n")
    assert b"strange" not in shown.stdout


class TestJson:
    def test_prints_the_response_as_one_document(self) -> None:
        shown = run("read", "--format", "json", data=sse(written(EVERYTHING)))
        assert (shown.returncode, shown.stderr) == (0, b"")
        response = json.loads(shown.stdout)
        assert (response["status"], response["model"], len(response["output"])) == ("completed", "gatekeeper-1", 6)

    def test_tells_of_what_is_strange_on_standard_error(self) -> None:
        shown = run("read", "--format", "json", data=BROKEN)
        assert shown.returncode == 1
        assert json.loads(shown.stdout)["status"] == "completed"
        lines = shown.stderr.decode().splitlines()
        assert all(line.startswith("penstock read: ") for line in lines)
        assert len(lines) == 6, lines

    def test_prints_what_there_is_of_a_stream_that_was_cut_short(self) -> None:
        shown = run("read", "--format", "json", data=CUT_SHORT)
        assert shown.returncode == 1
        assert json.loads(shown.stdout)["output"][0]["content"][0]["text"] == "Half a wo"
        assert shown.stderr.startswith(b"penstock read: cut short, no terminal event came while output[0]")

    def test_is_safe_to_look_at(self) -> None:
        shown = run("read", "--format", "json", data=raw(delta(HOSTILE_TEXT))).stdout.decode()
        assert shown.isprintable() or all(c.isprintable() or c == "\n" for c in shown)
        assert HOSTILE_TEXT.replace("\ud800", "\ufffd") == json.loads(shown)["output"][0]["content"][0]["text"]


class TestStreaming:
    def test_text_is_shown_as_it_arrives(self) -> None:
        data = sse(written(EVERYTHING))
        at = data.rindex(b"event:", 0, data.index(b"See the manual"))
        with Running("read") as penstock:
            penstock.feed(data[:at])
            assert "See the manual" not in penstock.until("first, then the gate. ")
            penstock.feed(data[at:])
            assert penstock.end() == (0, "")

    def test_it_does_not_matter_how_the_bytes_come(self) -> None:
        data = sse(written(EVERYTHING))
        with Running("read") as penstock:
            for index in range(len(data)):
                penstock.feed(data[index : index + 1])
            assert penstock.end() == (0, "")
            assert golden("everything", penstock.shown) == penstock.shown

    def test_nothing_is_waited_for_after_the_sentinel(self) -> None:
        with Running("read") as penstock:
            penstock.feed(sse(written(INCOMPLETE)))
            penstock.until("events")
            assert penstock.process.wait(60) == 0

    def test_messages_that_are_never_done_do_not_hold_up_the_next(self) -> None:
        with Running("read") as penstock:
            penstock.feed(raw({"type": "response.created", "response": RESPONSE}, delta("one", 0), delta("two", 1)))
            penstock.until("[1] message\n  two")
            penstock.feed(raw(delta(" more", 0)))
            assert penstock.end() == (1, "")
            assert "[0] message, continued\n   more" in penstock.shown


class TestTrouble:
    def test_interrupted(self) -> None:
        with Running("read") as penstock:
            penstock.feed(CUT_SHORT)
            penstock.until("Half a wo")
            penstock.process.send_signal(signal.SIGINT)
            assert penstock.process.wait(60) == 130
            assert penstock.end() == (130, "")

    def test_nobody_reads_the_output(self) -> None:
        with Running("read") as penstock:
            penstock.feed(CUT_SHORT)
            penstock.until("Half a wo")
            penstock.close_output()
            penstock.feed(raw(delta("rd")))
            assert penstock.process.wait(60) == 141
            assert penstock.process.stderr is not None
            assert penstock.process.stderr.read() == b""

    def test_an_output_that_knows_few_characters(self) -> None:
        shown = run("read", data=raw(delta("水")), PYTHONUTF8="0", PYTHONIOENCODING="ascii")
        assert (shown.returncode, shown.stderr) == (1, b"")
        assert b"  \\u6c34\n" in shown.stdout

    def test_a_line_of_a_megabyte(self) -> None:
        shown = run("read", data=raw(delta("x" * 1_000_000)))
        assert b"x" * 1_000_000 in shown.stdout

    def test_very_many_faults_are_not_all_told(self) -> None:
        shown = run("read", data=raw(*(delta("x", index) for index in range(100)), delta("y", 0)))
        assert shown.returncode == 1
        assert b"more like these" in shown.stdout
        assert len(shown.stdout.split(b"strange", 1)[1].splitlines()) < 50


@pytest.mark.parametrize("api", ["responses", "chat_completions", "anthropic_messages", "gemini"])
def test_no_recording_makes_it_stumble(api: str) -> None:
    folder = RECORDINGS / api
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    for file in sorted(folder.glob("*.sse")):
        for form in ("text", "json"):
            shown = run("read", "--format", form, str(file))
            errors = shown.stderr.decode()
            assert "internal error" not in errors
            assert "Traceback" not in errors
            if api == "responses":
                assert shown.returncode == 0, (file.name, errors)
                assert "completed" in shown.stdout.decode()
            else:
                assert shown.returncode == 2, file.name
                assert "not an Open Responses stream" in errors
                assert errors.count("\n") == 1
