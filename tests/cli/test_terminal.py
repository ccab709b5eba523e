"""What a user sees on a terminal: the live view, at several widths, and that the terminal is left as it was."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.cli.commands import Running
from tests.cli.snapshots import golden
from tests.cli.streams import EVERYTHING, HOSTILE_TEXT, SHOWN_TEXT, delta, raw, sse, written
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")


def settled(shown: str) -> str:
    """Return what is shown without the time it took."""
    return re.sub(r" in [0-9.]+ s$", "", shown, flags=re.MULTILINE) + "\n"


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_whole_page(columns: int) -> None:
    with Running("read", terminal=Terminal(columns)) as running:
        running.feed(sse(written(EVERYTHING)))
        assert running.end() == (0, "")
        assert golden(f"terminal_{columns}", settled(running.shown)) == settled(running.shown)
        assert running.terminal is not None
        assert running.terminal.is_cursor_shown
        assert {"1", "2", "36"} & running.terminal.styles


def test_text_grows_before_the_eyes() -> None:
    data = sse(written(EVERYTHING))
    at = data.rindex(b"event:", 0, data.index(b"See the manual"))
    terminal = Terminal(80)
    with Running("read", terminal=terminal) as running:
        running.feed(data[:at])
        shown = running.until("first, then the gate.")
        assert "See the manual" not in shown
        assert "events" in shown.splitlines()[-1]
        assert not terminal.is_cursor_shown
        running.feed(data[at:])
        running.until("See the manual")
        assert running.end() == (0, "")
        # The status line leaves no trace.
        assert " tokens · " not in running.shown


def test_the_arguments_of_calls_grow_side_by_side() -> None:
    data = sse(written(EVERYTHING))
    at = data.rindex(b"event:", 0, data.index(b'"delta":"\\"unit'))
    with Running("read", terminal=Terminal(80)) as running:
        running.feed(data[:at])
        shown = running.until('call open_gate\n│ {"gate":1,"steps":[')
        assert 'call read_gauge\n│ {"station":"upper pool",' in shown
        running.feed(data[at:])
        shown = running.until('[2] call read_gauge  call_1\n│ {"station": "upper pool", "unit": "m"}')
        assert running.end() == (0, "")
        assert '│   "gate": 1,' in running.shown


def test_the_status_line_moves_while_nothing_comes() -> None:
    with Running("read", terminal=Terminal(80)) as running:
        running.until(" s · 0 events")
        before = running.shown
        # On its way from one state to the next the line is erased, and may be seen so.
        while running.shown == before or " s · 0 events" not in running.shown:
            assert running.watch()


def test_a_long_text_can_be_read_afterwards() -> None:
    words = " ".join(f"word{number}" for number in range(2000))
    with Running("read", terminal=Terminal(40), rows=10) as running:
        running.feed(raw(*(delta(word + " ") for word in words.split())))
        assert running.end() == (1, "")
        text = running.shown.replace("\n│ ", " ")
        assert words in text


def test_a_terminal_is_never_commanded_by_what_it_shows() -> None:
    # The terminal of these tests refuses every command but our own.
    call: dict[str, object] = {
        "type": "function_call",
        "id": "f",
        "call_id": HOSTILE_TEXT,
        "name": HOSTILE_TEXT,
        "arguments": "",
    }
    response: dict[str, object] = {
        "id": HOSTILE_TEXT,
        "model": HOSTILE_TEXT,
        "object": "response",
        "status": "failed",
        "output": [],
    }
    with Running("read", terminal=Terminal(200)) as running:
        running.feed(raw({"type": "response.created", "response": response}, delta(HOSTILE_TEXT)))
        running.until(SHOWN_TEXT.split("\n")[0])
        running.feed(raw({"type": "response.output_item.added", "output_index": 1, "item": call}))
        arguments: dict[str, object] = {
            "type": "response.function_call_arguments.delta",
            "item_id": "f",
            "output_index": 1,
        }
        running.feed(raw(arguments | {"delta": HOSTILE_TEXT}))
        running.until("call a\\x1b[2J")
        extension: dict[str, object] = {"type": f"x:{HOSTILE_TEXT}", "id": HOSTILE_TEXT, HOSTILE_TEXT: HOSTILE_TEXT}
        running.feed(raw({"type": "response.output_item.done", "output_index": 2, "item": extension}, extension))
        error = {"code": HOSTILE_TEXT, "message": HOSTILE_TEXT}
        running.feed(raw({"type": "response.failed", "response": response | {"error": error}}))
        running.feed(b"data: \x1b[2J\x9b\n\n")
        assert running.end() == (1, "")


def test_interrupted_and_terminated_the_terminal_gets_its_cursor_back() -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        terminal = Terminal(80)
        with Running("read", terminal=terminal) as running:
            running.feed(raw(delta("Half a wo")))
            running.until("Half a wo")
            was_shown = terminal.is_cursor_shown
            running.process.send_signal(number)
            assert (code, "") == running.end()
            assert (was_shown, terminal.is_cursor_shown) == (False, True)
            assert "Half a wo" in terminal.text


def test_no_color() -> None:
    terminal = Terminal(80)
    with Running("read", terminal=terminal, NO_COLOR="1") as running:
        running.feed(sse(written(EVERYTHING)))
        assert running.end() == (0, "")
    assert not any(style.startswith(("3", "4", "9")) for style in terminal.styles), terminal.styles


def test_a_terminal_that_can_do_nothing_gets_plain_text() -> None:
    terminal = Terminal(200)
    with Running("read", terminal=terminal, TERM="dumb") as running:
        running.feed(sse(written(EVERYTHING)))
        assert running.end() == (0, "")
    assert golden("everything", running.shown + "\n") == running.shown + "\n"
    assert not terminal.styles
