"""What other adapters keep for their providers in `encrypted_content`: it says nothing to a Responses server.

They keep signed parts as they are, a line of JSON each. What a Responses server encrypted is no JSON.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

__all__ = ["is_kept_for_another"]


class _Line(Struct):
    """What every such line has."""

    type: str


_decode = msgspec.json.Decoder(_Line).decode


def is_kept_for_another(encrypted: str) -> bool:
    """Whether an adapter of another API made `encrypted`, and not a Responses server."""
    lines = [line for line in encrypted.split("\n") if line]
    try:
        for line in lines:
            _decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return bool(lines)
