"""A repairer whose ids and clock are known, and what a stream tells, for the tests of repair."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

from penstock.lint.findings import Finding, Level
from penstock.lint.linter import lint
from penstock.lint.repair import Mend, Repairer
from penstock.spec.items import ReasoningItem
from penstock.spec.request import CreateResponse
from penstock.stream.fold import part_text
from penstock.stream.reader import ResponseReader
from penstock.wire.codec import encode_plain
from penstock.wire.dialects import dialect_by_name
from penstock.wire.formats import read_events

Event = dict[str, Any]


class Ids:
    """Ids that count, and are nobody else's: `msg_new1`, `msg_new2` ..."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_new{self._counts[prefix]}"


def repairer(**options: Any) -> Repairer:  # noqa: ANN401 - those of Repairer
    return Repairer(ids=Ids(), clock=lambda: 1_777_000_009.5, **options)


def repaired(data: bytes, *cuts: int, **options: Any) -> tuple[bytes, list[Mend]]:  # noqa: ANN401 - those of Repairer
    """Return `data` mended, fed in pieces that end at `cuts`, and what was mended."""
    mending = repairer(**options)
    out = b"".join(mending.feed(data[a:b]) for a, b in pairwise([0, *sorted(cuts), len(data)]))
    return out + mending.close(), mending.mends


def sse(events: list[Event], *, done: bool = True) -> bytes:
    frames = [
        b"event: %b\ndata: %b\n\n" % (str(event.get("type", "")).encode().replace(b"\n", b""), encode_plain(event))
        for event in events
    ]
    return b"".join(frames) + (b"data: [DONE]\n\n" if done else b"")


def plain(data: bytes) -> list[Event]:
    """Return the events in SSE bytes that came out of a repairer."""
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


def errors(data: bytes, *, request: CreateResponse | None = None, transport: str | None = None) -> list[Finding]:
    found = lint(data, request=request, transport=transport)
    return [finding for finding in found if finding.level is Level.ERROR]


def codes(mends: list[Mend]) -> list[str]:
    return [mend.code for mend in mends]


def assert_mended(data: bytes, out: bytes) -> None:
    """Hold what holds of every stream: no errors, an end, and nothing more to mend."""
    assert errors(out) == []
    events = plain(out)
    assert events[-1]["type"] in ("response.completed", "response.failed", "response.incomplete"), events[-1]
    again, mends = repaired(out)
    assert again == out
    assert mends == []
    del data


def told(data: bytes) -> dict[str, Any]:
    """Return what a stream says, folded by a tolerant reader: text, calls, reasoning."""
    reader = ResponseReader(strict=False)
    for event in read_events(data, dialect=dialect_by_name("openai"), on_error=lambda _: None):
        reader.feed(event)
    response = reader.response
    assert response is not None
    return {
        "text": response.output_text,
        "refusal": response.refusal,
        "calls": [(call.call_id, call.name, call.arguments) for call in response.function_calls],
        "summary": response.reasoning_summary,
        "reasoning": [
            [part_text(part) for part in item.content]
            for item in response.output
            if isinstance(item, ReasoningItem) and isinstance(item.content, list)
        ],
        "items": len(response.output),
    }
