"""`penstock demo`: a server, and clients that know nothing of it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.cli.commands import Running, environment, run
from tests.cli.streams import EVERYTHING, sse, written
from tests.cli.terminal import Terminal

SAID = (
    'get_weather({"city":"Paris"})',
    'get_weather({"city":"London"})',
    "get_weather says: sunny, 21 degrees",
    "two parallel calls, their results sent back, an answer",
)
"""What the SDK is told, in this order."""


def test_without_a_terminal_everything_is_shown_at_once() -> None:
    done = run("demo")
    shown = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    places = [shown.index(words) for words in SAID]
    assert places == sorted(places)
    if shutil.which("curl") is None:
        assert "There is no curl on this machine" in shown
    else:
        assert shown.index("event: response.created") < shown.index("event: response.completed") < places[0]
        assert "12 events, nothing is wrong with it" in shown


def test_on_a_terminal_it_is_shown_while_it_comes() -> None:
    terminal = Terminal(100)
    with Running("demo", terminal=terminal) as running:
        running.until("get_weather(")
        assert "their results sent back" not in running.shown
        assert running.end() == (0, "")
        assert all(words in running.shown for words in SAID)
        assert terminal.is_cursor_shown


WITHOUT = "import sys; sys.modules['{0}'] = None; from penstock.cli import main; sys.exit(main())"


def without(module: str, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `penstock` where a module is not installed."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module), *arguments],
        input=data,
        capture_output=True,
        env=environment(),
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["read", "demo"])
def test_all_works_without_rich(command: str) -> None:
    data = sse(written(EVERYTHING))
    done = without("rich", command, data=data)
    assert (done.returncode, done.stderr) == (0, b"")
    if command == "read":
        assert run("read", data=data).stdout == done.stdout


def test_without_the_sdk_its_part_is_left_out() -> None:
    done = without("openai", "demo")
    assert done.returncode == 0
    assert b"pip install openai" in done.stdout


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_without_the_server_it_says_what_to_install(command: str) -> None:
    done = without("starlette", command)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"pip install '.[server]'" in done.stderr
