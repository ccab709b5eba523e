from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import UNSET, Extra
from penstock.spec.events import (
    ExtensionEvent,
    FunctionCallArgumentsDelta,
    OutputTextDelta,
    ReasoningDelta,
    ReasoningSummaryTextDelta,
    RefusalDelta,
    ResponseStreamEvent,
)
from penstock.wire.blocks import Blocks, Frame
from penstock.wire.codec import EventCodec
from penstock.wire.decoder import MAX_FRAME_BYTES
from penstock.wire.dialects import Dialect, openai, openresponses, vtcode
from penstock.wire.errors import FramingError, JSONError, ShapeError, WireError
from penstock.wire.sse import MAX_LINE_BYTES, Run, SSEDecoder, SSEEncoder, SSEEventDecoder, aread_sse, read_sse
from penstock.wire.template import DeltaEvent, DeltaTemplate
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
from tests.wire.samples import EVENTS, STANDARD, text_delta

BOM = b"\xef\xbb\xbf"
DELTA = SSEEncoder().encode(text_delta())
WHOLE = b"".join(map(SSEEncoder().encode, EVENTS)) + SSEEncoder().done()


def frames_of(data: bytes, *, all_blocks: bool = False) -> list[Frame]:
    """What the decoder makes of `data`, having seen that the cut does not matter."""
    whole = SSEDecoder(all_blocks=all_blocks)
    expected = whole.feed(data) + whole.flush()
    for chunks in cuts(data):
        decoder = SSEDecoder(all_blocks=all_blocks)
        assert [*itertools.chain.from_iterable(map(decoder.feed, chunks)), *decoder.flush()] == expected
    return expected


def frames_until_damage(decoder: SSEDecoder, chunks: list[bytes]) -> tuple[list[Frame], FramingError | None]:
    found: list[Frame] = []
    try:
        for chunk in chunks:
            found += decoder.feed(chunk)
        found += decoder.flush()
    except FramingError as error:
        return found, error
    return found, decoder.error


def by_runs(decoder: SSEDecoder, chunks: list[bytes]) -> tuple[list[Frame], FramingError | None]:
    """What `frames_until_damage` finds, by way of runs of frames; each has its own bytes."""
    frames: list[Frame] = []
    whole = b"".join(chunks)
    try:
        for chunk in chunks:
            for found in decoder.feed_runs(chunk):
                if isinstance(found, Run):
                    assert whole[found.offset :].startswith(found.data)
                    frames += found.frames()
                    assert frames[-1].offset + frames[-1].size == found.offset + len(found.data)
                else:
                    frames.append(found)
        frames += decoder.flush()
    except FramingError as error:
        return frames, error
    return frames, None


def brief(data: bytes, *, all_blocks: bool = False) -> list[tuple[str | None, bytes]]:
    return [(frame.event, frame.data) for frame in frames_of(data, all_blocks=all_blocks)]


# ------------------------------------------------------------------------------------------ frames: what is allowed


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_is_read(end: bytes) -> None:
    data = b"event: a\ndata: 1\n\ndata: 2\n\nevent: b\ndata: 3\ndata: 4\n\n".replace(b"\n", end)
    assert brief(data) == [("a", b"1"), (None, b"2"), ("b", b"3\n4")]


def test_line_ends_may_be_mixed() -> None:
    assert brief(b"event: a\r\ndata: 1\r\rdata: 2\n\r\ndata: 3\n\n") == [("a", b"1"), (None, b"2"), (None, b"3")]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"data:1\n\n", (None, b"1")),
        (b"data:  1\n\n", (None, b" 1")),
        (b"data\n\n", (None, b"")),
        (b"data\ndata\n\n", (None, b"\n")),
        (b"data:\n\n", (None, b"")),
        (b"event:a\ndata:1\n\n", ("a", b"1")),
        (b"data: 1\nevent: a\n\n", ("a", b"1")),
        (b"event: a\nevent: b\ndata: 1\n\n", ("b", b"1")),
        (b"unknown: x\nDATA: y\n data: z\ndata: 1\n\n", (None, b"1")),
        (b": comment\ndata: 1\n:\n\n", (None, b"1")),
        (b"data: a: b\n\n", (None, b"a: b")),
        (b"\n\n\ndata: 1\n\n\n\n", (None, b"1")),
        (b"unknown \xff\ndata: 1\n\n", (None, b"1")),
    ],
)
def test_fields_are_read_as_the_standard_says(block: bytes, expected: tuple[str | None, bytes]) -> None:
    assert brief(block) == [expected]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c"])
def test_other_line_ends_of_unicode_split_nothing(character: str) -> None:
    data = f"event: a{character}b\ndata: 1{character}2\n\n".encode()
    assert brief(data) == [(f"a{character}b", f"1{character}2".encode())]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BOM + b"data: 1\n\n", [b"1"]),
        (BOM + b"\n\ndata: 1\n\n", [b"1"]),
        (BOM + b": hello\n\ndata: 1\n\n", [b"1"]),
        (BOM + BOM + b"data: 1\n\ndata: 2\n\n", [b"2"]),
        (BOM + b"event: a\n" + BOM + b"data: 1\ndata: 2\n\n", [b"2"]),
        (b"\n" + BOM + b"data: 1\n\ndata: 2\n\n", [b"2"]),
    ],
)
def test_one_leading_byte_order_mark_is_ignored(data: bytes, expected: list[bytes]) -> None:
    assert [frame.data for frame in frames_of(data)] == expected


def test_the_block_after_a_byte_order_mark_begins_behind_it() -> None:
    assert frames_of(BOM + b"data: 1\n\n")[0].offset == 3


def test_id_and_retry_are_read() -> None:
    (frame,) = frames_of(b"id: 7\nretry: 3000\ndata: 1\n\n")
    assert (frame.id, frame.retry) == ("7", 3000)


@pytest.mark.parametrize("field", [b"id: a\0b", b"retry: 1s", b"retry:", b"retry: -1", b"retry: " + b"9" * 5000])
def test_an_id_with_a_null_and_a_retry_that_is_no_number_are_ignored(field: bytes) -> None:
    (frame,) = frames_of(field + b"\ndata: 1\n\n")
    assert (frame.id, frame.retry) == (None, None)


def test_blocks_without_data_are_told_only_when_asked_for() -> None:
    data = b": ping\n\nretry: 5\n\nevent: a\n\ndata: 1\n\n"
    assert brief(data) == [(None, b"1")]
    assert brief(data, all_blocks=True) == [(None, b""), (None, b""), ("a", b""), (None, b"1")]


def test_comments_are_kept_only_when_asked_for() -> None:
    data = b": ping\n:pong\n:\ndata: 1\n\n"
    assert frames_of(data)[0].comments == ()
    assert frames_of(data, all_blocks=True)[0].comments == (b"ping", b"pong", b"")


@pytest.mark.parametrize(
    "data", [b"data: 1\ndata: 2", b"data: 1\ndata: 2\n", b"data: 1\r\ndata: 2\r\n", b"data: 1\rdata: 2\r"]
)
def test_a_block_without_its_blank_line_comes_with_the_end(data: bytes) -> None:
    decoder = SSEDecoder()
    assert decoder.feed(data) == []
    (frame,) = decoder.flush()
    assert (frame.data, frame.terminated, frame.size) == (b"1\n2", False, len(data))
    assert decoder.flush() == []
    assert frames_of(data) == [frame]


@pytest.mark.parametrize("data", [b"", b"\n", b": ping\n\n", b"event: a", b"event: a\n", BOM, b"\xef\xbb", b"\r"])
def test_nothing_comes_of_a_stream_that_says_nothing(data: bytes) -> None:
    assert frames_of(data) == []


def test_offset_and_size_tell_the_bytes_of_each_frame() -> None:
    data = b": ping\n\nevent: a\ndata: 1\n\n\n\ndata: 2\n\ndata: 3\ndata: 4\n\n"
    shown = [data[frame.offset : frame.offset + frame.size] for frame in frames_of(data)]
    assert shown == [b"event: a\ndata: 1\n\n", b"data: 2\n\n", b"data: 3\ndata: 4\n\n"]


def test_the_last_lf_of_a_crlf_belongs_to_no_frame() -> None:
    # The CR ends the block already, and whoever waits for it gets it then.
    first, second = frames_of(b"data: 1\r\n\r\ndata: 2\r\n\r\n")
    assert (first.offset, first.size) == (0, 10)
    assert (second.offset, second.size) == (11, 10)


def test_data_lines_are_counted() -> None:
    assert [frame.data_lines for frame in frames_of(b"event: a\n\ndata\n\ndata\ndata:\n\n", all_blocks=True)] == [
        0,
        1,
        2,
    ]


def test_only_exactly_done_is_done() -> None:
    assert [frame.is_done for frame in frames_of(b"data: [DONE]\n\ndata: [DONE] \n\n")] == [True, False]


def test_a_frame_leaves_with_the_byte_that_ends_it() -> None:
    for data in (b"data: 1\n\n", b"data: 1\r\r", b"data: 1\r\n\r"):
        decoder = SSEDecoder()
        assert decoder.feed(data[:-1]) == []
        assert len(decoder.feed(data[-1:])) == 1


def test_a_chunk_larger_than_any_buffer_is_read() -> None:
    assert len(SSEDecoder().feed(DELTA * 2000)) == 2000
    assert list(read_sse(DELTA * 2000)) == [text_delta()] * 2000


# ---------------------------------------------------------------------------------------- frames: what is not allowed


@pytest.mark.parametrize(("field", "what"), [(b"event: \xff", "an event name"), (b"id: \xc3\x28", "an id")])
def test_a_name_that_is_not_utf8_kills_the_decoder(field: bytes, what: str) -> None:
    data = b"data: 1\n\n" + field + b"\ndata: 2\n\ndata: 3\n\n"
    for chunks in cuts(data):
        decoder = SSEDecoder()
        found, error = frames_until_damage(decoder, chunks)
        assert [frame.data for frame in found] == [b"1"]
        assert decoder.error is error
        assert fault(error) == (FramingError, f"{what} that is not UTF-8", 9)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((b"data: " + b"x" * 14,), None),
        ((b"data: " + b"x" * 15,), "a line of more than 20 bytes"),
        ((b"data: 1234567", b"data: 1234567", b"data: 1"), "a block of more than 30 bytes"),
        ((b"data: 123456789012", b"data: 1234567890123"), "a block of more than 30 bytes"),
        ((b": 3456", b"data: 123456789012345"), "a line of more than 20 bytes"),
    ],
)
def test_limits_hold_however_the_stream_is_cut(lines: tuple[bytes, ...], message: str | None, end: bytes) -> None:
    data = b"data: 0\n\n" + b"".join(line + end for line in lines) + end
    for chunks in cuts(data):
        decoder = SSEDecoder(max_line=20, max_frame=30)
        found, error = frames_until_damage(decoder, chunks)
        assert fault(error) == (None if message is None else (FramingError, message, 9))
        assert len(found) == (2 if message is None else 1)


def test_an_error_shows_how_the_frame_begins() -> None:
    with pytest.raises(FramingError) as caught:
        SSEDecoder(max_line=300).feed(b"data: " + b"x" * 400)
    assert caught.value.frame == b"data: " + b"x" * 194
    with pytest.raises(FramingError) as caught:
        SSEDecoder(max_frame=300).feed(b"event: a\ndata: " + b"x" * 400)
    assert caught.value.frame == b"event: a"


def test_a_decoder_that_died_stays_dead() -> None:
    decoder = SSEDecoder(max_line=10)
    with pytest.raises(FramingError) as first:
        decoder.feed(b"data: 1234567890")
    with pytest.raises(FramingError) as again:
        decoder.feed(b"data: 1\n\n")
    with pytest.raises(FramingError) as at_the_end:
        decoder.flush()
    assert first.value is again.value is at_the_end.value


def test_frames_before_the_damage_are_returned_first() -> None:
    decoder = SSEDecoder(max_line=10)
    assert len(decoder.feed(b"data: 1\n\ndata: 1234567890\n\n")) == 1
    with pytest.raises(FramingError):
        decoder.feed(b"")


def test_damage_that_only_the_end_shows_is_raised_then() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"event: \xff")
    with pytest.raises(FramingError):
        decoder.flush()


def test_what_is_held_back_is_bounded_by_the_limits() -> None:
    decoder = SSEDecoder(max_line=1000, max_frame=1000)
    for _ in range(1000):
        decoder.feed(b"x")
    with pytest.raises(FramingError):
        decoder.feed(b"x")


def test_the_limits_allow_what_the_specification_does() -> None:
    longest_string_of_a_request = 33_554_432
    assert longest_string_of_a_request * 2 <= MAX_LINE_BYTES <= MAX_FRAME_BYTES


# --------------------------------------------------------------------------------------------------- bytes to events


def test_events_are_read_however_the_stream_is_cut() -> None:
    assert same_however_cut(SSEEventDecoder, WHOLE) == (EVENTS, None)


@pytest.mark.parametrize(
    "data",
    [
        WHOLE.replace(b"\n", b"\r\n"),
        WHOLE.replace(b"\n", b"\r"),
        WHOLE.replace(b"data: ", b"data:"),
        WHOLE.replace(b"\ndata: {", b"\ndata: {\ndata: "),
        b"\n\n".join(b"\n".join(reversed(block.split(b"\n"))) for block in WHOLE.split(b"\n\n")),
        b"".join(b"data: " + block.partition(b"data: ")[2] + b"\n\n" for block in WHOLE.split(b"\n\n")[:-1]),
        WHOLE.replace(b"\n\n", b"\n\n: ping\n\n"),
        WHOLE.replace(b"\n\n", b"\n\n\n"),
        BOM + WHOLE,
        WHOLE.removesuffix(b"data: [DONE]\n\n"),
        WHOLE.removesuffix(b"\n\ndata: [DONE]\n\n"),
        WHOLE + WHOLE,
    ],
    ids=[
        "CRLF", "CR", "no space", "several data lines", "data before event", "data only", "comments",
        "three line ends", "BOM", "no done", "no last blank line", "twice",
    ],
)  # fmt: skip
def test_no_form_the_standard_allows_makes_a_difference(data: bytes) -> None:
    events, error = same_however_cut(SSEEventDecoder, data)
    assert error is None
    assert events == EVENTS


OTHER = SSEEncoder().encode(STANDARD[8])
OWN = SSEEncoder().encode(EVENTS[-1])
UNNAMED = b"data: " + DELTA.partition(b"data: ")[2]
CALL = SSEEncoder().encode(FunctionCallArgumentsDelta(item_id="fc_1", output_index=0, delta="{", sequence_number=1))
DONE = SSEEncoder().done()


@pytest.mark.parametrize(
    "blocks",
    [
        [OTHER, DELTA, DELTA, DELTA, OTHER, DONE],
        [OTHER, OWN, DELTA, DELTA, OWN, OTHER, DONE],
        [DELTA, DELTA, OTHER, DELTA, OWN, DELTA, DONE],
        [CALL, CALL, CALL, OTHER, CALL, DELTA, CALL, CALL, DONE],
        [OTHER, CALL, CALL, DONE],
        [UNNAMED, UNNAMED, UNNAMED, DONE],
        [UNNAMED, DELTA, UNNAMED, DELTA, DELTA, DONE],
        [DELTA, DELTA, DONE, DELTA, OTHER, DELTA],
        [b": x\n\n", DELTA, DELTA, b": x\n\n", DELTA, b"event: a\n\n", DELTA, b"id: 1\n", DELTA, DONE],
        [b"\n", DELTA, DELTA, b"\n", DELTA, DONE],
        [b"event: caf\xc3\xa9\n" + UNNAMED, DELTA, DELTA, b"event: \n" + UNNAMED, DONE],
        [b"event: data: x\n" + UNNAMED] * 4,
    ],
)
@pytest.mark.parametrize("more", [b"", DELTA[:20], DELTA[:60], DELTA[:-1], b"\n", b": x"])
def test_blocks_of_several_names_are_read_as_the_standard_says(blocks: list[bytes], more: bytes) -> None:
    data = b"".join(blocks) + more
    expected, frames = by_the_standard(data), frames_of(data)
    assert frames
    for chunks in (blocks, [*blocks, more], *cuts(data)):
        rest = data[len(b"".join(chunks)) :]
        events, error = drain(SSEEventDecoder(), [*chunks, rest])
        assert (events, error and type(error), error and error.offset) == expected
        if not error:
            assert collect(read_sse([*chunks, rest]))[0] == events
        found, error_of_frames = by_runs(SSEDecoder(), [*chunks, rest])
        assert (found, error_of_frames) == (frames, None)


def test_strict_blocks_of_one_name_come_in_one_run() -> None:
    decoder = SSEDecoder()
    found = decoder.feed_runs(OTHER + DELTA * 3 + CALL * 2 + UNNAMED)
    assert [(run.event, len(run.bodies), run.data) for run in found if isinstance(run, Run)] == [
        (STANDARD[8].event_type, 1, OTHER),
        ("response.output_text.delta", 3, DELTA * 3),
        ("response.function_call_arguments.delta", 2, CALL * 2),
    ]
    assert [type(one) for one in found] == [Run, Run, Run, Frame]
    assert [run.offset for run in decoder.feed_runs(CALL * 2)] == [len(OTHER + DELTA * 3 + CALL * 2 + UNNAMED)]


def test_a_decoder_of_runs_that_died_stays_dead() -> None:
    decoder = SSEDecoder(max_line=100)
    assert [type(one) for one in decoder.feed_runs(b"data: a\n\n" + b"x" * 101)] == [Frame]
    with pytest.raises(FramingError):
        decoder.feed_runs(DELTA)


@pytest.mark.parametrize("damaged", [b"data: {\n\n", b"data: \n\n", b'event: a\ndata: {"type":"error"}\n\n'])
def test_damage_between_blocks_of_several_names_has_its_place(damaged: bytes) -> None:
    data = OTHER + DELTA * 3 + OWN + damaged + DELTA * 2 + damaged + DONE + damaged
    places = [len(OTHER + DELTA * 3 + OWN), len(OTHER + DELTA * 3 + OWN + damaged + DELTA * 2)]
    expected = [STANDARD[8], *[text_delta()] * 3, EVENTS[-1]]
    assert same_however_cut(SSEEventDecoder, data)[0] == expected
    for chunks in cuts(data):
        reported: list[WireError] = []
        assert list(read_sse(chunks, on_error=reported.append)) == [*expected, *[text_delta()] * 2]
        assert [error.offset for error in reported] == places


@pytest.mark.parametrize("size", [1000, 40_000])
def test_a_block_larger_than_what_is_held_back_is_read_among_others(size: int) -> None:
    large = b'data: {"type":"acme:big","blob":"' + b"x" * size + b'"}\n\n'
    data = DELTA * 3 + large + DELTA * 3 + large + DONE
    for pieces in (100, 1400, 100_000):
        chunks = [data[at : at + pieces] for at in range(0, len(data), pieces)]
        assert [event.event_type for event in read_sse(chunks)].count("acme:big") == 2
        decoder = SSEDecoder()
        found = list(itertools.chain.from_iterable(map(decoder.feed, chunks)))
        assert [data[frame.offset : frame.offset + frame.size] for frame in found] == [
            *[DELTA] * 3, large, *[DELTA] * 3, large, DONE]  # fmt: skip


def test_a_dead_decoder_takes_no_short_cut() -> None:
    decoder = SSEEventDecoder()
    decoder.feed(DELTA)
    with pytest.raises(JSONError) as first:
        decoder.feed(b"data: {\n\n")
    with pytest.raises(JSONError) as again:
        decoder.feed(DELTA)
    assert again.value is first.value


def test_done_ends_the_stream_and_what_follows_is_counted() -> None:
    for chunks in cuts(DELTA + b"data: [DONE]\n\n" + DELTA + b": ping\n\n" + DELTA):
        decoder = SSEEventDecoder()
        assert drain(decoder, chunks) == ([text_delta()], None)
        assert (decoder.done, decoder.frames_after_done) == (True, 2)


def test_read_sse_asks_for_nothing_after_done() -> None:
    def chunks() -> Iterator[bytes]:
        yield DELTA
        yield b"data: [DONE]\n\n" + DELTA
        pytest.fail("asked for more")

    assert list(read_sse(chunks())) == [text_delta()]


def test_nothing_after_done_is_an_error_to_a_reader() -> None:
    assert list(read_sse([DELTA + b"data: [DONE]\n\nevent: \xff\n\n"])) == [text_delta()]
    assert list(read_sse([DELTA, b"data: [DONE]\n\nevent: \xff\n\n"])) == [text_delta()]
    decoder = SSEEventDecoder()
    assert decoder.feed(b"data: [DONE]\n\nevent: \xff\n\n") == []
    assert isinstance(decoder.error, FramingError)


def test_read_sse_takes_the_bytes_themselves() -> None:
    assert list(read_sse(WHOLE)) == EVENTS


DAMAGED = [
    (b"data: {\n\n", JSONError),
    (b"data: [1]\n\n", JSONError),
    (b"data:\n\n", JSONError),
    (b'data: {"type":"response.output_text.delta"}\n\n', ShapeError),
    (b'data: {"type":"\xff"}\n\n', JSONError),
    (b"event: \xff\ndata: {}\n\n", FramingError),
    (b'data: {"type":"response.output_text.delta","sequence_number":1\n\n', JSONError),
]


@pytest.mark.parametrize(("damaged", "kind"), DAMAGED)
def test_events_before_the_damage_are_delivered_first(damaged: bytes, kind: type[WireError]) -> None:
    data = DELTA * 3 + damaged + DELTA
    events, error = same_however_cut(SSEEventDecoder, data)
    assert events == [text_delta()] * 3
    assert type(error) is kind
    assert error is not None
    assert error.offset == len(DELTA) * 3
    assert error.frame == (damaged.removeprefix(b"data:").strip() if kind is not FramingError else b"event: \xff")


@pytest.mark.parametrize(("damaged", "kind"), DAMAGED)
def test_readers_raise_at_the_damage_without_asking_for_more(damaged: bytes, kind: type[WireError]) -> None:
    def chunks() -> Iterator[bytes]:
        yield DELTA + damaged
        pytest.fail("asked for more")

    found, error = collect(read_sse(chunks()))
    assert found == [text_delta()]
    assert type(error) is kind


def test_a_stream_cut_short_within_a_frame_is_an_error() -> None:
    events, error = same_however_cut(SSEEventDecoder, DELTA + DELTA[:-10])
    assert events == [text_delta()]
    assert isinstance(error, JSONError)
    assert error.offset == len(DELTA)
    with pytest.raises(JSONError):
        list(read_sse(DELTA[:-10]))


def test_damage_in_the_last_frame_comes_after_the_events_before_it() -> None:
    found, error = collect(read_sse([DELTA, DELTA + b"\n: x\nevent: \xff"]))
    assert found == [text_delta()] * 2
    assert isinstance(error, FramingError)


def test_with_on_error_reading_goes_on() -> None:
    data = b"".join(damaged + DELTA for damaged, kind in DAMAGED if kind is not FramingError)
    reported: list[WireError] = []
    assert list(read_sse(data, on_error=reported.append)) == [text_delta()] * 6
    assert [type(error) for error in reported] == [kind for _, kind in DAMAGED if kind is not FramingError]
    assert all(data[error.offset :].startswith(b"data:") for error in reported)


def test_with_on_error_broken_framing_still_ends_it() -> None:
    with pytest.raises(FramingError):
        list(read_sse(b"event: \xff\n\n", on_error=lambda error: None))


def test_a_limit_can_be_set_for_reading() -> None:
    with pytest.raises(FramingError, match="more than 100 bytes"):
        list(read_sse([DELTA], max_frame=100))
    decoder = SSEEventDecoder(max_frame=len(DELTA) - 3, max_line=len(DELTA))
    assert drain(decoder, [DELTA[:30], DELTA[30:]])[1] is not None


@pytest.mark.parametrize(
    "data",
    [
        WHOLE + DELTA,
        WHOLE.removesuffix(b"\n\ndata: [DONE]\n\n"),
        DELTA + DELTA[:-10],
        DELTA + b"data: {\n\n" + DELTA,
        DELTA + b"event: \xff",
    ],
)
@pytest.mark.parametrize("size", [7, 10_000])
def test_the_asynchronous_reader_does_the_same(data: bytes, size: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    events, error = collect(read_sse(chunks))
    again, other = asyncio.run(acollect(aread_sse(asynchronously(chunks))))
    assert (again, fault(other)) == (events, fault(error))


def test_a_large_piece_may_hold_anything() -> None:
    data = DELTA * 1000 + b": ping\n\n" + DELTA * 1000 + DELTA.replace(b"\n", b"\r\n") * 500
    assert collect(read_sse(data)) == ([text_delta()] * 2500, None)
    events, error = collect(read_sse(data + b"data: {\n\n"))
    assert (len(events), fault(error)[2] if error else None) == (2500, len(data))  # type: ignore[index]


def test_an_inexact_event_in_a_chunk_of_its_own_is_read() -> None:
    frame = SSEEncoder().encode(EVENTS[-1])
    assert list(read_sse([frame, frame, DELTA, frame])) == [EVENTS[-1], EVENTS[-1], text_delta(), EVENTS[-1]]


class Counting(Dialect):
    """A dialect that must see every event, and only once."""

    keeps_exact = False
    seen = 0

    def read(self, fields: dict[str, object]) -> dict[str, object]:
        self.seen += 1
        return fields


def test_a_dialect_that_must_see_every_event_sees_each_once() -> None:
    frame = SSEEncoder().encode(EVENTS[-1])
    for chunks in cuts((DELTA * 3 + frame) * 2 + b": x\n\n"):
        dialect = Counting()
        assert len(list(read_sse(chunks, dialect=dialect))) == 8
        assert dialect.seen == 8


# ------------------------------------------------------------------------- the fast road decides nothing differently

PIECES = [
    DELTA,
    DELTA * 3,
    SSEEncoder().encode(STANDARD[8]),
    b"data: " + DELTA.partition(b"data: ")[2],
    DELTA.replace(b"\n", b"\r\n"),
    b"event: response.output_text.delta\n",
    b"event: caf\xc3\xa9\n",
    b"event: \xff\n",
    DELTA.partition(b"\n")[2].removesuffix(b"\n"),
    b'data: {"type":"acme:x",\n',
    b'data: "n":1}\n',
    b"data: [DONE]\n\n",
    b": ping\n\n",
    b"id: 1\n",
    b"data\n",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    BOM,
    b" ",
    "data: {\u2028}\n\n".encode(),
    b"event: a\ndata: event: b\n\n",
    SSEEncoder().encode(EVENTS[-1]),
    SSEEncoder().encode(STANDARD[0]),
    DELTA + b"event: x\n",
    b"event: \n",
    DELTA[:-1],
]
Streams = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join) | st.binary(max_size=60)


def by_the_standard(data: bytes, limit: int = 1 << 20) -> tuple[list[object], type[WireError] | None, int | None]:
    """What `Blocks` alone and one `decode` a frame make of `data`."""
    frames: list[Frame] = []
    blocks = Blocks(max_line=limit, max_frame=limit, all_blocks=False)
    fault: WireError | None = None
    try:
        blocks.feed(frames, data)
        blocks.flush(frames)
    except FramingError as error:
        fault = error
    events: list[object] = []
    for frame in frames:
        if frame.is_done:
            break
        try:
            events.append(EventCodec().decode(frame.data))
        except WireError as error:
            return events, type(error), frame.offset
    return events, type(fault) if fault else None, fault.offset if fault else None


@given(Streams, Places)
def test_the_fast_road_reads_as_the_standard_says(data: bytes, places: list[int]) -> None:
    events, error = drain(SSEEventDecoder(), cut_at(data, places))
    assert (events, error and type(error), error and error.offset) == by_the_standard(data)


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_the_fast_road_reads_chunks_of_one_block_as_the_standard_says(chunks: list[bytes]) -> None:
    events, error = drain(SSEEventDecoder(), chunks)
    assert (events, error and type(error), error and error.offset) == by_the_standard(b"".join(chunks))


def test_one_event_in_each_chunk_is_read() -> None:
    chunks = [block + b"\n\n" for block in WHOLE.split(b"\n\n")[:-1]]
    assert list(read_sse([*([DELTA] * 3), *chunks])) == [*([text_delta()] * 3), *EVENTS]
    events, error = drain(SSEEventDecoder(), [DELTA, DELTA, b"data: {\n\n"])
    assert (events, fault(error)) == ([text_delta()] * 2, (JSONError, str(error and error.message), len(DELTA) * 2))


@given(Streams, Places, st.integers(min_value=1, max_value=400))
def test_the_fast_road_keeps_the_limits(data: bytes, places: list[int], limit: int) -> None:
    decoder = SSEEventDecoder(max_line=limit, max_frame=limit)
    events, error = drain(decoder, cut_at(data, places))
    assert (events, error and type(error)) == by_the_standard(data, limit)[:2]


@given(Streams, Places)
def test_frames_are_the_same_however_cut(data: bytes, places: list[int]) -> None:
    def run(chunks: list[bytes]) -> tuple[list[Frame], object]:
        found, error = frames_until_damage(SSEDecoder(all_blocks=True), chunks)
        in_runs, error_of_runs = by_runs(SSEDecoder(all_blocks=True), chunks)
        assert (in_runs, fault(error_of_runs)) == (found, fault(error))
        return found, fault(error)

    assert run(cut_at(data, places)) == run([data]) == run([data[at : at + 1] for at in range(len(data))])


@given(st.binary(max_size=200), Places)
def test_nothing_but_wire_errors_ever_escapes(data: bytes, places: list[int]) -> None:
    drain(SSEEventDecoder(), cut_at(data, places))


def test_a_huge_frame_may_come_in_small_pieces() -> None:
    body = b'data: {"type":"acme:big","blob":"' + b"x" * 1_000_000 + b'"}\n\n'
    decoder = SSEEventDecoder()
    events = list(itertools.chain.from_iterable(decoder.feed(body[at : at + 100]) for at in range(0, len(body), 100)))
    assert len(events) == 1


# ------------------------------------------------------------------------------------------------------- recordings


@needs_recordings
@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_recordings_are_read_however_they_are_cut(path: Path) -> None:
    data = path.read_bytes()
    expected = [msgspec.json.decode(frame.data) for frame in SSEDecoder().feed(data) if not frame.is_done]
    for size in (65536, 4096, 100, 7):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        events = list(read_sse(chunks))
        assert [msgspec.json.decode(EventCodec().encode(event) or b"") for event in events] == expected


@needs_recordings
@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_recordings_leave_the_decoder_as_they_came(path: Path) -> None:
    data = path.read_bytes()
    frames = SSEDecoder(all_blocks=True).feed(data)
    assert b"".join(data[frame.offset : frame.offset + frame.size] for frame in frames) == data


# ---------------------------------------------------------------------------------------------------------- writing


def test_a_frame_has_one_strict_form() -> None:
    assert (
        SSEEncoder().encode(text_delta(4, "é\n\u2028"))
        == (
            "event: response.output_text.delta\n"
            'data: {"type":"response.output_text.delta","sequence_number":4,"output_index":0,"item_id":"msg_1",'
            '"content_index":0,"delta":"é\\n\u2028"}\n\n'
        ).encode()
    )


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
def test_what_is_written_is_read_back(event: ResponseStreamEvent) -> None:
    frame = SSEEncoder().encode(event)
    (read,) = SSEDecoder().feed(frame)
    assert frame == b"event: %b\ndata: %b\n\n" % (event.event_type.encode(), read.data)
    assert list(read_sse(frame)) == [event]


def test_done_is_written_where_the_dialect_has_it() -> None:
    assert SSEEncoder().done() == b"data: [DONE]\n\n"
    assert SSEEncoder(vtcode()).done() == b"data: [DONE]\n\n"
    assert SSEEncoder(openai()).done() == b""


def test_an_event_the_dialect_does_not_have_is_nothing() -> None:
    encoder = SSEEncoder(openai())
    assert encoder.encode(EVENTS[len(STANDARD)]) == b""
    assert encoder.dialect.notes


def test_a_plain_event_is_named_by_its_type() -> None:
    event = ReasoningDelta(sequence_number=1, item_id="rs_1", output_index=0, content_index=0, delta="x")
    assert SSEEncoder(openai()).encode(event).startswith(b"event: response.reasoning_text.delta\ndata: {")


@pytest.mark.parametrize("fields", [{}, {"type": None}, {"type": ""}])
def test_an_event_without_a_type_has_no_name(fields: dict[str, object]) -> None:
    for dialect in (openresponses(), vtcode()):
        frame = SSEEncoder(dialect).encode(ExtensionEvent(fields=Extra(fields)))
        assert len(SSEDecoder().feed(frame)) == 1


def test_comments_are_signs_of_life_that_readers_ignore() -> None:
    assert SSEEncoder().comment("ping") == b": ping\n\n"
    assert SSEEncoder().comment() == b": \n\n"
    assert list(read_sse(DELTA + SSEEncoder().comment("é") + DELTA)) == [text_delta()] * 2


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\n", "\ud800"])
def test_what_would_break_a_frame_is_refused(text: str) -> None:
    with pytest.raises(FramingError, match="a comment"):
        SSEEncoder().comment(text)
    with pytest.raises(FramingError, match="an event's type"):
        SSEEncoder().encode(ExtensionEvent(fields=Extra({"type": text})))


# -------------------------------------------------------------------------------------------------------- templates

PARTS: list[DeltaEvent] = [
    OutputTextDelta(item_id="msg_1", output_index=0, content_index=2, delta=""),
    OutputTextDelta(item_id="msg_1", output_index=0, content_index=2, delta="", response_id="resp_1"),
    OutputTextDelta(item_id='"delta":""', output_index=0, content_index=0, delta="", logprobs=[]),
    OutputTextDelta(
        item_id='%d%b%%\\"sequence_number\\":0', output_index=0, content_index=0, delta="x", extra=Extra({"a": 1})
    ),
    RefusalDelta(item_id="msg_1", output_index=10, content_index=0, delta=""),
    ReasoningDelta(item_id="rs_1", output_index=0, content_index=0, delta="", sequence_number=UNSET),
    ReasoningSummaryTextDelta(item_id="délta", output_index=0, summary_index=0, delta=""),
    FunctionCallArgumentsDelta(item_id="sequence_number", output_index=0, delta=""),
]


@pytest.mark.parametrize("delta", ["a", '"', "%d", "\u2028", "\ud800", "\\", "\0"], ids=ascii)
@pytest.mark.parametrize("dialect", [openresponses, openai, vtcode])
def test_a_template_writes_hard_text_as_the_encoder_does(dialect: Callable[[], Dialect], delta: str) -> None:
    for part in PARTS:
        expected = SSEEncoder(dialect()).encode(msgspec.structs.replace(part, sequence_number=7, delta=delta))
        assert DeltaTemplate(part, SSEEncoder(dialect())).frame(7, delta) == expected


@given(
    st.sampled_from(PARTS),
    st.sampled_from([openresponses, openai, vtcode]),
    st.integers(min_value=0, max_value=2**63 - 1),
    st.text(st.characters(exclude_categories=[])) | st.sampled_from(['"', "%d", "\u2028", "\ud800", "\\", "\0"]),
)
def test_a_template_writes_what_the_encoder_would(
    part: DeltaEvent, dialect: Callable[[], Dialect], number: int, delta: str
) -> None:
    expected = SSEEncoder(dialect()).encode(msgspec.structs.replace(part, sequence_number=number, delta=delta))
    assert DeltaTemplate(part, SSEEncoder(dialect())).frame(number, delta) == expected
