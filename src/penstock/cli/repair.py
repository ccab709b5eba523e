"""`penstock repair`: a stream in, however broken; the stream as it should have been out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.escape import one_line
from penstock.cli.mend import make_repairer, mend_lines
from penstock.cli.source import open_source, reason
from penstock.lint.repair import Repairer
from penstock.lint.report import STANDARD_INPUT, json_document

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Mend; return the exit code."""
    repairer = make_repairer(arguments.dialect)
    error: CommandError | None = None
    size = 0
    with open_source(arguments.file) as source, _output(arguments.output, arguments.file) as write:
        try:
            for chunk in source.chunks():
                size += len(chunk)
                write(repairer.feed(chunk))
        except CommandError as broken:
            # What came before it is mended all the same, and the stream gets its end.
            error = broken
        write(repairer.close())
        name = source.name
    if arguments.report is not None:
        path = arguments.file if arguments.file is not None else STANDARD_INPUT
        _write_report(arguments.report, path, repairer)
    else:
        for line in mend_lines(repairer.mends, repairer.more):
            _tell(line)
    if error is not None:
        _tell(f"cut short, {error}")
    elif not size:
        _tell(f"{name}: empty, there is no stream")
    return FAILED if error is not None or not size else FINE


@contextmanager
def _output(path: str | None, source: str | None) -> Generator[Callable[[bytes], None]]:
    """Open what is written to, and yield what writes to it at once. Raises CommandError where it cannot be opened."""
    if path is None or path == "-":
        if sys.stdout is None:
            raise CommandError("standard output is closed")
        yield _writer(sys.stdout.buffer)
        return
    if source is not None and os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise CommandError(f"{path}: is what is read; penstock lint --fix mends a file in place")
    try:
        file = open(path, "wb")  # noqa: SIM115 - the error of opening is one thing, those of writing another
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {reason(error) if isinstance(error, OSError) else error}") from error
    with file:
        yield _writer(file)


def _writer(file: BinaryIO) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        if data:
            file.write(data)
            file.flush()

    return write


def _write_report(report: str, path: str, repairer: Repairer) -> None:
    """Write what was changed as JSON.

    `{"path", "events", "mends": [{"code", "name", "event", "message", "level", "output"}], "more"}`: `level` is
    `warning` where the text of an item is not, or not all of, what was told, and `output` is the index of that item;
    `more` is how many changes came after those that are listed.
    """
    mends = [msgspec.structs.asdict(mend) for mend in repairer.mends]
    data = json_document({"path": path, "events": repairer.events, "mends": mends, "more": repairer.more})
    if report == "-":
        if sys.stderr is not None:
            sys.stderr.write(data.decode())
        return
    try:
        with open(report, "wb") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise CommandError(f"{report}: {reason(error) if isinstance(error, OSError) else error}") from error


def _tell(text: str) -> None:
    if sys.stderr is not None:
        print(f"penstock repair: {one_line(text)}", file=sys.stderr)
