"""Thought signatures: how they travel in `encrypted_content`, and how they find back to their part.

Gemini signs parts: a text, a thought, a function call. The signature must come back on the very part it came on, or the
model loses its thoughts, and Gemini 3 refuses a call without its own. Open Responses has one place for such a thing,
the `encrypted_content` of a reasoning item. So each signature is a line of JSON there that says which part it is of, by
what stands beside the reasoning item: a position survives where ids are made up or changed.

Parts that become extension items carry their signature themselves, within the part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from penstock.spec.base import JsonObject
from penstock.spec.items import FunctionCallItemParam, ItemParam, MessageItemParam, ReasoningItemParam
from penstock.stream.output import EncryptedReasoning
from penstock.upstream.values import WRONG_JSON

Place = Literal["thought", "next_text", "last_text", "call", "alone"]
"""Which part was signed: one of this reasoning item's own text; of the message that follows, or comes before; the call
that follows; or a part without text, which stands where the reasoning item does."""


class Signature(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="google:thought_signature"):
    """One signature and the part it is of; `start` and `end` count characters of the text, `name` is the function's."""

    part: Place
    signature: str
    start: int = 0
    end: int = 0
    name: str = ""

    def encrypted(self) -> EncryptedReasoning:
        """Return it as output; lines may be joined."""
        return EncryptedReasoning(_encode(self).decode() + "\n")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Signature).decode


def read_signatures(encrypted: str) -> list[Signature] | None:
    """Return the signatures in an `encrypted_content`, None where somebody else made it."""
    try:
        return [_decode(line) for line in encrypted.split("\n") if line] or None
    except (*WRONG_JSON, UnicodeEncodeError):
        return None


class Signatures:
    """The signatures of a conversation that is sent back, by the index of the item they belong to."""

    def __init__(self, items: Sequence[ItemParam], lose: Callable[[str, str], None]) -> None:
        """Find the place of every signature; `lose(param, reason)` is told of those that have none."""
        self.of_call: dict[int, str] = {}
        self.of_text: dict[int, list[Signature]] = {}
        """Those of a message's text, or of a reasoning item's own."""
        self.alone: dict[int, list[str]] = {}
        for number, item in enumerate(items):
            if isinstance(item, ReasoningItemParam) and item.encrypted_content:
                path = f"input[{number}].encrypted_content"
                signatures = read_signatures(item.encrypted_content)
                if signatures is None:
                    lose(path, "it did not come from Gemini")
                elif [signature for signature in signatures if not self._place(signature, items, number)]:
                    lose(path, "a part that it signs is not where it was")

    def _place(self, signature: Signature, items: Sequence[ItemParam], number: int) -> bool:
        """Put `signature`, which came with the reasoning item `number`, where it belongs; return whether that is."""
        match signature.part:
            case "thought":
                self.of_text.setdefault(number, []).append(signature)
            case "alone":
                self.alone.setdefault(number, []).append(signature.signature)
            case "call":
                index = _beside(items, number, 1)
                call = items[index] if index is not None else None
                if index is None or not isinstance(call, FunctionCallItemParam) or call.name != signature.name:
                    return False
                self.of_call[index] = signature.signature
            case _:
                index = _beside(items, number, 1 if signature.part == "next_text" else -1)
                message = items[index] if index is not None else None
                if index is None or not isinstance(message, MessageItemParam) or message.role != "assistant":
                    return False
                self.of_text.setdefault(index, []).append(signature)
        return True


def _beside(items: Sequence[ItemParam], number: int, step: Literal[1, -1]) -> int | None:
    """Return the index of the first item after or before `number` that is no reasoning."""
    number += step
    while 0 <= number < len(items):
        if not isinstance(items[number], ReasoningItemParam):
            return number
        number += step
    return None


def signed_parts(text: str, signatures: Sequence[Signature]) -> list[JsonObject] | None:
    """Return `text` as the parts it came in, as far as they were signed; None where it is not the text that was."""
    parts: list[JsonObject] = []
    at = 0
    for signature in sorted(signatures, key=lambda signature: (signature.start, signature.end)):
        if not at <= signature.start <= signature.end <= len(text):
            return None
        if signature.start > at:
            parts.append({"text": text[at : signature.start]})
        at = signature.end
        parts.append({"text": text[signature.start : at], "thoughtSignature": signature.signature})
    if at < len(text) or not parts:
        parts.append({"text": text[at:]})
    return parts
