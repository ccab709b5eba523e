"""API keys: who may ask, and to whom a response belongs.

Keys are kept as their SHA-256, which is enough for what is random and long; a password would need more. They are
compared in constant time, and never logged.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from penstock.server.errors import Refused
from penstock.spec.errors import PenstockError

__all__ = ["ANYONE", "KeyFileError", "Keys", "is_loopback"]

ANYONE: Final = "anyone"
"""Whose the responses are of a server without keys."""
MIN_KEY_LENGTH: Final = 16
"""Shortest key, in characters: fewer can be guessed, and a plain hash of them can be turned around."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})").fullmatch


class KeyFileError(PenstockError):
    """A list of keys that cannot be used; the message names the line, and never the key."""


class Keys:
    """The keys that are let in. Without any, everybody is, as `ANYONE`."""

    def __init__(self, keys: Iterable[tuple[str, str]] = ()) -> None:
        """Let in each key under its owner's name: pairs of name, and key or `sha256:` with its digest in hexadecimal.

        Several keys may have one name; their responses belong together. Raises KeyFileError.
        """
        self._names: dict[bytes, str] = {}
        for number, (name, key) in enumerate(keys, 1):
            self._let_in(name, key, f"key {number}")

    def _let_in(self, name: str, key: str, place: str) -> None:
        if not _NAME(name):
            raise KeyFileError(f"{place}: the name must be 1 to 64 letters, digits, '.', '_' or '-'")
        digest = _DIGEST(key)
        if digest is None and len(key) < MIN_KEY_LENGTH:
            raise KeyFileError(f"{place} ({name}): shorter than {MIN_KEY_LENGTH} characters, too easily guessed")
        self._add(bytes.fromhex(digest[1]) if digest else _sha256(key), name, place)

    def _add(self, digest: bytes, name: str, place: str) -> None:
        other = self._names.setdefault(digest, name)
        if other != name:
            raise KeyFileError(f"{place} ({name}): it is the key of {other} already")

    def __or__(self, others: Keys) -> Keys:
        """Return the keys of both. Raises KeyFileError where one key has two names."""
        both = Keys()
        for digest, name in (*self._names.items(), *others._names.items()):
            both._add(digest, name, "a key")
        return both

    @classmethod
    def from_text(cls, text: str) -> Keys:
        """Read a key a line, `name: key` or the key alone; `#` begins a comment. Raises KeyFileError."""
        keys = cls()
        for number, line in enumerate(text.splitlines(), 1):
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            name, colon, key = entry.partition(": ")
            if not colon:
                if ":" in entry and not _DIGEST(entry):
                    raise KeyFileError(f"line {number}: expected 'name: key', with a space, or a key without a colon")
                key = entry
                name = f"key-{_sha256(key).hex()[:12]}"
            keys._let_in(name.strip(), key.strip(), f"line {number}")
        if not keys:
            raise KeyFileError("there is no key in it; a server without keys is started without a key file")
        return keys

    @classmethod
    def from_file(cls, path: Path) -> Keys:
        """Read the keys in a file. Raises KeyFileError, and OSError where it cannot be read."""
        try:
            return cls.from_text(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise KeyFileError("it is no UTF-8 text") from None

    def __bool__(self) -> bool:
        """Whether a key is asked for."""
        return bool(self._names)

    def owner(self, authorization: str | None) -> str:
        """Return the name of whoever sends this `Authorization` header; raise Refused where it is nobody known."""
        if not self._names:
            return ANYONE
        if authorization is None:
            raise _unauthorized("no API key was sent; expected the header Authorization: Bearer KEY", "missing_api_key")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise _unauthorized("the header Authorization is not of the form: Bearer KEY", "invalid_api_key")
        digest = _sha256(key.strip())
        found = ""
        for known, name in self._names.items():  # all of them, always: how long it takes tells nothing
            if hmac.compare_digest(known, digest):
                found = name
        if not found:
            raise _unauthorized("the API key is not known here", "invalid_api_key")
        return found


def is_loopback(host: str | None) -> bool:
    """Whether a host, by name or address, is this machine and can be no other."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _sha256(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _unauthorized(message: str, code: str) -> Refused:
    headers = {"WWW-Authenticate": "Bearer"}
    return Refused.because(message, code=code, error_type="authentication_error", headers=headers)
