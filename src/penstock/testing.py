"""Help for the tests of whoever writes a server: one assertion, whose message explains the first fault.

from penstock.testing import assert_valid_stream

def test_reply(client):
    with client.stream("POST", "/v1/responses", json={...}) as reply:
        assert_valid_stream(reply.iter_bytes(), content_type=reply.headers["content-type"])
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.lint.asked import Asked
from penstock.lint.findings import Level
from penstock.lint.linter import Linter
from penstock.lint.record import Recorder
from penstock.lint.report import finding_text
from penstock.lint.source import Stream, pieces

__all__ = ["assert_valid_stream"]

_MOST = 10
"""How many more findings are listed, a line each."""


def assert_valid_stream(
    stream: Stream,
    *,
    fail_level: Level = Level.ERROR,
    dialect: str = "openresponses",
    resumed: bool = False,
    transport: str | None = None,
    content_type: str | None = None,
    request: Asked | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> None:
    """Assert that a stream (bytes in one piece or in many, events, a file's path) is what the specification asks for.

    Raises AssertionError for the first finding of `fail_level` or worse, shown in its event, and for a stream without
    events; TypeError for what is no stream, OSError for a path that cannot be read. The other keywords are those of
    `penstock.lint.linter.Linter`.
    """
    __tracebackhide__ = True
    linter = Linter(
        dialect=dialect,
        resumed=resumed,
        transport=transport,
        content_type=content_type,
        request=request,
        select=select,
        ignore=ignore,
    )
    recorder = Recorder(linter, "")
    for piece in pieces(stream):
        if isinstance(piece, bytes):
            recorder.feed(piece)
        else:
            recorder.feed_event(piece)
    judgement = recorder.finish()
    levels = list(Level)
    worst = levels[: levels.index(fail_level) + 1]
    faults = [located for located in judgement.findings if located.finding.level in worst]
    if faults:
        first, *others = faults
        lines = ["the stream is not valid:", "", finding_text(first)]
        if others:
            lines += ["", f"and {len(others)} more:"]
            lines += [f"  {each.finding.code} {each.finding.name}{_at(each.finding.event)}" for each in others[:_MOST]]
            lines += ["  ..."] * (len(others) > _MOST)
        raise AssertionError("\n".join(lines))
    if not judgement.events:
        raise AssertionError("the stream has no events")


def _at(event: int | None) -> str:
    return f" at event {event}" if event is not None else ""
