r"""Text that may be shown: nothing a model or a server wrote reaches the terminal as a command.

A control character in the text of a stream could move the cursor, retitle the window or hide what stands before it.
Here each becomes visible (`\x1b`), as do the characters that reorder text, and halves of surrogate pairs, which no
terminal can be sent.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TextFilter", "escaped", "escaped_json", "one_line"]

# C0 but for tab and line feed, DEL, C1; the line and paragraph separators; embeddings, overrides, isolates; surrogates.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_JSON: Final = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HIGH_SURROGATES: Final = ("\ud800", "\udbff")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _json_escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _joined(match: re.Match[str]) -> str:
    return match[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def escaped(text: str) -> str:
    """Return `text` with what must not reach a terminal made visible. Lines may end in CRLF; they then end in LF."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_visible, _PAIR.sub(_joined, text.replace("\r\n", "\n")))


def one_line(text: str, limit: int | None = None) -> str:
    """Return `text` escaped and on one line, of at most `limit` characters; what is cut off shows as an ellipsis."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return escaped(text).replace("\n", "\\n").replace("\t", "\\t")


def escaped_json(text: str) -> str:
    """Return JSON text with the same characters as escapes in its strings, where they mean what they meant."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE_IN_JSON.sub(_json_escape, text)


class TextFilter:
    """`escaped` for text that comes in pieces: a CRLF and a surrogate pair may be cut in two."""

    def __init__(self) -> None:
        """Begin with nothing held back."""
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what of the text so far may be shown now."""
        if self._held:
            text = self._held + text
            self._held = ""
        last = text[-1:]
        if last == "\r" or _HIGH_SURROGATES[0] <= last <= _HIGH_SURROGATES[1]:
            self._held = last
            text = text[:-1]
        return escaped(text)

    def flush(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return escaped(held)
