"""The emitters of bytes write what the encoders write, and nothing else."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import (
    Annotated,
    Arguments,
    Done,
    EncryptedReasoning,
    Extension,
    FunctionCall,
    JSONLEmitter,
    ListStreamEmitter,
    NewMessage,
    NewPart,
    Reasoning,
    ReasoningSummary,
    Refusal,
    ResponseStream,
    SSEEmitter,
    SSEEncoder,
    StreamEventEmitter,
    StreamStateError,
    Text,
    UrlCitation,
    Usage,
    read_jsonl,
    read_sse,
)
from penstock.spec.base import Extra
from penstock.spec.content import LogProb
from penstock.spec.events import (
    DeltaEvent,
    ExtensionEvent,
    FunctionCallArgumentsDelta,
    OutputTextDelta,
    ReasoningDelta,
    ReasoningSummaryTextDelta,
    RefusalDelta,
)
from penstock.stream.output import Output
from penstock.wire.dialects import Dialect, openai, openresponses, vtcode
from penstock.wire.errors import FramingError
from penstock.wire.jsonl import JSONLEncoder

DIALECTS = [openresponses, lambda: openresponses(response_ids=True), openai, vtcode]
DIALECT_NAMES = ["openresponses", "response_ids", "openai", "vtcode"]

any_dialect = pytest.mark.parametrize("make_dialect", DIALECTS, ids=DIALECT_NAMES)

# Lone surrogates too: a model's text may break off in the middle of a pair.
texts = st.text(st.characters(), max_size=8)
outputs = st.one_of(
    texts,
    texts.map(Text),
    texts.map(lambda text: Text(text, [LogProb(token="a", logprob=-0.5, bytes=[97], top_logprobs=[])])),
    texts.map(Refusal),
    texts.map(Reasoning),
    texts.map(ReasoningSummary),
    st.just(EncryptedReasoning("sealed")),
    st.just(Annotated(UrlCitation(url="https://example.org", title="An example", start_index=0, end_index=1))),
    st.builds(FunctionCall, st.just("find"), st.sampled_from([None, '{"a": "%d"}']), key=st.sampled_from(["x", "y"])),
    st.builds(Arguments, texts, st.sampled_from([None, "x", "y"])),
    st.just(Done()),
    st.just(NewPart()),
    st.just(NewMessage(phase="commentary")),
    st.just(Extension("acme:trace", {"delta": "", "sequence_number_of": 0})),
    st.just(Usage(input_tokens=1, output_tokens=2)),
)


def write(emitter: StreamEventEmitter, said: list[Output]) -> None:
    numbers = itertools.count()
    stream = ResponseStream(
        emitter, model="m", ids=lambda prefix: f"{prefix}_%d{next(numbers)}", clock=lambda: 1_764_000_000.0
    )
    stream.start()
    for output in said:
        try:
            stream.send(output)
        except StreamStateError:
            continue  # such as arguments without a call; the stream is as it was
    stream.finish()


@any_dialect
@given(said=st.lists(outputs, max_size=12))
def test_the_bytes_are_those_of_the_sse_encoder(make_dialect: Callable[[], Dialect], said: list[Output]) -> None:
    events = ListStreamEmitter()
    write(events, said)
    encoder = SSEEncoder(make_dialect())
    expected = [frame for event in events.events if (frame := encoder.encode(event))]

    frames: list[bytes] = []
    write(SSEEmitter(frames.append, dialect=make_dialect()), said)

    assert expected == frames


@any_dialect
@given(said=st.lists(outputs, max_size=12))
def test_the_lines_are_those_of_the_jsonl_encoder(make_dialect: Callable[[], Dialect], said: list[Output]) -> None:
    events = ListStreamEmitter()
    write(events, said)
    encoder = JSONLEncoder(make_dialect())
    expected = [line for event in events.events if (line := encoder.encode(event))]

    lines: list[bytes] = []
    write(JSONLEmitter(lines.append, dialect=make_dialect()), said)

    assert expected == lines


@any_dialect
@pytest.mark.parametrize(
    "like",
    [
        OutputTextDelta(item_id="msg_1", output_index=0, content_index=0, delta="x"),
        OutputTextDelta(item_id='m"\\%d%', output_index=0, content_index=0, delta="", response_id="resp_1"),
        RefusalDelta(item_id="msg_1", output_index=0, content_index=3, delta="x"),
        ReasoningDelta(item_id="rs_1", output_index=1, content_index=0, delta="x"),
        ReasoningSummaryTextDelta(item_id="rs_1", output_index=1, summary_index=2, delta="x"),
        FunctionCallArgumentsDelta(item_id="fc_1", output_index=10, delta="{"),
    ],
    ids=lambda like: type(like).__name__,
)
def test_a_prepared_delta_has_the_bytes_of_an_emitted_one(
    make_dialect: Callable[[], Dialect], like: DeltaEvent
) -> None:
    said = ["", "a", "100 %d %%", '"\\\n\r', "\u2028", "caf\u00e9 \U0001f642", "\ud83d", "\x00\x7f"]
    emitted: list[bytes] = []
    plain = SSEEmitter(emitted.append, dialect=make_dialect())
    prepared: list[bytes] = []
    from_template = SSEEmitter(prepared.append, dialect=make_dialect()).deltas(like)

    for number, text in enumerate(said):
        StreamEventEmitter.deltas(plain, like)(number, text)
        from_template(number, text)

    assert emitted == prepared
    assert len(prepared) in {len(said), 0}  # VT Code has no summaries


def test_a_frame_is_written_in_one_piece_and_at_once() -> None:
    frames: list[bytes] = []
    stream = ResponseStream(SSEEmitter(frames.append), model="m")

    stream.start()
    assert len(frames) == 2
    stream.send("Hel")
    stream.send("lo")
    assert len(frames) == 6
    assert all(frame.startswith(b"event: ") and frame.endswith(b"\n\n") for frame in frames)


def test_done_is_written_where_the_dialect_has_it() -> None:
    written: list[bytes] = []
    SSEEmitter(written.append).done()
    SSEEmitter(written.append, dialect=openai()).done()

    assert written == [b"data: [DONE]\n\n"]


def test_an_event_the_dialect_does_not_have_is_not_written_and_noted() -> None:
    sse, jsonl = openai(), openai()
    written: list[bytes] = []
    event = ExtensionEvent(fields=Extra({"type": "acme:trace"}))

    SSEEmitter(written.append, dialect=sse).emit(event)
    JSONLEmitter(written.append, dialect=jsonl).emit(event)

    assert written == []
    assert len(sse.notes) == len(jsonl.notes) == 1


def test_what_write_raises_goes_to_the_producer() -> None:
    def broken(data: bytes) -> None:
        raise BrokenPipeError(len(data))

    stream = ResponseStream(SSEEmitter(broken), model="m")

    with pytest.raises(BrokenPipeError):
        stream.start()


def test_an_event_type_with_a_line_end_is_refused() -> None:
    written: list[bytes] = []

    with pytest.raises(FramingError):
        SSEEmitter(written.append).emit(ExtensionEvent(fields=Extra({"type": "a:b\ndata: c"})))
    assert written == []


def test_what_is_written_can_be_read_again() -> None:
    said: list[Output] = [
        "Hel",
        Text("lo"),
        Reasoning("why"),
        FunctionCall("find", "{}"),
        Usage(input_tokens=1, output_tokens=2),
    ]
    events = ListStreamEmitter()
    frames: list[bytes] = []
    lines: list[bytes] = []
    emitter = SSEEmitter(frames.append)

    write(events, said)
    write(emitter, said)
    emitter.done()
    write(JSONLEmitter(lines.append), said)

    assert list(events.events) == list(read_sse(frames)) == list(read_jsonl(lines))
