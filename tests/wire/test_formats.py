from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.events import ResponseEvent
from penstock.wire.codec import encode_object, to_plain
from penstock.wire.dialects import vtcode
from penstock.wire.errors import FramingError, JSONError, ShapeError, WireError
from penstock.wire.formats import (
    AnyDecoder,
    Beginning,
    DocumentDecoder,
    Format,
    aread_events,
    detect_format,
    read_events,
)
from penstock.wire.jsonl import JSONLEncoder
from penstock.wire.sse import SSEEncoder
from tests.wire.cuts import (
    Places,
    acollect,
    asynchronously,
    collect,
    cut_at,
    cuts,
    drain,
    fault,
    needs_recordings,
    recordings,
    same_however_cut,
)
from tests.wire.samples import EVENTS, response, text_delta

SSE = b"".join(map(SSEEncoder().encode, EVENTS)) + SSEEncoder().done()
JSONL = b"".join(map(JSONLEncoder().encode, EVENTS))
PLAIN = [to_plain(event) for event in EVENTS]
ARRAY = json.dumps(PLAIN).encode()
INDENTED = json.dumps(PLAIN, indent=2).encode()
BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (SSE, Format.SSE),
        (SSE.replace(b"\n", b"\r\n"), Format.SSE),
        (b": ping\n\n" + SSE, Format.SSE),
        (b":\n\n" + SSE, Format.SSE),
        (b"retry: 5\n\n" + SSE, Format.SSE),
        (b"id: 5\n\n" + SSE, Format.SSE),
        (b"data\n\n", Format.SSE),
        (b"data", Format.SSE),
        (b"\r\n\r\n" + SSE, Format.SSE),
        (BOM + SSE, Format.SSE),
        (JSONL, Format.JSONL),
        (JSONL.replace(b"\n", b"\r\n"), Format.JSONL),
        (b" \n" + JSONL, Format.JSONL),
        (BOM + JSONL, Format.JSONL),
        (b'{"type":"response.create","model":"m"}\n' + JSONL, Format.JSONL),
        (JSONL.split(b"\n", 1)[0], Format.JSONL),
        (JSONL[:100], Format.JSONL),
        (b'{"type":"x",}\n' + JSONL, Format.JSONL),
        # Whatever else it has, what has a type is an event.
        (b'{"type":"upstream:note","object":"response"}\n' + JSONL, Format.JSONL),
        (ARRAY, Format.DOCUMENT),
        (BOM + b"\n " + INDENTED, Format.DOCUMENT),
        (encode_object(response("completed")), Format.DOCUMENT),
        (json.dumps(PLAIN[0], indent=1).encode(), Format.DOCUMENT),
        (b'{"a":1}\n', Format.DOCUMENT),
    ],
)
def test_the_content_tells_the_format(data: bytes, format_: Format) -> None:
    assert detect_format(data, final=True) is format_
    told = {detect_format(data[:size]) for size in range(min(len(data), 5000))}
    assert told <= {None, format_}
    for chunks in cuts(data[:3000]):
        decoder = AnyDecoder(on_error=lambda error: None)
        drain(decoder, chunks)
        assert decoder.format is detect_format(data[:3000], final=True)


@pytest.mark.parametrize(
    "head", [b"", b" ", b"\n\r\t", BOM[:1], BOM[:2], BOM, b"e", b"even", b"dat", b"{", b'{"type":']
)
def test_too_little_tells_nothing(head: bytes) -> None:
    assert detect_format(head) is None


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html>",
        b"events: x",
        b"even\n",
        b"dat\r",
        b"dat",
        b"hello",
        b"0",
        b'"a"',
        b"\x1f\x8b",
        BOM[:2],
        b"i x",
    ],
)
def test_what_is_neither_is_an_error_that_shows_it(data: bytes) -> None:
    with pytest.raises(FramingError, match="neither server-sent events nor JSON") as caught:
        detect_format(data, final=True)
    assert caught.value.frame == data
    events, error = same_however_cut(AnyDecoder, b"\n\n" + data)
    assert events == []
    assert error is not None
    assert error.offset == 2


@pytest.mark.parametrize(
    "data", [SSE, JSONL, ARRAY, INDENTED, BOM + JSONL, b"\n\n" + SSE], ids=lambda data: repr(data[:9])
)
def test_events_are_read_in_any_format_however_cut(data: bytes) -> None:
    assert same_however_cut(AnyDecoder, data) == (EVENTS, None)
    assert list(read_events(data)) == EVENTS


@pytest.mark.parametrize("data", [b"", b" \n", BOM, b"[]", b" [ ] \n"])
def test_nothing_comes_of_nothing(data: bytes) -> None:
    assert same_however_cut(AnyDecoder, data) == ([], None)
    assert drain(DocumentDecoder(), [data]) == ([], None)


def test_white_space_is_not_waited_through_for_ever() -> None:
    with pytest.raises(FramingError, match="white space"):
        detect_format(b" " * 70_000)
    with pytest.raises(FramingError, match="white space"):
        list(read_events([b"\n" * 10_000] * 10))


def test_a_first_line_is_not_waited_for_beyond_the_limit() -> None:
    events, error = drain(AnyDecoder(max_frame=1000), [b'{"type": ' + b" " * 91] * 11)
    assert (events, fault(error)) == ([], (FramingError, "a line of more than 1000 bytes", 0))


@pytest.mark.parametrize("data", [SSE, JSONL, ARRAY, INDENTED, b"\n\n" + JSONL, b"{}", b"data", b"", b" "])
def test_the_beginning_is_held_back_until_it_tells_the_format(data: bytes) -> None:
    data = data[:1000]
    for chunks in cuts(data):
        beginning = Beginning()
        for number, chunk in enumerate(chunks):
            found = beginning.take(chunk)
            if beginning.format is not None:
                assert found == b"".join(chunks[: number + 1])
                break
            assert found == b""
        else:
            found = beginning.take(b"", final=True)
            assert found == (data if beginning.format is not None else b"")
        assert beginning.format is detect_format(data, final=True)


def test_a_line_in_one_piece_is_held_to_the_limit_too() -> None:
    with pytest.raises(FramingError, match="a line of more than 10 bytes") as caught:
        Beginning(max_line=10).take(b"\n\n" + b'{"type": "x')
    assert caught.value.offset == 2


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_server_sent_events_are_told_by_their_first_bytes_whatever_ends_a_line(end: bytes, size: int) -> None:
    data = SSE.replace(b"\n", end)
    decoder = AnyDecoder()
    decoder.feed(data[:100])
    assert decoder.format is Format.SSE
    assert list(read_events([data[at : at + size] for at in range(0, len(data), size)])) == EVENTS
    longest = max(map(len, data.split(end + end)))
    for chunks in ([data], [data[at : at + 100] for at in range(0, len(data), 100)]):
        assert list(read_events(chunks, max_frame=longest)) == EVENTS


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_blank_lines_before_the_content_count_for_no_limit(end: bytes) -> None:
    for content in (SSE, JSONL):
        data = end * 300 + content
        limit = max(map(len, content.splitlines())) + (300 if end == b"\r" and content is JSONL else 0)
        assert list(read_events([data], max_frame=limit * 2)) == EVENTS
        assert list(read_events([data[at : at + 1] for at in range(len(data))], max_frame=limit * 2)) == EVENTS
    for start in (b"data: ", b'{"type": "'):
        for chunks in cuts(b"\n" * 10 + start + b"x" * 20):
            _, error = drain(AnyDecoder(max_frame=10), chunks)
            assert fault(error) == (FramingError, "a line of more than 10 bytes", 10)


@pytest.mark.parametrize("blank", [b"\n", b"\r", b"\r\n", b" "])
def test_white_space_is_not_waited_through_beyond_the_limit(blank: bytes) -> None:
    for chunks in cuts(blank * 11 + b"\ndata: 1\n\n"):
        _, error = drain(AnyDecoder(max_frame=10), chunks)
        assert fault(error) == (FramingError, "nothing but white space in the first 10 bytes", 0)
    with pytest.raises(FramingError, match="white space"):
        detect_format(blank * 70_000 + b"data: 1")


def test_done_ends_the_reading_in_every_format() -> None:
    decoder = AnyDecoder()
    drain(decoder, [SSE + SSE])
    assert decoder.done
    assert decoder.frames_after_done == len(EVENTS) + 1
    assert list(read_events([SSE, SSE])) == EVENTS


def test_the_limit_of_a_document_holds() -> None:
    for chunks in cuts(ARRAY):
        events, error = drain(AnyDecoder(max_frame=1000), chunks)
        assert events == []
        assert isinstance(error, FramingError)


@pytest.mark.parametrize(
    ("status", "event_type"),
    [
        ("completed", "response.completed"),
        ("failed", "response.failed"),
        ("incomplete", "response.incomplete"),
        ("queued", "response.queued"),
        ("in_progress", "response.in_progress"),
        ("strange", "response.in_progress"),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_response_is_told_as_the_event_of_its_state(status: str, event_type: str, indent: int | None) -> None:
    snapshot = response(status)
    (event,), error = same_however_cut(AnyDecoder, json.dumps(to_plain(snapshot), indent=indent).encode())
    assert error is None
    assert event.event_type == event_type
    assert isinstance(event, ResponseEvent)
    assert event.response == snapshot


def test_a_document_may_be_a_single_event() -> None:
    assert list(read_events(json.dumps(PLAIN[5], indent=2).encode())) == [EVENTS[5]]


def test_a_document_is_read_in_a_dialect() -> None:
    plain = {"object": "response", "id": "r", "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "status": "completed", "content": "Hm."}]}  # fmt: skip
    (event,) = read_events(json.dumps(plain).encode(), dialect=vtcode())
    assert isinstance(event, ResponseEvent)
    assert to_plain(event.response.output[0]) == {
        "type": "reasoning", "id": "rs_1", "status": "completed", "content": [{"type": "reasoning_text", "text": "Hm."}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kind", "offset"),
    [
        (b" [1, 2", JSONError, 1),
        (b"[1]", JSONError, 1),
        (b'[{"type":"acme:x"} , {"type":"response.output_text.delta"}]', ShapeError, 21),
        (b'["\xff"]', JSONError, 1),
        (b"[" * 100_000, JSONError, 0),
        (b'{"a":\n1', JSONError, 0),
        (b'{"error":{"message":"no"}}', ShapeError, 0),
        (b'{"a":1}{"b":2}\n', JSONError, 0),
    ],
)
def test_a_damaged_document_is_told_with_its_place(data: bytes, kind: type[WireError], offset: int) -> None:
    _, error = drain(AnyDecoder(), [data])
    assert type(error) is kind
    assert error is not None
    assert error.offset == offset


def test_with_on_error_the_rest_of_an_array_is_read() -> None:
    reported: list[WireError] = []
    data = b"[1," + json.dumps(PLAIN[0]).encode() + b"]"
    assert list(read_events(data, on_error=reported.append)) == [EVENTS[0]]
    assert [error.offset for error in reported] == [1]


@pytest.mark.parametrize("data", [SSE, JSONL, ARRAY, b"[" + json.dumps(PLAIN[0]).encode() + b",1]"])
def test_the_asynchronous_reader_does_the_same(data: bytes) -> None:
    chunks = [data[at : at + 7] for at in range(0, len(data), 7)]
    events, error = collect(read_events(chunks))
    again, other = asyncio.run(acollect(aread_events(asynchronously(chunks))))
    assert events
    assert (again, fault(other)) == (events, fault(error))


@given(
    st.sampled_from([b"", BOM, b"\n", b"{", b"[", b"data"]),
    st.lists(
        st.sampled_from([SSEEncoder().encode(text_delta()), JSONLEncoder().encode(text_delta()), b"{", b"}", b"\n"]),
        max_size=4,
    ).map(b"".join)
    | st.binary(max_size=40),
    Places,
)
def test_cuts_never_matter(start: bytes, rest: bytes, places: list[int]) -> None:
    whole, error = drain(AnyDecoder(), [start + rest])
    again, other = drain(AnyDecoder(), cut_at(start + rest, places))
    assert (again, fault(other)) == (whole, fault(error))


@needs_recordings
@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_recordings_are_told_and_read_in_every_format(path: Path) -> None:
    data = path.read_bytes()
    events = list(read_events(data[at : at + 1000] for at in range(0, len(data), 1000)))
    assert events
    assert list(read_events(b"".join(map(JSONLEncoder().encode, events)))) == events
    assert list(read_events(json.dumps([to_plain(event) for event in events]).encode())) == events
