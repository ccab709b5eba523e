"""The page about what becomes of a request: each parameter, item, part and tool, provider by provider.

Nothing in the table is written by hand. Each row is a request that is translated twice by every adapter, without what
the row is about and with it; what differs between the two bodies, what is reported as lost, and what is refused, is
what the row says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock.upstream.anthropic import Anthropic
from penstock.upstream.base import UnsupportedParameter, UpstreamAPI, UpstreamRequest
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.gemini import Gemini
from penstock.upstream.responses import Responses
from penstock.wire.requests import parse_create

__all__ = ["ADAPTERS", "PROBES", "translation_pages"]

Json = dict[str, Any]

ADAPTERS: Final[Mapping[str, UpstreamAPI]] = {
    "Chat Completions": ChatCompletions(),
    "Anthropic": Anthropic(),
    "Gemini": Gemini(),
    "Responses": Responses(),
}

_HEAD = """# What becomes of a request

What each adapter makes of an Open Responses request, with its default options. This page is made by translating a
request for each row, with and without what the row is about.

- A path is where it went in the provider's body; `[text]` is an entry of a list, of that type, of that role, or with
  that key. What stands there is told where it is not the caller's own word.
- **lost**: left out, and told in the losses of the translation. With a path: what could be sent was.
- **refused**: the request is not sent, and the error names the parameter.
- "nothing": the provider need not know, or it is what it does anyway.

The numbers lead to the [reasons](#reasons).
"""

_NUMBER: Final = re.compile(r"#\d+")
_USER: Final[Json] = {"type": "message", "role": "user", "content": "Hello"}
_BASE: Final[Json] = {"model": "a-model", "input": [_USER]}
_FUNCTION: Final[Json] = {
    "type": "function",
    "name": "get_level",
    "description": "Tells the level.",
    "parameters": {"type": "object", "properties": {"gate": {"type": "string"}}, "required": ["gate"]},
}
_OTHER: Final[Json] = {"type": "function", "name": "get_flow", "parameters": {"type": "object", "properties": {}}}
_CALL: Final[Json] = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "get_level",
    "arguments": '{"gate":"north"}',
    "status": "completed",
}
_RESULT: Final[Json] = {"type": "function_call_output", "call_id": "call_1", "output": "3.2 m"}
_PIXEL: Final = "data:image/png;base64,iVBORw0KGgo="
_SCHEMA: Final[Json] = {"type": "object", "properties": {"level": {"type": "number"}}, "required": ["level"]}


class Probe(NamedTuple):
    """One row: what it is called, and two requests, without it and with it."""

    name: str
    without: Json
    having: Json


def _parameter(name: str, value: object, *, label: str = "", base: Json = _BASE) -> Probe:
    return Probe(label or f"`{name}`", base, {**base, name: value})


def _item(label: str, item: Json, *, before: Sequence[Json] = (), after: Sequence[Json] = ()) -> Probe:
    around = {**_BASE, "tools": [_FUNCTION]}
    with_it = [_USER, *before, item, *after]
    return Probe(label, {**around, "input": [_USER, *before, *after]}, {**around, "input": with_it})


def _part(label: str, part: Json, role: str = "user") -> Probe:
    text: Json = {"type": "input_text" if role == "user" else "output_text", "text": "This:"}
    return Probe(label, _message(role, [text]), _message(role, [text, part]))


def _message(role: str, content: list[Json]) -> Json:
    return {**_BASE, "input": [_USER, {"type": "message", "role": role, "content": content}]}


def _result_part(label: str, part: Json) -> Probe:
    def request(content: list[Json]) -> Json:
        return {**_BASE, "tools": [_FUNCTION], "input": [_USER, _CALL, {**_RESULT, "output": content}]}

    text = {"type": "input_text", "text": "This:"}
    return Probe(label, request([text]), request([text, part]))


_WITH_TOOLS: Final[Json] = {**_BASE, "tools": [_FUNCTION, _OTHER]}
_IMAGE: Final[Json] = {"type": "input_image", "image_url": _PIXEL}

PROBES: Final[Mapping[str, Sequence[Probe]]] = {
    "Parameters": (
        _parameter("model", "other-model"),
        Probe("`input`, a string", _BASE, {**_BASE, "input": "Hello, you."}),
        _parameter("instructions", "Be brief."),
        _parameter("previous_response_id", "resp_1"),
        _parameter("include", ["reasoning.encrypted_content"], label='`include`: "reasoning.encrypted_content"'),
        _parameter("include", ["message.output_text.logprobs"], label='`include`: "message.output_text.logprobs"'),
        _parameter("metadata", {"who": "me"}),
        _parameter("temperature", 0.5),
        _parameter("top_p", 0.5),
        _parameter("presence_penalty", 0.5),
        _parameter("frequency_penalty", 0.5),
        _parameter("top_logprobs", 3),
        _parameter("max_output_tokens", 1000),
        _parameter("max_tool_calls", 3, base=_WITH_TOOLS),
        _parameter("parallel_tool_calls", value=False, base=_WITH_TOOLS),
        _parameter("stream_options", {"include_obfuscation": True}, label="`stream_options.include_obfuscation`"),
        _parameter("background", value=True),
        _parameter("store", value=False),
        _parameter("truncation", "auto", label='`truncation`: "auto"'),
        _parameter("truncation", "disabled", label='`truncation`: "disabled"'),
        _parameter("reasoning", {"effort": "high"}, label='`reasoning.effort`: "high"'),
        _parameter("reasoning", {"effort": "none"}, label='`reasoning.effort`: "none"'),
        _parameter("reasoning", {"summary": "auto"}, label='`reasoning.summary`: "auto"'),
        _parameter("text", {"format": {"type": "text"}}, label="`text.format`: text"),
        _parameter("text", {"format": {"type": "json_object"}}, label="`text.format`: json_object"),
        _parameter(
            "text",
            {"format": {"type": "json_schema", "name": "level", "schema": _SCHEMA, "strict": True}},
            label="`text.format`: json_schema",
        ),
        _parameter("text", {"format": {"type": "acme:grammar"}}, label="`text.format` of an implementor"),
        _parameter("text", {"verbosity": "low"}, label="`text.verbosity`"),
        _parameter("service_tier", "flex"),
        _parameter("safety_identifier", "somebody"),
        _parameter("prompt_cache_key", "a-key"),
        _parameter("acme_parameter", 1, label="a parameter the specification does not have"),
    ),
    "Tools": (
        _parameter("tools", [_FUNCTION], label="a function"),
        Probe(
            "`strict` of a function",
            {**_BASE, "tools": [_FUNCTION]},
            {**_BASE, "tools": [{**_FUNCTION, "strict": True}]},
        ),
        _parameter("tools", [{"type": "acme:search"}], label="a tool of an implementor"),
        *(
            _parameter("tool_choice", mode, label=f'`tool_choice`: "{mode}"', base=_WITH_TOOLS)
            for mode in ("auto", "required", "none")
        ),
        _parameter(
            "tool_choice",
            {"type": "function", "name": "get_level"},
            label="`tool_choice`: one function",
            base=_WITH_TOOLS,
        ),
        _parameter(
            "tool_choice",
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_level"}]},
            label="`tool_choice`: allowed_tools",
            base=_WITH_TOOLS,
        ),
        _parameter("tool_choice", {"type": "acme:search"}, label="`tool_choice` of an implementor", base=_WITH_TOOLS),
    ),
    "Items of the input": (
        *(
            _item(f"message of the {role}", {"type": "message", "role": role, "content": "Say more."})
            for role in ("user", "system", "developer", "assistant")
        ),
        Probe(
            "`phase` of a message",
            _message("assistant", [{"type": "output_text", "text": "Yes."}]),
            {
                **_BASE,
                "input": [
                    _USER,
                    {
                        "type": "message",
                        "role": "assistant",
                        "phase": "commentary",
                        "content": [{"type": "output_text", "text": "Yes."}],
                    },
                ],
            },
        ),
        Probe(
            "function_call, and function_call_output",
            {**_BASE, "tools": [_FUNCTION]},
            {**_BASE, "tools": [_FUNCTION], "input": [_USER, _CALL, _RESULT]},
        ),
        _item(
            "reasoning, readable",
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
            after=[_CALL, _RESULT],
        ),
        _item(
            "reasoning, its summary",
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            after=[_CALL, _RESULT],
        ),
        _item(
            "reasoning, encrypted by somebody else",
            {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAA"},
            after=[_CALL, _RESULT],
        ),
        _item("compaction of somebody else", {"type": "compaction", "encrypted_content": "gAAAAA"}),
        _item("item_reference", {"type": "item_reference", "id": "msg_1"}),
        _item("item of an implementor", {"type": "acme:search_result", "id": "x_1", "status": "completed"}),
    ),
    "Parts of a message": (
        _part("input_text", {"type": "input_text", "text": "More."}),
        _part("input_image, in the request", _IMAGE),
        _part("input_image, elsewhere", {"type": "input_image", "image_url": "https://example.com/a.png"}),
        Probe(
            "`detail` of an image",
            _message("user", [_IMAGE]),
            _message("user", [{**_IMAGE, "detail": "high"}]),
        ),
        _part(
            "input_file, in the request",
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ),
        _part("input_file, elsewhere", {"type": "input_file", "file_url": "https://example.com/a.pdf"}),
        _part("input_video", {"type": "input_video", "video_url": "https://example.com/a.mp4"}),
        _part("part of an implementor", {"type": "acme:sketch", "lines": 3}),
        _part("output_text", {"type": "output_text", "text": "More."}, "assistant"),
        Probe(
            "annotations of an output_text",
            _message("assistant", [{"type": "output_text", "text": "Yes."}]),
            _message(
                "assistant",
                [
                    {
                        "type": "output_text",
                        "text": "Yes.",
                        "annotations": [
                            {"type": "url_citation", "start_index": 0, "end_index": 3, "url": "https://a", "title": "A"}
                        ],
                    }
                ],
            ),
        ),
        _part("refusal", {"type": "refusal", "refusal": "No."}, "assistant"),
    ),
    "Parts of a function's output": (
        _result_part("input_text", {"type": "input_text", "text": "More."}),
        _result_part("input_image", _IMAGE),
        _result_part(
            "input_file",
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ),
        _result_part("input_video", {"type": "input_video", "video_url": "https://example.com/a.mp4"}),
        _result_part("part of an implementor", {"type": "acme:sketch", "lines": 3}),
    ),
}


class _Reasons:
    """The reasons that were given, numbered in the order of the table; each once."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def number(self, reason: str) -> str:
        if reason not in self.given:
            self.given.append(reason)
        return f"({self.given.index(reason) + 1})"


def translation_pages() -> dict[str, str]:
    """Return the page by its path below `docs`."""
    reasons = _Reasons()
    lines = [_HEAD]
    for title, probes in PROBES.items():
        lines += [f"## {title}\n", f"| | {' | '.join(ADAPTERS)} |", f"|---|{'---|' * len(ADAPTERS)}"]
        lines += [
            f"| {probe.name} | {' | '.join(_cell(api, probe, reasons) for api in ADAPTERS.values())} |"
            for probe in probes
        ]
        lines.append("")
    lines.append("## Reasons\n")
    lines += [f"{number}. {reason}" for number, reason in enumerate(reasons.given, 1)]
    return {"reference/translation.md": "\n".join(lines) + "\n"}


def _cell(api: UpstreamAPI, probe: Probe, reasons: _Reasons) -> str:
    """Return what becomes of what `probe` is about."""
    without = _translated(api, probe.without)
    if isinstance(without, UnsupportedParameter):
        raise ValueError(f"{probe.name}: {api.name} refuses the request without it: {without}")
    having = _translated(api, probe.having)
    if isinstance(having, UnsupportedParameter):
        return f"**refused** {reasons.number(having.reason)}"
    told = {(loss.param, loss.reason) for loss in without.losses}
    new = [loss.reason for loss in having.losses if (loss.param, loss.reason) not in told]
    bodies = _seen(api, probe.without, without), _seen(api, probe.having, having)
    sent = [f"`{place}`" for place in _differences(*bodies, json.dumps(probe.having))]
    lost = [f"**lost** {reasons.number(reason)}" for reason in dict.fromkeys(new)]
    return ", ".join(sent + lost) or "nothing"


def _translated(api: UpstreamAPI, request: Json) -> UpstreamRequest | UnsupportedParameter:
    try:
        return api.request(parse_create(json.dumps(request)))
    except UnsupportedParameter as error:
        return error


def _seen(api: UpstreamAPI, request: Json, translated: UpstreamRequest) -> Json:
    """Return what the provider sees: the body, and the path, for some models stand there."""
    return {**translated.body, "(path)": api.path(parse_create(json.dumps(request)))}


def _differences(without: Json, having: Json, asked: str) -> list[str]:
    """Return where the second body says something that the first does not; values, where they are not as `asked`."""
    before, after = dict(_places(without, "")), dict(_places(having, ""))
    new = [place for place in after if place not in before]
    tops = [place for place in new if not any(place != other and _is_below(place, other) for other in new)]
    told = [_with_value(place, after[place], asked) for place in (_only_place(top, new) for top in tops)]
    changed = [f"{place} = {value}" for place, value in after.items() if value != before.get(place, value) and value]
    lacking = [place for place in before if place not in after]
    gone = [f"without {place}" for place in lacking if not any(_is_below(place, other) for other in lacking)]
    # Of many places the first ones say enough; the numbers only told alike entries apart.
    return list(dict.fromkeys(_NUMBER.sub("", place) for place in (*told, *changed, *gone)))[:3]


def _is_below(place: str, other: str) -> bool:
    return place.startswith((f"{other}.", f"{other}["))


def _only_place(top: str, places: Sequence[str]) -> str:
    """Return the place that `top` holds, if it holds but one, and so on."""
    while True:
        inner = [place for place in places if _is_below(place, top)]
        children = [place for place in inner if not any(_is_below(place, other) for other in inner)]
        if len(children) != 1:
            return top
        top = children[0]


def _with_value(place: str, value: str, asked: str) -> str:
    """Return a place with the text that stands there, where that is not the caller's own word."""
    return f"{place} = {value}" if value.startswith('"') and value not in asked else place


def _places(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Yield every place in a body with what is there, if that is no object and no list."""
    if isinstance(value, dict):
        if place:
            yield place, ""
        for key, entry in value.items():
            yield from _places(entry, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        yield place, ""
        seen: dict[str, int] = {}
        for entry in value:
            kind = _kind(entry)
            seen[kind] = seen.get(kind, 0) + 1
            number = f"#{seen[kind]}" if seen[kind] > 1 else ""
            yield from _places(entry, f"{place}[{kind}{number}]")
    else:
        yield place, json.dumps(value)


def _kind(entry: object) -> str:
    """Return what tells an entry of a list from others: its type, its role, or the one key it has."""
    if not isinstance(entry, dict):
        return ""
    for key in ("type", "role"):
        if isinstance(entry.get(key), str):
            return str(entry[key])
    return next(iter(entry), "")
