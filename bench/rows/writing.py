"""Writing: what a model says to SSE bytes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from openai.types.responses import ResponseTextDeltaEvent

from bench import payload
from bench.measure import Prepare, Run, compare
from bench.table import Figures, Scale, row
from penstock import SSEEmitter, Text
from penstock.spec.events import OutputTextDelta


def _sends(texts: tuple[str, ...]) -> Prepare:
    """Return the sending of `texts` as Text, from the first delta on, with every check the writer makes."""

    def prepare() -> Run:
        sent: list[bytes] = []
        stream = payload.new_stream(SSEEmitter(sent.append))
        stream.start()

        def run() -> object:
            send = stream.send
            for text in texts:
                send(Text(text))
            return sent

        return run

    return prepare


def _by_hand(texts: tuple[str, ...]) -> Prepare:
    """Return the least that makes the same bytes: the Struct, its encoding, the framing. Nothing is checked or kept."""
    encode = msgspec.json.Encoder().encode

    def prepare() -> Run:
        sent: list[bytes] = []

        def run() -> object:
            append = sent.append
            for number, text in enumerate(texts):
                event = OutputTextDelta(
                    sequence_number=number, item_id=payload.MESSAGE_ID, output_index=0, content_index=0, delta=text
                )
                append(b"event: response.output_text.delta\ndata: %b\n\n" % encode(event))
            return sent

        return run

    return prepare


def _as_vllm(texts: tuple[str, ...]) -> Prepare:
    """Return what vLLM does a delta: a model of the SDK made, numbered, dumped to JSON and framed."""

    def prepare() -> Run:
        sent: list[bytes] = []

        def run() -> object:
            append = sent.append
            for number, text in enumerate(texts):
                event = ResponseTextDeltaEvent(
                    type="response.output_text.delta",
                    sequence_number=-1,
                    content_index=0,
                    output_index=0,
                    item_id=payload.MESSAGE_ID,
                    delta=text,
                    logprobs=[],
                )
                event.sequence_number = number
                append(f"event: {event.type}\ndata: {event.model_dump_json(indent=None)}\n\n".encode())
            return sent

        return run

    return prepare


def _against(peer: Callable[[tuple[str, ...]], Prepare], scale: Scale) -> Figures:
    texts = payload.pieces(scale.events(20_000))
    times = compare(_sends(texts), peer(texts), rounds=scale.rounds(20))
    ours, theirs = (seconds / len(texts) * 1e6 for seconds in times)
    return Figures(ours, theirs, "us a delta")


@row(
    "write",
    work="`stream.send(Text(...))` with all checks, to SSE bytes",
    against="raw Struct construction + encode + framing",
    at_most=2.5,
)
def write(scale: Scale) -> Figures:
    return _against(_by_hand, scale)


@row(
    "write-vs-models",
    work="the same",
    against="`openai` model construction + `model_dump_json`, as vLLM does",
    faster=4,
)
def write_vs_models(scale: Scale) -> Figures:
    return _against(_as_vllm, scale)
