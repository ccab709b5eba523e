"""What the fuzzer holds the adapters to that read other people's formats: Chat Completions, Anthropic's, Gemini's."""

from __future__ import annotations

import itertools
import json
import re
import tracemalloc
from collections.abc import Mapping
from functools import partial

from penstock import Failure, ListStreamEmitter, ResponseStream, SSEEmitter, Stop, TeeEmitter, read_sse
from penstock.stream.output import Output
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.anthropic import Options as AnthropicOptions
from penstock.upstream.base import Translation, UnsupportedParameter, UpstreamAPI
from penstock.upstream.chat_completions import ChatCompletions, Options
from penstock.upstream.gemini import Gemini
from penstock.upstream.relay import Relay
from penstock.upstream.responses import Responses
from penstock.wire.codec import encode_object
from penstock.wire.requests import RequestError, parse_create
from tools.fuzz_inputs import cuts
from tools.fuzz_targets import check, dice_for, expect, expect_valid, lines_run, said, same

_READERS: tuple[UpstreamAPI, ...] = (
    ChatCompletions(),
    ChatCompletions(Options(think_tags=True)),
    Anthropic(),
    Anthropic(AnthropicOptions(raw_thinking=True)),
    Gemini(),
)
_APIS: tuple[UpstreamAPI, ...] = (
    ChatCompletions(Options(reasoning_field="reasoning_content")),
    Anthropic(),
    Gemini(),
    Responses(),
)
_BLANK_LINE = re.compile(rb"(?:\r\n|\r|\n)(?:\r\n|\r|\n)")


def _is_end(output: Output) -> bool:
    return isinstance(output, Stop | Failure)


@check("chat", "anthropic", "gemini", "events", "noise")
def replies_do_not_depend_on_cuts(data: bytes) -> None:
    dice = dice_for(data)
    api = dice.choice(_READERS)
    whole, cut = api.stream(), api.stream()
    outputs = said(whole, [data])
    same("outputs", outputs, said(cut, cuts(data, dice)))
    same("outputs of the reply", outputs, list(api.reply(data)))
    same("losses", (whole.model, whole.losses), (cut.model, cut.losses))
    same("ends", 1, sum(map(_is_end, outputs)))


@check("chat", "anthropic", "gemini", "noise")
def a_reply_ends_where_it_says_so(data: bytes) -> None:
    """Only what says its end is completed, in a frame that was sent to its blank line."""
    dice = dice_for(data)
    api = dice.choice(_READERS)
    data = data[: dice.randint(0, len(data))]
    translation = api.stream()
    translation.feed(data)
    completed = [out for out in translation.close() if isinstance(out, Stop) and out.reason in ("stop", "tool_calls")]
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if completed and text[:1] not in (b"{", b"["):
        whole_message = isinstance(api, ChatCompletions) and b'"message"' in data
        expect(isinstance(api, Gemini) or whole_message, "completed without its sentinel", api.name)
        last = _BLANK_LINE.split(data)[-1]
        expect(not re.search(rb"(?:^|[\r\n])data", last), "completed within a frame", api.name, last)


@check("chat", "anthropic", "gemini", "noise")
def whatever_a_provider_sends_is_valid_and_can_go_back(data: bytes) -> None:
    dice = dice_for(data)
    api = dice.choice(_READERS)
    events = ListStreamEmitter()
    frames: list[bytes] = []
    numbers = itertools.count()
    emitter = TeeEmitter(events, SSEEmitter(frames.append))
    stream = ResponseStream(emitter, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 1.7e9)
    Relay(api.stream(), stream).run(cuts(data, dice))
    expect_valid(list(events.events), stream.response)
    same("read again", list(events.events), list(read_sse(frames)))
    output = [json.loads(encode_object(item)) for item in stream.response.output]
    try:
        asked = parse_create({"model": "m", "input": [{"role": "user", "content": "Hi"}, *output]})
    except RequestError as error:
        # A model may call what no function can be called.
        expect(str(error.param).endswith(".name"), "refused to go back", error)
        return
    for provider in _APIS:
        try:
            made = provider.request(asked)
        except UnsupportedParameter as error:
            expect(error.param.startswith("input["), "a refusal of something else", provider.name, error)
        else:
            expect(isinstance(json.loads(json.dumps(made.body)), Mapping))


# ---------------------------------------------------------------------------------------------------- time and memory


_NEVER_WHOLE: tuple[tuple[str, bytes], ...] = (
    ("a line without an end", b"data: aaaaaaaaaa"),
    ("a block without an end", b"data: a\n"),
    ("spaces", b" "),
    ("a document without an end", b'{"a":"aaaaaaaa"'),
)
"""What is held up to the size of a frame; the fuzzer of the decoders looks after that, and the adapters' own tests."""

_NEVER_ENDING: tuple[tuple[str, bytes], ...] = (
    ("blank lines", b"\n"),
    ("comments", b": ping\n\n"),
    ("no JSON", b"data: [1\n\n"),
    ("pings", b'data: {"type":"ping"}\n\n'),
    ("odd events", b'data: {"type":"odd"}\n\n'),
    ("usage", b'data: {"choices":[],"usage":{"prompt_tokens":1},"usageMetadata":{"promptTokenCount":1}}\n\n'),
    ("ratings", b'data: {"candidates":[{"safetyRatings":[{"a":1}]}],"type":"message_delta"}\n\n'),
)


def _relayed(translation: Translation, data: bytes, size: int) -> None:
    for at in range(0, len(data), size):
        translation.feed(data[at : at + size])
    translation.close()


def upstreams_are_linear(size: int) -> None:
    """Raise Fault where four times the bytes, in small pieces, take much more than four times the steps."""
    for (what, unit), api, piece in itertools.product((*_NEVER_WHOLE, *_NEVER_ENDING), _READERS, (1, 50)):
        few, many = (
            lines_run(partial(_relayed, api.stream(), unit * (length // len(unit)), piece))
            for length in (size, 4 * size)
        )
        expect(many <= 5 * few + 200, "more steps than bytes", what, api.name, piece, few, many)


def upstreams_hold_little(sent: int = 2_000_000) -> None:
    """Raise Fault where a reply that goes on for ever and says nothing makes an adapter hold it."""
    for (what, unit), api in itertools.product(_NEVER_ENDING, _READERS[::2]):
        piece = unit * (1000 // len(unit))
        translation = api.stream()
        tracemalloc.start()
        try:
            for _ in range(sent // len(piece)):
                translation.feed(piece)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        expect(held <= 100_000, "held too much", what, api.name, held)
