"""The few events of a rule's examples that show what it is about, for its page and for `penstock rule`.

The bad and the good stream are compared event by event; what differs is shown, with the event before, and long objects
are cut down to what matters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.lint.examples import Example
from penstock.lint.findings import Finding
from penstock.lint.linter import Linter
from penstock.lint.rule import FrameRule, Rule
from penstock.spec.request import CreateResponse
from penstock.wire.codec import decode_object, encode_plain
from penstock.wire.wording import is_object

__all__ = ["GAP", "Shown", "shown_examples"]

GAP: Final = "..."
"""Stands for events that are not shown, and for fields that are not."""
_MOST: Final = 3
"""How many events are shown of those that differ."""
_NUMBER: Final = re.compile(rb'"sequence_number":\d+')
# What of a response snapshot is always shown; of the rest only what differs.
_RESPONSE_KEYS: Final = ("id", "status")


class Shown(Struct, frozen=True):
    """What to show of a rule: lines of the bad stream and of the good one; what is said of the bad one.

    The notes tell how a stream is judged where that is not plain: the request, the dialect.
    """

    bad: Sequence[str]
    good: Sequence[str]
    message: str
    bad_note: str = ""
    good_note: str = ""


def shown_examples(rule: type[Rule]) -> Shown:
    """Return what to show of a rule's examples."""
    bad, good = rule.bad, rule.good
    found = [finding for finding in judged(bad) if finding.code == rule.code]
    twin = replace(bad, edits=(), framing=None, done=True)
    # Two unlike streams cannot be compared; then the bad one is, with what it was made of.
    same = good if (good.base, good.request, good.queued) == (bad.base, bad.request, bad.queued) else twin
    if same is twin and twin.data() == bad.data():
        # Nothing was done to the bad stream: it is the request, or how it is judged, that makes it bad.
        same = good
    bad_blocks, good_blocks = _blocks(bad), _blocks(same)
    events = [at for finding in found for at in (finding.related, finding.event) if at is not None]
    events = [min(at, len(bad_blocks) - 1) for at in events]
    bad_at, good_at = _places(bad_blocks, good_blocks, events)
    if same.request != bad.request:
        # The two differ where they repeat the request; the events that answer it are what matters.
        good_at = sorted({*good_at, *_alike(good_blocks, [bad_blocks[at] for at in events])})
    paths = [finding.path for finding in found]
    keys = _RESPONSE_KEYS + tuple(_response_keys(bad_blocks, bad_at, good_blocks, good_at, paths))
    framed = issubclass(rule, FrameRule)
    return Shown(
        bad=list(_lines(bad_blocks, bad_at, keys, framed=framed)),
        good=list(_lines(good_blocks, good_at, keys, framed=framed)),
        message=found[0].message if found else "",
        bad_note=_note(bad),
        good_note=_note(same),
    )


def judged(example: Example) -> Sequence[Finding]:
    """Return the findings of an example."""
    request = None
    if example.request is not None:
        request = decode_object(CreateResponse, encode_plain(dict(example.request)), tolerant=False)
    linter = Linter(
        dialect=example.dialect,
        resumed=example.resumed,
        transport=example.transport,
        content_type=example.content_type,
        request=request,
    )
    linter.feed(example.data())
    linter.finish()
    return linter.findings


def _note(example: Example) -> str:
    words: list[str] = []
    if example.request is not None:
        words.append(f"The request: {encode_plain(dict(example.request)).decode()}")
    if example.content_type is not None:
        words.append(f"The content type: {example.content_type}")
    if example.dialect != "openresponses":
        words.append(f"Judged with --dialect {example.dialect}")
    return "; ".join(words)


def _blocks(example: Example) -> list[bytes]:
    """Return the stream in its blocks, or its lines where it has none."""
    data = example.data()
    parts = data.split(b"\n\n") if example.transport == "sse" else data.split(b"\n")
    return [part for part in parts if part]


def _places(bad: Sequence[bytes], good: Sequence[bytes], events: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return which blocks of each stream to show; `events` are those the finding is about."""
    ours, theirs = ([_NUMBER.sub(b"", block) for block in blocks] for blocks in (bad, good))
    if ours == theirs:
        ours, theirs = list(bad), list(good)
    spans = [span for span in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes() if span[0] != "equal"]
    if not spans:
        at = sorted({*events} or {len(bad) - 1})
        return at, at
    spans = [span for span in spans if any(span[1] <= at <= span[2] for at in events)] or spans
    _, bad_from, bad_to, good_from, good_to = spans[0]
    # Where something is missing, what stands on both sides of it shows where.
    after = bad_from == bad_to or good_from == good_to
    bad_at = {*_some(bad_from, bad_to + after, len(bad)), *events}
    return sorted(bad_at), list(_some(good_from, good_to + after, len(good)))


def _alike(blocks: Sequence[bytes], wanted: Sequence[bytes]) -> Iterator[int]:
    """Yield the first block of each type that one of `wanted` has."""
    types = {event["type"] for event in map(_event, wanted) if event is not None}
    for at, event in enumerate(map(_event, blocks)):
        if event is not None and event["type"] in types:
            types.remove(event["type"])
            yield at


def _some(begin: int, end: int, size: int) -> range:
    """Return the first places of a span, with the one before it."""
    return range(max(begin - 1, 0), min(end, begin + _MOST, size))


def _event(block: bytes) -> dict[str, object] | None:
    _, _, data = block.rpartition(b"data: ")
    try:
        event: object = json.loads(data)
    except ValueError:
        return None
    return event if is_object(event) else None


def _response_keys(
    bad: Sequence[bytes], bad_at: Sequence[int], good: Sequence[bytes], good_at: Sequence[int], paths: Sequence[str]
) -> Iterator[str]:
    """Yield the keys of response snapshots that differ between the streams, and those findings are about."""
    right = {event["type"]: event for event in (_event(good[at]) for at in good_at) if event and "type" in event}
    for at in bad_at:
        event = _event(bad[at])
        if event is None:
            continue
        response, other = event.get("response"), right.get(event.get("type"), {}).get("response")
        if is_object(response) and is_object(other):
            yield from (key for key in {**response, **other} if response.get(key, GAP) != other.get(key, GAP))
    for path in paths:
        first, _, rest = path.partition(".")
        if first == "response":
            yield re.split(r"[.\[]", rest)[0]


def _lines(blocks: Sequence[bytes], places: Sequence[int], keys: Sequence[str], *, framed: bool) -> Iterator[str]:
    last = -1
    for at in places:
        if at > last + 1:
            yield GAP
        elif framed and at:
            yield ""
        last = at
        head, mark, _ = blocks[at].rpartition(b"data: ")
        event = _event(blocks[at])
        if event is None or b"data: " in head:
            yield from blocks[at].decode("utf-8", "backslashreplace").split("\n")
        else:
            if framed:
                yield from head.decode("utf-8", "backslashreplace").splitlines()
            yield (mark.decode() if framed else "") + _short(event, keys)
    if last + 1 < len(blocks):
        yield GAP


def _short(event: Mapping[str, object], keys: Sequence[str]) -> str:
    """Return an event as JSON, its response cut down to `keys`."""
    response = event.get("response")
    if not is_object(response):
        return _json(event)
    kept = {key: response[key] for key in response if key in keys}
    text = _json({**event, "response": kept})
    return text if len(kept) == len(response) else text.replace(_json(kept), _json(kept)[:-1] + f", {GAP}}}", 1)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
