from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from penstock.cli import demo
from tests.cli.commands import environment, run
from tests.cli.snapshots import golden
from tests.cli.streams import EVERYTHING, sse, written


def test_without_a_terminal_it_does_not_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("nobody watches")

    assert demo.run(argparse.Namespace(fast=False), sleep=sleep) == 0
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines(keepends=True) if not line.startswith("completed")]
    assert golden("demo", "".join(lines)) == "".join(lines)


def test_on_a_terminal_it_takes_five_to_eight_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert demo.run(argparse.Namespace(fast=False), sleep=waited.append) == 0
    assert 5 <= sum(waited) <= 8
    waited.clear()
    assert demo.run(argparse.Namespace(fast=True), sleep=waited.append) == 0
    assert not waited


WITHOUT_RICH = "import sys; sys.modules['rich'] = None; from penstock.cli import main; sys.exit(main())"


@pytest.mark.parametrize("command", ["read", "demo"])
def test_all_works_without_rich(command: str) -> None:
    data = sse(written(EVERYTHING))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RICH, command],
        input=data,
        capture_output=True,
        env=environment(),
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if command == "read":
        assert run("read", data=data).stdout == done.stdout
