"""Adapters: other people's streams in, Responses SSE out, on one core and without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bench import payload
from bench.measure import Run, compare
from bench.table import Figures, Scale, row
from penstock import SSEEmitter
from penstock.spec.events import OutputTextDelta
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.base import UpstreamAPI
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.gemini import Gemini
from penstock.upstream.relay import Relay
from penstock.upstream.responses import Responses

_CHUNK = 4 * 1024


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


@row(
    "chat-completions",
    work="Chat Completions SSE -> output -> Responses SSE, in chunks of 4 KiB",
    against="the least by hand: split, `msgspec` decode of the text alone, Struct, encode, framing",
)
def chat_completions(scale: Scale) -> Figures:
    count = scale.events(20_000)
    whole = payload.chat_frames(count)
    chunks = payload.cut(b"".join(whole), _CHUNK)
    decode = msgspec.json.Decoder(_Chunk).decode
    encode = msgspec.json.Encoder().encode

    def ours() -> Run:
        sent: list[bytes] = []
        relay = Relay(ChatCompletions().stream(), payload.new_stream(SSEEmitter(sent.append)))

        def run() -> object:
            relay.run(chunks)
            return sent

        return run

    def by_hand() -> Run:
        sent: list[bytes] = []

        def run() -> object:
            number = 0
            rest = b""
            for chunk in chunks:
                *blocks, rest = (rest + chunk).split(b"\n\n")
                for block in blocks:
                    if block == b"data: [DONE]":
                        break
                    text = decode(block[6:]).choices[0].delta.content
                    if not text:
                        continue
                    event = OutputTextDelta(
                        sequence_number=number, item_id=payload.MESSAGE_ID, output_index=0, content_index=0, delta=text
                    )
                    sent.append(b"event: response.output_text.delta\ndata: %b\n\n" % encode(event))
                    number += 1
            return sent

        return run

    times = compare(ours, by_hand, rounds=scale.rounds(20))
    took, peer = (seconds / count * 1e6 for seconds in times)
    return Figures(took, peer, "us a chunk", f"{1 / took:.2f} million chunks a second")


@row(
    "anthropic",
    work="Messages SSE -> output -> Responses SSE, in chunks of 4 KiB",
    against="the Chat Completions adapter, with the same answer",
    at_most=2,
)
def anthropic(scale: Scale) -> Figures:
    return _beside_chat_completions(Anthropic(), payload.anthropic_frames, scale)


@row(
    "gemini",
    work="Gemini SSE -> output -> Responses SSE, in chunks of 4 KiB",
    against="the Chat Completions adapter, with the same answer",
    at_most=2,
)
def gemini(scale: Scale) -> Figures:
    return _beside_chat_completions(Gemini(), payload.gemini_frames, scale)


@row(
    "responses",
    work="OpenAI's Responses SSE -> output -> Responses SSE, in chunks of 4 KiB",
    against="the Chat Completions adapter, with the same answer",
    at_most=2,
)
def responses(scale: Scale) -> Figures:
    return _beside_chat_completions(Responses(), payload.openai_frames, scale)


def _beside_chat_completions(api: UpstreamAPI, frames: Callable[[int], Sequence[bytes]], scale: Scale) -> Figures:
    count = scale.events(20_000)

    def relayed(api: UpstreamAPI, chunks: Sequence[bytes]) -> Run:
        sent: list[bytes] = []
        relay = Relay(api.stream(), payload.new_stream(SSEEmitter(sent.append)))

        def run() -> object:
            relay.run(chunks)
            return sent

        return run

    ours = payload.cut(b"".join(frames(count)), _CHUNK)
    theirs = payload.cut(b"".join(payload.chat_frames(count)), _CHUNK)
    times = compare(lambda: relayed(api, ours), lambda: relayed(ChatCompletions(), theirs), rounds=scale.rounds(20))
    took, peer = (seconds / count * 1e6 for seconds in times)
    return Figures(took, peer, "us a chunk", f"{1 / took:.2f} million chunks a second")
