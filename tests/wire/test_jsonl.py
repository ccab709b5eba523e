from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import Extra
from penstock.spec.events import ExtensionEvent
from penstock.wire.codec import EventCodec
from penstock.wire.dialects import openai
from penstock.wire.errors import FramingError, JSONError, ShapeError, WireError
from penstock.wire.jsonl import JSONLDecoder, JSONLEncoder, aread_jsonl, read_jsonl
from penstock.wire.sse import read_sse
from tests.wire.cuts import (
    Places,
    asynchronously,
    cut_at,
    cuts,
    drain,
    fault,
    needs_recordings,
    recordings,
    same_however_cut,
)
from tests.wire.samples import EVENTS, STANDARD, text_delta

LINE = JSONLEncoder().encode(text_delta())
WHOLE = b"".join(map(JSONLEncoder().encode, EVENTS))
BOM = b"\xef\xbb\xbf"


def test_a_line_is_one_event() -> None:
    assert WHOLE.count(b"\n") == len(EVENTS)
    assert (EventCodec().encode(text_delta()) or b"") + b"\n" == LINE


@pytest.mark.parametrize(
    "data",
    [
        WHOLE,
        WHOLE.replace(b"\n", b"\r\n"),
        WHOLE.replace(b"\n", b"\n\n \t\n"),
        WHOLE.replace(b"\n", b"\r\n\r\n"),
        WHOLE.replace(b"\n", b" \n "),
        WHOLE.removesuffix(b"\n"),
        BOM + WHOLE,
    ],
    ids=["LF", "CRLF", "blank lines", "blank CRLF", "spaces", "no last line end", "BOM"],
)
def test_events_are_read_however_the_recording_is_cut(data: bytes) -> None:
    assert same_however_cut(JSONLDecoder, data) == (EVENTS, None)


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n", b" ", BOM, b"[DONE]\n"])
def test_a_recording_of_nothing_has_no_events(data: bytes) -> None:
    assert same_however_cut(JSONLDecoder, data) == ([], None)


def test_a_sentinel_ends_a_recording_too() -> None:
    decoder = JSONLDecoder()
    assert drain(decoder, [LINE + b"[DONE]\n" + LINE]) == ([text_delta()], None)
    assert (decoder.done, decoder.frames_after_done) == (True, 1)
    assert list(read_jsonl([LINE + b"[DONE]\n" + LINE])) == [text_delta()]


def test_other_line_ends_of_unicode_split_nothing() -> None:
    event = text_delta(1, "a\u2028b\u2029c\u0085d")
    assert list(read_jsonl(JSONLEncoder().encode(event))) == [event]


@pytest.mark.parametrize(
    ("damaged", "kind"),
    [
        (b"{\n", JSONError),
        (b"[]\n", JSONError),
        (b'{"type":"response.output_text.delta"}\n', ShapeError),
        (b'{"a":"\xff"}\n', JSONError),
    ],
)
def test_damage_is_told_with_its_place_after_the_events_before_it(damaged: bytes, kind: type[WireError]) -> None:
    events, error = same_however_cut(JSONLDecoder, LINE * 2 + b"\n" + damaged + LINE)
    assert events == [text_delta()] * 2
    assert type(error) is kind
    assert error is not None
    assert (error.offset, error.frame) == (len(LINE) * 2 + 1, damaged.rstrip())


def test_with_on_error_reading_goes_on() -> None:
    reported: list[WireError] = []
    assert list(read_jsonl(LINE + b"{\n" + LINE + b"]", on_error=reported.append)) == [text_delta()] * 2
    assert [error.offset for error in reported] == [len(LINE), len(LINE) * 2 + 2]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n" + LINE])
def test_a_line_over_the_limit_is_refused_however_it_is_cut(end: bytes) -> None:
    data = b'{"type":"acme:a"}\n{"type":"acme:ab"}' + end
    for chunks in cuts(data):
        events, error = drain(JSONLDecoder(max_line=17), chunks)
        assert [event.event_type for event in events] == ["acme:a"]
        assert isinstance(error, FramingError)
        assert error.offset == 18


def test_messages_of_a_client_are_no_events() -> None:
    decoder = JSONLDecoder()
    data = b'{"type":"response.create","model":"m"}\n' + LINE + b'{"type":"response.create"}\n{'
    events, error = drain(decoder, [data])
    assert events == [text_delta()]
    assert isinstance(error, JSONError)
    assert decoder.client_messages == 2


def test_a_dialect_is_written_and_read() -> None:
    encoder = JSONLEncoder(openai())
    assert encoder.encode(EVENTS[len(STANDARD)]) == b""
    data = b"".join(map(encoder.encode, STANDARD))
    assert b"response.reasoning_text.delta" in data
    assert len(list(read_jsonl(data, dialect=openai()))) == len(STANDARD)


def test_the_asynchronous_reader_reads_the_same() -> None:
    async def collect() -> list[object]:
        return [event async for event in aread_jsonl(asynchronously(cut_at(WHOLE, range(0, len(WHOLE), 7))))]

    assert asyncio.run(collect()) == EVENTS


@given(
    st.lists(st.sampled_from([LINE, b"\n", b"\r\n", b"{}", b"{", b" ", BOM, b"[DONE]\n"]), max_size=10).map(b"".join)
    | st.binary(max_size=50),
    Places,
)
def test_cuts_never_matter(data: bytes, places: list[int]) -> None:
    whole, error = drain(JSONLDecoder(max_line=200), [data])
    again, other = drain(JSONLDecoder(max_line=200), cut_at(data, places))
    assert (again, fault(other)) == (whole, fault(error))


def test_an_extension_event_keeps_its_fields() -> None:
    event = ExtensionEvent(fields=Extra({"type": "acme:x", "deep": [{"a": None}]}))
    assert list(read_jsonl(JSONLEncoder().encode(event))) == [event]


@needs_recordings
@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_recordings_survive_the_way_through_lines(path: Path) -> None:
    events = list(read_sse(path.read_bytes()))
    data = b"".join(map(JSONLEncoder().encode, events))
    for size in (len(data), 4096, 11):
        assert list(read_jsonl(data[at : at + size] for at in range(0, len(data), size))) == events
