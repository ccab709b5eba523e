"""What Anthropic has beyond the specification, and how it is called in Open Responses: with a slug in front.

Spec: "Extending Open Responses". Blocks, citations, tools, content parts and fields of requests go through unchanged
but for their name, in both directions: `server_tool_use` there is `anthropic:server_tool_use` here.
"""

from __future__ import annotations

from typing import cast

from penstock.spec.base import UNSET, Extra, JsonObject, UnknownObject

SLUG = "anthropic:"
"""Stands in front of every name of Anthropic's own."""


def native_fields(extra: Extra) -> JsonObject:
    """Return the fields in `extra` that are Anthropic's own, by Anthropic's names: a prompt cache's mark, say."""
    return {
        key.removeprefix(SLUG): value for key, value in extra.items() if key.startswith(SLUG) and value is not UNSET
    }


def native_object(value: UnknownObject) -> JsonObject | None:
    """Return an object of Anthropic's own as Anthropic wrote it, None where it is somebody else's."""
    if not value.type.startswith(SLUG) or value.type == SLUG:
        return None
    fields = {key: field for key, field in value.fields.items() if field is not UNSET}
    return {**fields, "type": value.type.removeprefix(SLUG)}


def says_something(value: object) -> bool:
    """Whether there is anything in a JSON value but noughts, nulls and emptiness."""
    if isinstance(value, dict):
        return any(map(says_something, cast("JsonObject", value).values()))
    return bool(value)
