"""Objects to and from the JSON that is stored: as they would stand on the wire, with nothing lost."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem, Item, ItemParam
from penstock.spec.request import CreateResponse
from penstock.spec.response import Response, ResponseError
from penstock.wire.codec import NOT_EXACT, decode_json_object, decode_object
from penstock.wire.errors import ShapeError
from penstock.wire.load import load

__all__ = ["ABANDONED", "as_abandoned", "decode_input_item", "decode_response"]

ABANDONED = ResponseError(code="server_error", message="The server stopped before the response was finished.")
"""The error of a response that nobody will finish."""

_exact_response = msgspec.json.Decoder(Response).decode
_exact_item: Any = msgspec.json.Decoder(ItemParam).decode


def decode_response(body: bytes) -> Response:
    """Return the response in `body`."""
    try:
        return _exact_response(body)
    except NOT_EXACT:
        return decode_object(Response, body)


def decode_input_item(body: bytes) -> ItemParam:
    """Return the input item in `body`; one that the specification does not allow becomes an ExtensionItem."""
    try:
        exact: ItemParam = _exact_item(body)
    except NOT_EXACT:
        fields = decode_json_object(body)
    else:
        return exact
    try:
        loaded = load(CreateResponse, {"input": [fields]}, tolerant=False).input
    except ShapeError:
        return ExtensionItem(fields=Extra(fields))
    assert isinstance(loaded, list)  # an array was put there, and the strict reading takes nothing else
    return loaded[0]


def as_abandoned(response: Response) -> Response:
    """Return a response in progress as the failed one it has become.

    Spec: "Items are state machines": what was in progress can only have become incomplete.
    """
    output = [_stopped(item) for item in response.output]
    return replace(response, status="failed", error=ABANDONED, output=output)


def _stopped(item: Item) -> Item:
    if item.status != "in_progress":
        return item
    if isinstance(item, ExtensionItem):
        return replace(item, fields=Extra({**item.fields, "status": "incomplete"}))
    return replace(item, status="incomplete")
