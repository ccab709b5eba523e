"""What another API's stream looks like, so that somebody who mixed them up is told which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

__all__ = ["KINDS", "Kind", "kind_of"]


class Kind(Struct, frozen=True):
    """A kind of reply: `words` for people, and the name of the adapter that reads it."""

    words: str
    upstream: str


KINDS: Final = (
    Kind("an Anthropic Messages", "anthropic"),
    Kind("a Chat Completions", "chat-completions"),
    Kind("a Gemini", "gemini"),
    Kind("an Open Responses", "responses"),
)

_ANTHROPIC_EVENTS: Final = ("message_start", "content_block_start", "content_block_delta", "message_delta")
_ANTHROPIC, _CHAT, _GEMINI, _RESPONSES = KINDS


def kind_of(fields: Mapping[str, object]) -> Kind | None:
    """Return what a reply is that begins with, or is, the object `fields`; None where it may be any."""
    kind = fields.get("type")
    name = fields.get("object")
    if kind in _ANTHROPIC_EVENTS or (kind == "message" and "stop_reason" in fields):
        return _ANTHROPIC
    if (isinstance(name, str) and name.startswith("chat.completion")) or isinstance(fields.get("choices"), list):
        return _CHAT
    if "candidates" in fields or "usageMetadata" in fields:
        return _GEMINI
    if (isinstance(kind, str) and kind.startswith("response.")) or name == "response":
        return _RESPONSES
    return None
