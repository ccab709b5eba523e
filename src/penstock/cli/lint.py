"""`penstock lint`: what is wrong with streams."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from penstock.cli.errors import FAILED, FINE, USAGE, CommandError
from penstock.cli.escape import one_line
from penstock.cli.fetch import is_url, open_url
from penstock.cli.requests import load_request
from penstock.cli.screen import standard_output
from penstock.cli.settings import Settings, settings_of
from penstock.cli.source import open_source
from penstock.lint.layout import Layout
from penstock.lint.linter import Linter
from penstock.lint.record import Judgement, Recorder
from penstock.lint.report import STANDARD_INPUT, TextReport, github_lines, json_report, sarif_report
from penstock.spec.request import CreateResponse
from penstock.wire.codec import encode_object

if TYPE_CHECKING:
    from penstock.cli.mend import Mended

__all__ = ["run", "text_width", "wants_color"]

_BOM: Final = b"\xef\xbb\xbf"
_HEAD_BYTES: Final = 1024
_SHOWN_HEAD: Final = 60
"""How many characters are shown of what is no stream: enough to know the file by."""
_WIDTH: Final = 80
"""How wide text is where nobody says how wide it may be."""
_WIDEST: Final = 100
"""Longer lines of prose are hard to read."""


class _Input:
    """One stream to judge, opened: its bytes, and what is known of how it came."""

    def __init__(self, chunks: Iterable[bytes], content_type: str | None = None) -> None:
        self.chunks = chunks
        self.content_type = content_type


class _Judge:
    """Judges one input after the other by the same measure."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings) -> None:
        self.request = load_request(arguments.request) if arguments.request is not None else None
        self._arguments = arguments
        self._settings = settings

    def judge(self, path: str, chunks: Iterable[bytes], content_type: str | None = None) -> Judgement:
        """Return the verdict on the stream in `chunks`. Raises CommandError where there is no stream."""
        settings = self._settings
        linter = Linter(
            dialect=settings.dialect,
            resumed=self._arguments.resumed,
            transport=self._arguments.transport,
            content_type=content_type,
            request=self.request,
            select=settings.select,
            ignore=settings.ignore,
        )
        recorder = Recorder(linter, path)
        head = b""
        for chunk in chunks:
            recorder.feed(chunk)
            head = head or chunk.lstrip()[:_HEAD_BYTES]
        judgement = recorder.finish()
        if not head or (linter.format is None and head == _BOM):
            raise CommandError(f"{_name(path)}: empty, there is no stream")
        if linter.format is None:
            begin = one_line(head.decode("utf-8", "backslashreplace"), _SHOWN_HEAD)
            raise CommandError(f"{_name(path)}: neither server-sent events nor JSON; it begins with: {begin}")
        kind = _other_kind(head)
        if kind:
            _tell(f"{_name(path)}: {kind}")
        if not judgement.events and not judgement.findings:
            raise CommandError(f"{_name(path)}: there are no events in it")
        return judgement

    def mended(self, chunks: Iterable[bytes]) -> Mended:
        """Return the stream in `chunks` mended, in the dialect by which it is judged."""
        from penstock.cli.mend import make_repairer, mended

        return mended(chunks, make_repairer(self._settings.dialect, self.request))

    @contextmanager
    def open(self, path: str | None) -> Generator[_Input]:
        """Open a file, standard input or a URL."""
        if path is not None and is_url(path):
            with open_url(path, body=self._body()) as reply:
                # The header is one of server-sent events only; what was recorded otherwise is sent as anything.
                told = reply.content_type if self._arguments.transport in (None, "sse") else None
                yield _Input(reply.chunks(), told)
        else:
            with open_source(path) as source:
                yield _Input(source.chunks())

    def _body(self) -> bytes | None:
        if self.request is None:
            return None
        return encode_object(_streamed(self.request))


def run(arguments: argparse.Namespace) -> int:
    """Judge; return the exit code."""
    paths: list[str | None] = list(arguments.files) or [None]
    _check(arguments, paths)
    settings = settings_of(arguments)
    judge = _Judge(arguments, settings)
    out = standard_output()
    text = TextReport(width=text_width(out), color=wants_color(out))
    judgements: list[Judgement] = []
    code = FINE
    changed = 0
    for path in paths:
        try:
            if arguments.diff:
                changed += _show_diff(out, judge, path, text.layout)
                continue
            with judge.open(path) as opened:
                judgement = judge.judge(path or STANDARD_INPUT, opened.chunks, opened.content_type)
            if arguments.fix and path is not None and judgement.findings:
                judgement = _fix(judge, path)
        except CommandError as error:
            # One bad name does not hide what is wrong with the other files.
            _tell(str(error))
            code = USAGE
            continue
        judgements.append(judgement)
        if arguments.format == "text":
            shown = text.stream(judgement)
            if not arguments.statistics:
                out.write(shown)
                out.flush()
    if arguments.diff:
        return code or (FAILED if changed else FINE)
    if arguments.format == "text":
        _sum_up(out, text, judgements, statistics=arguments.statistics)
    else:
        out.write(_document(arguments.format, judgements))
    if code == FINE and any(settings.fails(located.finding) for each in judgements for located in each.findings):
        code = FAILED
    return code


def _fix(judge: _Judge, path: str) -> Judgement:
    """Mend a file; return the verdict on what it is now."""
    from penstock.cli.mend import mend_lines, replace_file

    with judge.open(path) as opened:
        outcome = judge.mended(opened.chunks)
    if outcome.is_invented:
        raise CommandError(f"{path}: there is nothing of a response in it, and so it is left as it is")
    judgement = judge.judge(path, [outcome.data])
    replace_file(path, outcome.data)
    count = len(outcome.mends) + outcome.more
    _tell(f"{path}: mended, {count:,} change{'' if count == 1 else 's'}")
    for line in mend_lines(outcome.mends, outcome.more):
        _tell(f"  {line}")
    return judgement


def _show_diff(out: TextIO, judge: _Judge, path: str | None, layout: Layout) -> bool:
    """Show how a stream would be mended; return whether it would be changed."""
    from penstock.cli.diff import diff_lines
    from penstock.cli.mend import mend_lines

    name = path or STANDARD_INPUT
    with judge.open(path) as opened:
        chunks = list(opened.chunks)
        judgement = judge.judge(name, chunks, opened.content_type)
    if not judgement.findings:
        return False
    outcome = judge.mended(chunks)
    lines = list(diff_lines(name, b"".join(chunks), outcome.data, layout))
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()
    for line in mend_lines(outcome.mends, outcome.more) if lines else ():
        _tell(line)
    return bool(lines)


def _tell(text: str) -> None:
    if sys.stderr is not None:
        print(f"penstock lint: {one_line(text)}", file=sys.stderr)


def _check(arguments: argparse.Namespace, paths: list[str | None]) -> None:
    """Raise CommandError for flags and files that do not go together."""
    inputs = [path for path in paths if path in (None, STANDARD_INPUT)]
    if len(inputs) > 1 or (inputs and arguments.request == STANDARD_INPUT):
        raise CommandError("standard input can be read only once")
    if arguments.fix and (inputs or any(map(is_url, arguments.files))):
        raise CommandError("--fix needs a file; penstock repair mends a stream")
    if arguments.resumed and (arguments.fix or arguments.diff):
        raise CommandError("the rest of a stream cannot be mended without its beginning")
    if arguments.diff and arguments.format != "text":
        raise CommandError("--diff goes with --format text")
    if arguments.statistics and arguments.format != "text":
        raise CommandError("--statistics goes with --format text")


def _sum_up(out: TextIO, text: TextReport, judgements: list[Judgement], *, statistics: bool) -> None:
    if not judgements:
        return
    if statistics:
        out.write(text.statistics())
    out.write(text.summary())


def _document(form: str, judgements: list[Judgement]) -> str:
    match form:
        case "json":
            return json_report(judgements).decode()
        case "sarif":
            return sarif_report(judgements, version=_version()).decode()
        case _:
            return github_lines(judgements)


def _other_kind(head: bytes) -> str:
    """Return what begins with `head`, if it is one of those that are easily taken for a stream of ours."""
    begin = b"".join(head.split()).removeprefix(b"data:")
    if b'"object":"chat.completion' in begin:
        return "a Chat Completions stream; try: penstock convert --from chat-completions"
    if b'"type":"message_start"' in begin:
        return "an Anthropic Messages stream; try: penstock convert --from anthropic"
    if begin.startswith((b'{"candidates":', b'[{"candidates":')):
        return "a Gemini stream; try: penstock convert --from gemini"
    if begin.startswith(b'{"error":'):
        return "an error in place of a stream: the server refused the request"
    return ""


def _streamed(request: CreateResponse) -> CreateResponse:
    """Return a request that asks for a stream."""
    return msgspec.structs.replace(request, stream=True)


def _name(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else path


def _version() -> str:
    try:
        return version("penstock")
    except PackageNotFoundError:
        return "0"


def text_width(out: TextIO) -> int:
    """Return how wide text may be: as wide as the terminal, but not wider than is read easily."""
    if not out.isatty():
        return _WIDTH
    return min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDEST)


def wants_color(out: TextIO) -> bool:
    """Whether `out` is a terminal with colours, and nobody asked for none (https://no-color.org)."""
    return out.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
