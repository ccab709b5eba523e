"""Runs the command line in this process: quick, and measured by coverage."""

from __future__ import annotations

import io
import sys

import pytest
from msgspec import Struct

from penstock.cli import main


class Ended(Struct, frozen=True):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Inside:
    """The command line, with what it reads and what it says."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: object, data: bytes = b"") -> Ended:
        """Run a command with `data` piped in."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Ended(code, captured.out, captured.err)
