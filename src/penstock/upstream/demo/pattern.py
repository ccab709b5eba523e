r"""Regular expressions of JSON Schema, read so that a text can be made that fits one, and a text held against one.

A pattern comes from whoever asks, and Python's own engine can be kept busy for years by a bad one. Here a pattern is a
small tree; making a text walks it once, and matching keeps a set of places, so both take time in proportion. What the
tree cannot hold (lookarounds, back-references, word boundaries, an anchor in the middle) is refused by name.

Source: JSON Schema 2020-12, "Regular Expressions" (the subset everybody should keep to).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, assert_never

from msgspec import Struct

__all__ = ["MAX_PATTERN_TEXT", "Pattern", "UnknownPattern", "read_pattern"]

MAX_PATTERN_TEXT: Final = 10_000
"""Longest text that is made or held against a pattern, in characters: `a{1000000}` should not fill the memory."""
_MAX_PATTERNS: Final = 256
"""How many patterns are remembered once read; a schema asks for the same ones again and again."""

_TRIED: Final = "aA0 -_.,:/@" + "".join(chr(code) for code in range(33, 127)) + "\n\téß中"
"""Characters to choose from, the likeliest first."""

_DIGITS: Final = "0123456789"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPACES: Final = " \t\n\r\f\v"
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}

_Test = Callable[[str], bool]


class UnknownPattern(ValueError):  # noqa: N818 - it names what is wrong
    """A pattern that is wrong, or beyond what is understood here."""


class _Char(Struct, frozen=True):
    """One character that passes a test; `sample` is one."""

    sample: str
    fits: _Test


class _Sequence(Struct, frozen=True):
    parts: tuple[_Node, ...]


class _Choice(Struct, frozen=True):
    options: tuple[_Node, ...]


class _Repeat(Struct, frozen=True):
    """`node`, at least `least` times and at most `most`; None: no end."""

    node: _Node
    least: int
    most: int | None


_Node = _Char | _Sequence | _Choice | _Repeat


class Pattern:
    """One pattern. It may match anywhere in a text, unless it is anchored."""

    def __init__(self, source: str) -> None:
        """Read `source`; raise UnknownPattern where that is not possible."""
        reader = _Reader(source)
        try:
            self._node, self._starts, self._ends = reader.whole()
        except RecursionError:
            raise UnknownPattern("a pattern that is nested too deeply") from None

    def text(self, least: int = 0) -> str:
        """Return a text that fits, with at least `least` characters where the pattern can be stretched so far."""
        made = self._made(self._node, 0)
        missing = least - len(made)
        if missing > 0 and not self._ends:
            return made + "a" * missing
        if missing > 0 and not self._starts:
            return "a" * missing + made
        return self._made(self._node, missing) if missing > 0 else made

    def fits(self, text: str) -> bool:
        """Return whether the pattern matches `text`. Raises UnknownPattern for a text that is too long to say."""
        if len(text) > MAX_PATTERN_TEXT:
            raise UnknownPattern(f"a text of more than {MAX_PATTERN_TEXT} characters")
        starts = {0} if self._starts else set(range(len(text) + 1))
        found = _after(self._node, text, starts)
        return len(text) in found if self._ends else bool(found)

    def _made(self, node: _Node, more: int) -> str:
        """Return a short text for `node`, longer than it need be by about `more` characters."""
        match node:
            case _Char():
                return node.sample
            case _Choice():
                return min(
                    (self._made(option, more) for option in node.options), key=lambda text: abs(len(text) - more)
                )
            case _Sequence():
                said: list[str] = []
                for part in node.parts:
                    shortest = len(self._made(part, 0)) if more > 0 else 0
                    said.append(self._made(part, more))
                    more -= len(said[-1]) - shortest
                return _bounded("".join(said))
            case _Repeat():
                one = self._made(node.node, 0)
                times = node.least
                if more > 0 and (one or times == 0):
                    one = one or self._made(node.node, 1)
                    times += -(-more // len(one)) if one else 0
                if node.most is not None:
                    times = min(times, node.most)
                if times * len(one) > MAX_PATTERN_TEXT:
                    raise UnknownPattern(f"a text of more than {MAX_PATTERN_TEXT} characters")
                return one * times
            case _ as never:
                assert_never(never)


def _bounded(text: str) -> str:
    if len(text) > MAX_PATTERN_TEXT:
        raise UnknownPattern(f"a text of more than {MAX_PATTERN_TEXT} characters")
    return text


@lru_cache(_MAX_PATTERNS)
def read_pattern(source: str) -> Pattern:
    """Return the pattern `source`; raise UnknownPattern where it is wrong or not understood."""
    return Pattern(source)


def _after(node: _Node, text: str, starts: set[int]) -> set[int]:
    """Return where a match of `node` can end that begins at one of `starts`."""
    match node:
        case _Char():
            return {start + 1 for start in starts if start < len(text) and node.fits(text[start])}
        case _Sequence():
            for part in node.parts:
                starts = _after(part, text, starts)
            return starts
        case _Choice():
            return set[int]().union(*(_after(option, text, starts) for option in node.options))
        case _Repeat():
            for _ in range(node.least):
                reached = _after(node.node, text, starts)
                if reached == starts:
                    break  # more of the same leads nowhere else
                starts = reached
            found = new = starts
            times = node.least
            while new and (node.most is None or times < node.most):
                new = _after(node.node, text, new) - found
                found = found | new
                times += 1
            return found
        case _ as never:
            assert_never(never)


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._is_split = False

    def whole(self) -> tuple[_Node, bool, bool]:
        """Return the tree, and whether the pattern is anchored at the start and at the end of the text."""
        starts = self._take("^")
        node = self._choice(depth=0)
        ends = self._take("$")
        if self._at < len(self._source):
            raise self._unknown(self._source[self._at])
        if (starts or ends) and self._is_split:
            # `^a|b$` anchors one option each, which two flags cannot tell.
            raise self._unknown("an anchor in one of several options")
        return node, starts, ends

    def _unknown(self, what: str) -> UnknownPattern:
        return UnknownPattern(f"the pattern {self._source!r}: {what} is not understood at character {self._at}")

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        if self._source.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise self._unknown("the end")
        self._at += 1
        return char

    def _choice(self, depth: int) -> _Node:
        options = [self._sequence(depth)]
        while self._take("|"):
            self._is_split = self._is_split or depth == 0
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while (char := self._peek()) and char not in "|)":
            if char == "$" and depth == 0 and self._at == len(self._source) - 1:
                break
            parts.append(self._repeated(self._atom(depth)))
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def _repeated(self, node: _Node) -> _Node:
        char = self._peek()
        if not char or char not in "*+?{":
            return node
        bounds = self._bounds()
        self._take("?")  # lazy or greedy, the same texts fit
        return _Repeat(node, *bounds)

    def _bounds(self) -> tuple[int, int | None]:
        for sign, least_times, most_times in (("*", 0, None), ("+", 1, None), ("?", 0, 1)):
            if self._take(sign):
                return least_times, most_times
        end = self._source.find("}", self._at)
        least, comma, most = self._source[self._at + 1 : max(end, 0)].partition(",")
        if not (least.isdecimal() and (most.isdecimal() or not most)):
            raise self._unknown("{")
        self._at = end + 1
        if most and int(most) < int(least):
            raise self._unknown("{" + f"{least},{most}" + "}")
        return int(least), int(most) if most else None if comma else int(least)

    def _atom(self, depth: int) -> _Node:
        char = self._next()
        match char:
            case "(":
                return self._group(depth)
            case "[":
                return self._set()
            case ".":
                return _Char("a", lambda char: char not in "\n\r")
            case "\\":
                sample, test = self._escape()
                return _Char(sample, test)
            case "^" | "$" | "*" | "+" | "?":
                self._at -= 1
                raise self._unknown(char)
            case _:
                return _Char(char, lambda other: other == char)

    def _group(self, depth: int) -> _Node:
        if self._take("?") and not self._take(":"):
            self._take("P")
            if not self._take("<") or self._peek() in ("=", "!", ""):
                raise self._unknown("a group of this kind")
            while self._next() != ">":
                pass
        node = self._choice(depth + 1)
        if not self._take(")"):
            raise self._unknown("a group without an end")
        return node

    def _escape(self) -> tuple[str, _Test]:
        """Return an example of what an escape stands for, and the test for it."""
        char = self._next()
        kinds = {"d": _DIGITS, "w": _LETTERS + _DIGITS + "_", "s": _SPACES}
        kind = kinds.get(char.lower())
        if kind is not None and char.islower():
            return kind[0], lambda other: other in kind
        if kind is not None:
            return _sample(lambda other: other not in kind)
        if char in _CONTROLS:
            char = _CONTROLS[char]
        elif char in "xu":
            char = self._code(2 if char == "x" else 4)
        elif char in "pP":
            return self._property(negated=char == "P")
        elif char.isalnum():
            raise self._unknown(f"\\{char}")
        return char, lambda other: other == char

    def _code(self, digits: int) -> str:
        text = self._source[self._at : self._at + digits]
        try:
            code = chr(int(text, 16)) if len(text) == digits else ""
        except ValueError:
            code = ""
        if not code or "\ud800" <= code <= "\udfff":
            raise self._unknown("an escape of this kind")
        self._at += digits
        return code

    def _property(self, *, negated: bool) -> tuple[str, _Test]:
        """Return one of the classes of Unicode that are asked for in practice: letters, digits."""
        name = ""
        if self._take("{"):
            while (char := self._next()) != "}":
                name += char
        tests: dict[str, _Test] = {
            "L": str.isalpha,
            "Letter": str.isalpha,
            "Lu": str.isupper,
            "Ll": str.islower,
            "N": str.isnumeric,
            "Nd": str.isdecimal,
        }
        if name not in tests:
            raise self._unknown(f"\\p{{{name}}}")
        test = tests[name]
        return _sample(lambda char: test(char) != negated)

    def _set(self) -> _Node:
        negated = self._take("^")
        tests: list[_Test] = []
        samples: list[str] = []
        while not self._take("]"):
            low, test = self._member()
            if self._peek() == "-" and self._source[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high, _ = self._member()
                test = _between(low, high)
                if high < low:
                    raise self._unknown(f"{low}-{high}")
            tests.append(test)
            samples.append(low)
        sample, fits = _sample(lambda char: any(test(char) for test in tests) != negated, samples)
        return _Char(sample, fits)

    def _member(self) -> tuple[str, _Test]:
        char = self._next()
        if char == "\\":
            if self._take("b"):
                return "\b", lambda other: other == "\b"
            return self._escape()
        return char, lambda other: other == char


def _between(low: str, high: str) -> _Test:
    return lambda char: low <= char <= high


def _sample(test: _Test, more: Sequence[str] = ()) -> tuple[str, _Test]:
    """Return the likeliest character that passes `test`, and the test."""
    sample = next((char for char in (*_TRIED, *more) if test(char)), None)
    if sample is None:
        raise UnknownPattern("a set of characters is empty, or holds none that is common")
    return sample, test
