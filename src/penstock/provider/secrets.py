"""What proves to a provider who asks: sent with every request, and told to nobody else.

Keys leak through three doors: the representation of an object in a traceback or a log, the address in an error
message, and the provider's own message, which may repeat what it was sent. All three are closed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from penstock.spec.base import Extra
from penstock.spec.response import ErrorPayload
from penstock.wire.wording import is_array, is_object

__all__ = ["HIDDEN", "Secrets"]

HIDDEN = "[hidden]"
"""What is shown in the place of a secret."""

SHORTEST_SECRET = 8
"""Fewest characters of a secret. Local servers are given words for a key ("ollama"), which have a meaning elsewhere."""

_TELLING = re.compile(r"auth|key|token|secret|cookie|password|credential", re.IGNORECASE).search
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch


class Secrets:
    """The headers that go to a provider, and the words that nobody else may see."""

    def __init__(self, headers: Mapping[str, str], *, more: Mapping[str, str | None] | None = None) -> None:
        """Hold `headers` to be sent; `more` are secrets that are sent elsewhere, such as in the address, by their name.

        A value is a secret where its name says so (`Authorization`, `x-api-key`). Raises ValueError for what no header
        can hold, without saying what that is.
        """
        for name, value in headers.items():
            if not _HEADER_NAME(name):
                raise ValueError(f"{name!r} cannot be the name of a header")
            if not _HEADER_VALUE(value):
                raise ValueError(f"the value of the header {name!r} holds a character that no header may hold")
        self.headers: dict[str, str] = dict(headers)
        found = {
            word
            for name, value in (*headers.items(), *(more or {}).items())
            if value is not None and _TELLING(name)
            # "Bearer sk-..." is one, and so is what stands behind the scheme.
            for word in (value, value.rpartition(" ")[2])
            if len(word) >= SHORTEST_SECRET
        }
        # The longest first: what is part of another must not be taken out of it.
        words = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.headers)})"

    def hide(self, text: str) -> str:
        """Return `text` without secrets."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def hide_in(self, error: ErrorPayload) -> ErrorPayload:
        """Return `error` without secrets, wherever in it they were."""
        if self._pattern is None:
            return error
        return replace(
            error,
            type=self.hide(error.type),
            code=self._hidden_or_none(error.code),
            message=self.hide(error.message),
            param=self._hidden_or_none(error.param),
            extra=Extra({self.hide(key): self._hidden(value) for key, value in error.extra.items()})
            if error.extra
            else error.extra,
        )

    def _hidden_or_none(self, text: str | None) -> str | None:
        return None if text is None else self.hide(text)

    def _hidden(self, value: object) -> object:
        if isinstance(value, str):
            return self.hide(value)
        if is_array(value):
            return [self._hidden(entry) for entry in value]
        if is_object(value):
            return {self.hide(key): self._hidden(entry) for key, entry in value.items()}
        return value
