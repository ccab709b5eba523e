"""Arbitrary requests to ask any adapter, and the pieces that all of them take alike."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from penstock.spec import content as c
from penstock.spec import items as i
from penstock.spec import request as r
from penstock.spec import tools as t
from penstock.spec.base import UNSET, Extra
from penstock.spec.request import CreateResponse
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat, TextResponseFormat

__all__ = [
    "acme",
    "call_ids",
    "details",
    "functions",
    "maybe_words",
    "messages",
    "names",
    "refusals",
    "requests",
    "summaries",
    "thoughts",
    "tools",
    "words",
]

words = st.text(max_size=8)
maybe_words = words | st.none() | st.just(UNSET)
_flags = st.booleans() | st.none() | st.just(UNSET)
_numbers = st.floats(0, 2) | st.none() | st.just(UNSET)
_rarely = st.just(UNSET) | st.just(UNSET)
acme = st.just(Extra({"type": "acme:thing"}))
"""The fields of something that is no provider's."""

# What items are made of.

call_ids = st.sampled_from(["a", "b", "c.d:e"])
names = st.sampled_from(["f", "g", "h"])
details = st.sampled_from(["low", "high", "auto", None, UNSET])
refusals = st.builds(c.RefusalContentParam, refusal=words)
summaries = st.lists(st.builds(c.ReasoningSummaryContentParam, text=words), max_size=2)
thoughts = st.lists(st.builds(c.ReasoningTextContentParam, text=words), max_size=2) | st.none()


def messages(
    texts: st.SearchStrategy[c.InputTextContentParam],
    answers: st.SearchStrategy[c.OutputTextContentParam],
    others: st.SearchStrategy[Any],
) -> st.SearchStrategy[i.MessageItemParam]:
    """Messages of everybody, with any parts in them: half of what the model said is as it may be."""
    roles = st.sampled_from(["user", "assistant", "system", "developer"])
    rare = st.builds(c.InputVideoContent, video_url=words) | st.builds(c.ExtensionContent, fields=acme)
    parts = texts | texts | answers | refusals | others | rare
    content = words | st.lists(texts, max_size=2) | st.lists(parts, max_size=3)
    said = st.lists(answers | refusals, max_size=3)
    return st.builds(i.MessageItemParam, role=roles, content=content) | st.builds(
        i.MessageItemParam, role=st.just("assistant"), content=said
    )


# What a request asks for.

tools = st.builds(
    t.FunctionToolParam,
    name=names,
    description=maybe_words,
    parameters=st.just({}) | st.none() | st.just(UNSET),
    strict=_flags,
)
functions = st.builds(t.SpecificFunctionParam, name=names)
_modes = st.sampled_from(["none", "auto", "required"])
_foreign = st.builds(t.ExtensionToolChoice, fields=acme)
_choices = (
    _modes
    | st.none()
    | functions
    | st.builds(
        t.AllowedToolsParam,
        tools=st.lists(functions | _foreign, min_size=1, max_size=3),
        mode=_modes | st.just(UNSET),
    )
    | _foreign
)
_formats = (
    st.sampled_from([None, UNSET, TextResponseFormat(), JsonObjectResponseFormat()])
    | st.builds(
        r.JsonSchemaResponseFormatParam,
        name=words | st.just(UNSET),
        description=_rarely | maybe_words,
        schema=st.just({}),
        strict=_flags,
    )
    | st.builds(ExtensionFormat, fields=acme)
)


def requests(items: st.SearchStrategy[Any], **own: st.SearchStrategy[Any]) -> st.SearchStrategy[CreateResponse]:
    """Requests with such items; `own` are the fields of which an adapter has other values to try."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        "model": words | st.just("m"),
        "input": words | st.lists(items, max_size=6),
        "previous_response_id": _rarely | maybe_words,
        "include": st.lists(
            st.sampled_from(["reasoning.encrypted_content", "message.output_text.logprobs", "x"]), max_size=2
        )
        | st.none(),
        "tools": st.lists(tools, max_size=3)
        | st.none()
        | st.lists(tools | st.builds(t.ExtensionTool, fields=acme), max_size=3),
        "tool_choice": st.just(UNSET) | _choices,
        "metadata": st.dictionaries(words, words, max_size=2) | st.none(),
        "text": st.just(UNSET)
        | st.builds(r.TextParam, format=_formats, verbosity=st.sampled_from(["low", "high", None, UNSET])),
        "temperature": _numbers,
        "top_p": _numbers,
        "presence_penalty": _numbers,
        "frequency_penalty": _numbers,
        "parallel_tool_calls": _flags,
        "stream": _flags,
        "background": _rarely | _flags,
        "max_output_tokens": st.integers(16, 9_999) | st.none(),
        "max_tool_calls": st.integers(1, 9) | st.none(),
        "reasoning": st.just(UNSET)
        | st.builds(
            r.ReasoningParam,
            effort=st.sampled_from(["none", "low", "medium", "high", "xhigh", None, UNSET]),
            summary=st.sampled_from(["auto", "concise", None, UNSET]),
        ),
        "safety_identifier": maybe_words,
        "prompt_cache_key": maybe_words,
        "truncation": st.sampled_from(["auto", "disabled", None, UNSET]),
        "instructions": maybe_words,
        "store": _flags,
        "service_tier": st.sampled_from(["auto", "default", "flex", "priority", None, UNSET]),
        "top_logprobs": st.integers(0, 20) | st.none(),
    }
    return st.builds(CreateResponse, **(fields | own))
