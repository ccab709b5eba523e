"""Reasoning in the demo's protected form, which it knows again when it comes back.

It is no secret: the text in base64 and a checksum, so that a client that mixes up or cuts what it was told to send back
as it is gets found out.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final

__all__ = ["seal", "unseal"]

_MARK: Final = "penstock-demo"


def seal(text: str) -> str:
    """Return `text` in the form that goes into `encrypted_content`."""
    data = text.encode("utf-8", "replace")
    return f"{_MARK}.{zlib.crc32(data):08x}.{base64.urlsafe_b64encode(data).decode()}"


def unseal(sealed: str) -> str | None:
    """Return the text that was sealed; None where this is none of the demo's, or not as it left."""
    mark, _, rest = sealed.partition(".")
    checksum, _, encoded = rest.partition(".")
    if mark != _MARK:
        return None
    try:
        data = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data.decode("utf-8", "replace") if f"{zlib.crc32(data):08x}" == checksum else None
