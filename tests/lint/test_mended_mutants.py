"""Whatever is broken in a stream: repair leaves no error, loses no text, and claims no more than was said.

One mutant of every class is tried in a normal run, all of them by `make mutants`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from penstock.lint.repair import Mend
from penstock.stream.fold import whole_text
from penstock.wire.codec import decode_json_object
from penstock.wire.errors import JSONError
from tests.lint.mutations import Mutant, chosen
from tests.lint.repairing import codes, errors, plain, repaired

COMPLETED = "response.completed"
# Where two sources of one text disagree, what was sent already stands, and this is told.
CONTRADICTED = {"OR110", "OR306", "OR310", "OR501", "OR502", "OR503", "OR504", "OR603"}

Mended = tuple[str, Mutant, bytes, list[Mend]]


@cache
def mended() -> list[Mended]:
    return [(stream, mutant, *repaired(mutant.data)) for stream, mutant in chosen(1)]


def objects(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the events of a broken stream that can be read at all, before any `[DONE]`."""
    for line in data.splitlines():
        if line.startswith(b"data:") and line.strip() != b"data: [DONE]":
            try:
                yield decode_json_object(line[5:].strip())
            except JSONError:
                continue


def said(data: bytes) -> str:
    """Return all texts and arguments of a stream: those of its deltas joined by place, and those told as a whole."""
    places: dict[tuple[object, ...], str] = {}
    for event in plain(data):
        if isinstance(event.get("delta"), str):
            key = tuple(event.get(name) for name in ("output_index", "content_index", "summary_index"))
            places[key] = places.get(key, "") + event["delta"]
    return json.dumps([list(places.values()), plain(data)[:-1]], ensure_ascii=False)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def test_no_error_is_left() -> None:
    assert [(stream, mutant.name, errors(out)) for stream, mutant, out, _ in mended() if errors(out)] == []


def test_there_is_nothing_to_mend_a_second_time() -> None:
    assert [(stream, mutant.name) for stream, mutant, out, _ in mended() if repaired(out) != (out, [])] == []


def test_a_stream_is_changed_only_where_that_is_told() -> None:
    silent = [
        (stream, mutant.name)
        for stream, mutant, out, mends in mended()
        if not mends and list(objects(mutant.data)) != plain(out)
    ]
    assert silent == []


def test_no_text_is_lost() -> None:
    lost = []
    for stream, mutant, out, mends in mended():
        kept = said(out)
        told = set(codes(mends))
        for event in objects(mutant.data):
            name = str(event.get("type"))
            delta = event.get("delta")
            # Arguments that come after their call is done are the one text that is only reported.
            is_late = name == "response.function_call_arguments.delta" and "OR306" in told
            if (
                name.endswith(".delta")
                and isinstance(delta, str)
                and not is_late
                and quoted(whole_text(delta)) not in kept
            ):
                lost.append((stream, mutant.name, delta))
            for key in ("text", "refusal", "arguments"):
                text = event.get(key)
                if name.endswith(".done") and isinstance(text, str) and quoted(text) not in kept:
                    assert told & CONTRADICTED, (stream, mutant.name, text)
    assert lost == []


def says_completed(event: dict[str, Any]) -> bool:
    response = event.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    return event.get("type") == COMPLETED or status == "completed"


def test_only_what_was_completed_is_said_to_be() -> None:
    claimed = [
        (stream, mutant.name)
        for stream, mutant, out, _ in mended()
        if plain(out)[-1]["type"] == COMPLETED
        and not any(map(says_completed, objects(mutant.data)))
        # Of an event whose frame is damaged, the name may still be read.
        and b'"type":"response.completed"' not in mutant.data
    ]
    assert claimed == []


def test_every_stream_has_its_end() -> None:
    ends = {"response.completed", "response.failed", "response.incomplete"}
    assert {plain(out)[-1]["type"] for _, _, out, _ in mended()} == ends
