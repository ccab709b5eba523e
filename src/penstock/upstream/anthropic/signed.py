"""Blocks that must go back unchanged, as `encrypted_content`: thinking with its signature, and compactions.

Each block is one line of JSON, so that the blocks of one reasoning item may be joined. The readable text stands in
there too, though the item tells it: Anthropic refuses a block of which a single character differs, and what clients
make of readable texts (a summary, a paragraph, nothing) is not ours to know.
"""

from __future__ import annotations

import msgspec

from penstock.spec.base import JsonObject
from penstock.stream.fold import whole_text
from penstock.upstream.values import json_text

_decode_object = msgspec.json.Decoder(JsonObject).decode

COMPACTION = "compaction"
THINKING = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""The types of blocks that a reasoning item holds, and the texts each must have."""


def sealed(block: JsonObject) -> str:
    """Return `block` as a line of `encrypted_content`."""
    return whole_text(json_text(block)) + "\n"


def thinking_blocks(encrypted: str) -> list[JsonObject] | None:
    """Return the blocks of thinking in `encrypted`, None where somebody else made it."""
    blocks = _lines(encrypted)
    return blocks if blocks and all(map(_is_thinking, blocks)) else None


def compaction_block(encrypted: str) -> JsonObject | None:
    """Return the compaction in `encrypted`, None where somebody else made it."""
    blocks = _lines(encrypted)
    return blocks[0] if len(blocks) == 1 and blocks[0].get("type") == COMPACTION else None


def _is_thinking(block: JsonObject) -> bool:
    texts = THINKING.get(str(block.get("type")))
    return texts is not None and all(isinstance(block.get(name), str) for name in texts)


def _lines(encrypted: str) -> list[JsonObject]:
    try:
        return [_decode_object(line) for line in encrypted.split("\n") if line]
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return []
