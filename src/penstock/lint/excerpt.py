"""The piece of an event that a finding is about, cut out of its JSON so that it fits on a line.

The text is searched as it came, not decoded and written again: what is shown is what stands in the stream, byte for
byte, damaged or not.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from msgspec import Struct

__all__ = ["Excerpt", "Line", "cells", "excerpt", "visible"]

_KEPT: Final = 400
"""How many characters are kept on each side of the place, and of the place itself: more than a line shows."""
_CUT: Final = "..."
_SPACE: Final = re.compile(r"\s*+")
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET_OR_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_SCALAR: Final = re.compile(r"[^\s,\[\]{}\"]++")
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_LINE_BREAK: Final = re.compile(r"[ \t]*[\r\n]\s*")
_ESCAPED_BYTE: Final = 0xDC80
"""How Python's decoder passes on the byte 0x80 where it is no UTF-8 (`surrogateescape`); the others follow."""
# C0, DEL, C1; the line and paragraph separators; embeddings, overrides, isolates; surrogates.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Line(Struct, frozen=True):
    """An excerpt on one line: `text`, and the cells `start` to `end` of it that are meant."""

    text: str
    start: int
    end: int


class Excerpt(Struct, frozen=True):
    """The JSON around a place: what is `before` it, what is `marked`, what is `after`; each shortened if it is long."""

    before: str
    marked: str
    after: str

    def line(self, width: int) -> Line:
        """Return it in `width` cells: the place, and as much around it as there is room for."""
        marked = _without_middle(self.marked, max(width * 3 // 5, 8))
        # The mark of nothing, such as of the end, takes a cell all the same.
        room = max(width - max(cells(marked), 1), 0)
        after = _head(self.after, max(room // 3, room - cells(self.before)))
        before = _tail(self.before, room - cells(after))
        start = cells(before)
        return Line(before + marked + after, start, start + max(cells(marked), 1))


def excerpt(text: str, path: str = "", *, span: tuple[int, int] | None = None) -> Excerpt:
    """Return the piece of `text`, an event's JSON, that stands at `path` (`item.content[0].text`) or fills `span`.

    Where `path` is empty it is the event's type; where there is nothing at `path`, the end of what should hold it;
    where there is neither, or `text` is no JSON object, all of it.
    """
    start, end = span or _find(text, path or "type")
    if span is None and not path and text[start:end] == "}":
        start, end = _find(text, "")
    return Excerpt(
        _shown(_tail_of(text, start)), _shown(_without_middle(text[start:end], _KEPT)), _shown(_head_of(text, end))
    )


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey, and bytes that are no UTF-8, made visible (`\x1b`, `\xff`)."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def cells(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if _ESCAPED_BYTE <= code < _ESCAPED_BYTE + 0x80:
        code += 0x80 - _ESCAPED_BYTE
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _shown(text: str) -> str:
    return visible(_LINE_BREAK.sub(" ", text))


def _tail_of(text: str, end: int) -> str:
    return text[:end] if end <= _KEPT else _CUT + text[end - _KEPT : end]


def _head_of(text: str, start: int) -> str:
    return text[start:] if len(text) - start <= _KEPT else text[start : start + _KEPT] + _CUT


def _head(text: str, width: int) -> str:
    """Return the beginning of `text`, in at most `width` cells."""
    if cells(text) <= width:
        return text
    kept = 0
    room = width - len(_CUT)
    while (room := room - _cell(text[kept])) >= 0:
        kept += 1
    return (text[:kept] + _CUT)[: max(width, 0)]


def _tail(text: str, width: int) -> str:
    """Return the end of `text`, in at most `width` cells."""
    return _head(text[::-1], width)[::-1]


def _without_middle(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; of a longer one the middle is left out."""
    if cells(text) <= width:
        return text
    half = (width - len(_CUT)) // 3
    return _head(text, width - half) + _tail(text, half + len(_CUT)).removeprefix(_CUT)


def _find(text: str, path: str) -> tuple[int, int]:
    """Return where the value at `path` begins and ends in `text`."""
    start = _skip_space(text, 0)
    if not text.startswith("{", start):
        return start, len(text.rstrip())
    for index, key in _STEP.findall(path):
        opening = text[start : start + 1]
        found = None
        if key and opening == "{":
            found = _member(text, start, key)
        elif index and opening == "[":
            found = _element(text, start, int(index))
        if found is None:
            end = _end(text, start)
            return (end - 1, end) if opening in ("{", "[") else (start, end)
        start = found
    return start, _end(text, start)


def _member(text: str, start: int, key: str) -> int | None:
    """Return where the value of `key` begins in the object at `start`."""
    position = start + 1
    while True:
        name = _STRING.match(text, _skip_space(text, position))
        if name is None:
            return None
        position = _skip_space(text, name.end())
        if not text.startswith(":", position):
            return None
        value = _skip_space(text, position + 1)
        if name[0][1:-1] == key:
            return value
        position = _skip_comma(text, _end(text, value))


def _element(text: str, start: int, index: int) -> int | None:
    """Return where the element `index` begins in the array at `start`."""
    position = _skip_space(text, start + 1)
    for _ in range(index):
        end = _end(text, position)
        if end == position:
            return None
        position = _skip_space(text, _skip_comma(text, end))
    return None if text[position : position + 1] in ("]", "") else position


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match is not None else position


def _skip_comma(text: str, position: int) -> int:
    position = _skip_space(text, position)
    return position + 1 if text.startswith(",", position) else position


def _end(text: str, start: int) -> int:
    """Return where the value that begins at `start` ends; the end of `text` where it does not."""
    if text[start : start + 1] not in ("{", "["):
        scalar = _STRING.match(text, start) or _SCALAR.match(text, start)
        return start if scalar is None else scalar.end()
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(text, start):
        if token[0] in ("{", "["):
            depth += 1
        elif token[0] in ("}", "]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)
