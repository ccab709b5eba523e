"""What a client keeps for us: sealed so that only this server can read it, and only for the same client.

Compacted conversations and reasoning that must not be shown travel as opaque strings and come back with the next
request. They are encrypted and authenticated (AES-256-GCM), and bound to their owner: nobody else can send them back.
"""

from __future__ import annotations

import base64
import binascii
import os
import zlib
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from penstock.spec.errors import PenstockError
from penstock.wire.codec import encode_plain

__all__ = ["MIN_SECRET_LENGTH", "SealError", "Seals"]

PREFIX: Final = "penstock.1."
"""How everything sealed here begins: what it is, and in which form, so that another form can follow."""
MIN_SECRET_LENGTH: Final = 32
"""Shortest secret, in characters: as many bits as the cipher's key has, where they are random hexadecimal digits."""
MAX_OPENED: Final = 64 * 2**20
"""Most bytes that are unpacked from a seal: as much as a request may hold. Ours are never larger."""
_NONCE: Final = 12
"""Bytes of a nonce of AES-GCM (NIST SP 800-38D)."""


class SealError(PenstockError):
    """Something sealed that cannot be opened here: of another server, another client, or damaged."""


class Seals:
    """Seals and opens JSON data with one secret."""

    def __init__(self, secret: str | None = None) -> None:
        """Use `secret`; without one, whatever is sealed can be opened only until the end of the process.

        Raises ValueError for a secret shorter than `MIN_SECRET_LENGTH`.
        """
        if secret is not None and len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"a secret needs {MIN_SECRET_LENGTH} characters or more, got {len(secret)}")
        material = os.urandom(32) if secret is None else secret.encode("utf-8", "surrogatepass")
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"penstock seals").derive(material)
        self._cipher = AESGCM(key)

    @staticmethod
    def is_sealed(text: str) -> bool:
        """Whether `text` was sealed by a server of this kind."""
        return text.startswith(PREFIX)

    def seal(self, purpose: str, owner: str, value: object) -> str:
        """Return `value`, plain JSON data, sealed for `owner` to send back for `purpose`."""
        nonce = os.urandom(_NONCE)
        packed = zlib.compress(encode_plain(value))
        sealed = self._cipher.encrypt(nonce, packed, _bound_to(purpose, owner))
        return PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def open(self, purpose: str, owner: str, text: str) -> Any:  # noqa: ANN401 - JSON data, whatever was sealed
        """Return what was sealed for `owner` and `purpose`; raise SealError where it was not, or not here."""
        if not self.is_sealed(text):
            raise SealError("it was not made by this server")
        try:
            sealed = base64.b64decode(text[len(PREFIX) :], altchars=b"-_", validate=True)
            packed = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound_to(purpose, owner))
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(packed, MAX_OPENED)
        except (binascii.Error, ValueError, InvalidTag, zlib.error):
            raise SealError("it was made by another server or for another client, or it is damaged") from None
        if unpacking.unconsumed_tail:
            raise SealError(f"it holds more than {MAX_OPENED} bytes")
        return msgspec.json.decode(data)


def _bound_to(purpose: str, owner: str) -> bytes:
    return f"{purpose}\0{owner}".encode()
