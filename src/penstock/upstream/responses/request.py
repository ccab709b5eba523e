"""An Open Responses request as the body of another server's `POST /responses`: nearly as it came.

What is changed, and what is refused:

- `stream` says how the answer is read, `stream_options` goes only with a stream;
- what only the store that made it can resolve is refused: it must have been resolved before;
- types that got a slug when a reply was read (`openai:web_search_call`) lose it again, for their maker knows none;
- reasoning that was kept for a provider of another API is left out and reported, for OpenAI refuses a request with
  it; a conversation that was compacted so is refused.

All else passes: parameters, items, tools and fields the specification does not have, nulls, and encrypted reasoning:
whether it was encrypted with a key that the server has is for the server to say (`invalid_encrypted_content`).

Spec: "HTTP Requests", "Extending Open Responses".
"""

from __future__ import annotations

from typing import Literal, cast

from msgspec import Struct
from msgspec.structs import replace

from penstock.spec.base import JsonObject
from penstock.spec.items import CompactionItemParam, ItemParam, ItemReferenceParam, ReasoningItemParam
from penstock.spec.request import CreateResponse
from penstock.upstream.base import Loss, UnsupportedParameter, UpstreamRequest
from penstock.upstream.responses.kept import is_kept_for_another
from penstock.upstream.responses.names import without_slug
from penstock.upstream.values import as_list, as_object
from penstock.wire.codec import to_plain

__all__ = ["Options", "translate"]


class Options(Struct, frozen=True, kw_only=True):
    """In what a server differs from the others."""

    others_reasoning: Literal["drop", "send"] = "drop"
    """What becomes of reasoning that a provider of another API signed or encrypted, when a conversation goes on here.
    OpenAI refuses it; another Penstock, with that provider behind it, wants it back."""


def translate(request: CreateResponse, options: Options, *, stream: bool) -> UpstreamRequest:
    """Return `request` in the provider's form; raise UnsupportedParameter for what must have been resolved before."""
    if request.previous_response_id:
        raise UnsupportedParameter("previous_response_id", "the upstream does not know our responses")
    if request.background:
        raise UnsupportedParameter("background", "a background run is ours: the upstream is asked as for any other")
    losses: list[Loss] = []
    if isinstance(request.input, list):
        request = replace(request, input=_input(request.input, options, losses))
    body = cast("JsonObject", to_plain(request))
    body["stream"] = stream
    if not stream:
        body.pop("stream_options", None)
    named = {
        "input": _all_named(body.get("input"), "content", "annotations"),
        "tools": _all_named(body.get("tools")),
        "tool_choice": _named(body.get("tool_choice"), "tools"),
        "include": [_included(name) for name in request.include] if request.include else body.get("include"),
    }
    return UpstreamRequest(body={**body, **{key: named[key] for key in named if key in body}}, losses=losses)


def _input(items: list[ItemParam], options: Options, losses: list[Loss]) -> list[ItemParam]:
    """Return the items that are sent; `losses` gets those that are not. Raises UnsupportedParameter."""
    sent: list[ItemParam] = []
    for index, item in enumerate(items):
        if isinstance(item, ItemReferenceParam):
            raise UnsupportedParameter(f"input[{index}]", "the upstream does not know our items")
        encrypted = item.encrypted_content if isinstance(item, ReasoningItemParam | CompactionItemParam) else None
        if options.others_reasoning == "drop" and encrypted and is_kept_for_another(encrypted):
            if isinstance(item, CompactionItemParam):
                raise UnsupportedParameter(f"input[{index}].encrypted_content", _KEPT)
            losses.append(Loss(f"input[{index}]", _KEPT))
        else:
            sent.append(item)
    return sent


_KEPT = "it was kept for a provider of another API"


def _all_named(value: object, *inside: str) -> object:
    entries = as_list(value)
    return value if entries is None else [_named(entry, *inside) for entry in entries]


def _named(value: object, *inside: str) -> object:
    """Return an object under the name its maker gave it; so are those in its list, one `inside` the other."""
    fields = as_object(value)
    if fields is None:
        return value
    named = dict(fields)
    if isinstance(name := fields.get("type"), str):
        named["type"] = without_slug(name)
    if inside and inside[0] in fields:
        named[inside[0]] = _all_named(fields[inside[0]], *inside[1:])
    return named


def _included(name: str) -> str:
    """Return a name to include, which may begin with an item's: `openai:web_search_call.action.sources`."""
    item, dot, rest = name.partition(".")
    return f"{without_slug(item)}{dot}{rest}"
