"""Where data is not what it should be for a reader of JSON: the very characters it stumbles over."""

from __future__ import annotations

import json
import math
import re
from typing import Final

__all__ = ["unreadable"]

# Bytes that are no UTF-8, as Python's decoder passes them on (`surrogateescape`).
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]+")
# An escape of any kind; in the group, one of a surrogate without the other half.
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]|[^\s,:{}\[\]"]++', re.DOTALL)
# What a number has that may be too large for a float; also NaN and Infinity, which JSON cannot say.
_FRACTION: Final = re.compile(r"\d[.eE]|NaN|Infinity")
_SPACE: Final = re.compile(r"\s*+")


def unreadable(text: str) -> tuple[int, int] | None:
    """Return where `text`, JSON with its bytes that are no UTF-8 escaped as surrogates, is not readable: from, to.

    That is bytes that are no UTF-8, half of a surrogate pair, the place where JSON ends to be JSON, a number that is
    not finite, or a key that stands a second time. None where all of it can be read, or it is too deep to tell.
    """
    damaged = _NOT_UTF8.search(text)
    if damaged is not None:
        return damaged.span()
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # A string that does not end is marked from its beginning, all else by the character that was not expected.
        is_string = error.msg.startswith("Unterminated string")
        return error.pos, len(text) if is_string else min(error.pos + 1, len(text))
    except (ValueError, RecursionError):
        return None
    half = next((escape for escape in _ESCAPE.finditer(text) if escape[1] is not None), None)
    return half.span() if half is not None else _second_key_or_number(text)


def _second_key_or_number(text: str) -> tuple[int, int] | None:
    """Return the first key of `text`, which is JSON, that its object has already, or number that is not finite."""
    keys: list[set[str]] = [set()]
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in ("{", "["):
            keys.append(set())
        elif word in ("}", "]"):
            keys.pop()
        elif word.startswith('"'):
            if text.startswith(":", _end_of_space(text, token.end())):
                key = json.loads(word)
                if key in keys[-1]:
                    return token.span()
                keys[-1].add(key)
        elif _FRACTION.search(word) is not None and not math.isfinite(float(word)):
            return token.span()
    return None


def _end_of_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()
