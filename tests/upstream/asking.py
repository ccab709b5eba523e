"""Requests for the tests of what an adapter makes of them: their pieces, and what becomes of each field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import pytest

from penstock.spec import content as c
from penstock.spec import items as i
from penstock.spec.base import Extra, JsonObject
from penstock.spec.request import CreateResponse
from penstock.upstream.base import UnsupportedParameter, UpstreamAPI

__all__ = [
    "LOST",
    "ODD",
    "OURS",
    "REFUSED",
    "SENT",
    "asking",
    "body_by",
    "call",
    "check_fate",
    "is_path",
    "lost_by",
    "of",
    "refused_by",
    "result",
    "samples",
    "text",
    "user",
]

ODD: Final = Extra({"odd": 1})
"""A field that nobody knows."""
_PATH: Final = re.compile(r"[a-z_]+(\[\d+\])?(\.[a-z_]+(\[\d+\])?)*")


def asking(**more: object) -> CreateResponse:
    return msgspec.structs.replace(CreateResponse(model="m", input="Hi"), **more)


def of(*items: i.ItemParam, **more: object) -> CreateResponse:
    return asking(input=list(items), **more)


def user(*parts: c.MessageContentParam, role: i.Role = "user") -> i.MessageItemParam:
    return i.MessageItemParam(role=role, content=list(parts))


def text(words: str) -> c.InputTextContentParam:
    return c.InputTextContentParam(text=words)


def call(call_id: str, name: str = "f", arguments: str = "{}") -> i.FunctionCallItemParam:
    return i.FunctionCallItemParam(call_id=call_id, name=name, arguments=arguments, id="fc_1", status="completed")


def result(call_id: str, output: str | list[c.ToolOutputContentParam] = "42") -> i.FunctionCallOutputItemParam:
    return i.FunctionCallOutputItemParam(call_id=call_id, output=output)


def body_by(adapter: UpstreamAPI, request: CreateResponse) -> JsonObject:
    """The body made of `request`, none of which may be lost."""
    made = adapter.request(request)
    assert made.losses == []
    return made.body


def lost_by(adapter: UpstreamAPI, request: CreateResponse) -> list[str]:
    losses = adapter.request(request).losses
    assert all(loss.reason for loss in losses)
    return [loss.param for loss in losses]


def refused_by(adapter: UpstreamAPI, request: CreateResponse) -> str:
    with pytest.raises(UnsupportedParameter) as caught:
        adapter.request(request)
    assert caught.value.reason
    return caught.value.param


def is_path(param: str) -> bool:
    """Whether `param` is the path of a field of a request."""
    return _PATH.fullmatch(param) is not None and re.split(r"[.[]", param)[0] in CreateResponse.__struct_fields__


# What may become of a field: the provider is sent it, it is told as lost, the request is refused for it, or it is none
# of the provider's business.
SENT, LOST, REFUSED, OURS = "sent", "lost", "refused", "ours"


def samples(fates: Mapping[str, Sequence[tuple[object, str]]]) -> list[tuple[str, object, str]]:
    """Return each field with each of its values, and what becomes of that."""
    return [(field, *sample) for field, of_field in fates.items() for sample in of_field]


def check_fate(adapter: UpstreamAPI, plain: CreateResponse, field: str, value: object, fate: str) -> None:
    """Fail unless that becomes of `value` in the `field` of a request which is `plain` otherwise."""
    request = msgspec.structs.replace(plain, **{field: value})
    if fate == REFUSED:
        assert refused_by(adapter, request) == field
        return
    body, made = body_by(adapter, plain), adapter.request(request)
    assert (made.body != body) is (fate == SENT)
    assert bool(made.losses) is (fate == LOST)
    for param in lost_by(adapter, request):
        assert field in param or field == "extra"
    if fate == SENT and field not in ("model", "input", "tools", "extra"):
        assert body_by(adapter, msgspec.structs.replace(plain, **{field: None})) == body
