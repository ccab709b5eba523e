"""Where two tellings of one text part, in words: what is missing, what is there twice, what else is said."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from msgspec import Struct

__all__ = ["DONE_EVENT", "SHOWN", "STREAM", "Telling", "counted", "quoted", "where_they_differ"]

SHOWN: Final = 40
"""How many characters of a text a message shows: enough to find the place, and within a line."""
_NO_CHANCE: Final = 4
"""From how many characters on a piece that stands twice in a row does not do so by chance, as the `l` of `hello`."""


class Telling(Struct, frozen=True):
    """Where a text was told before: what that is called, and how it is said of a piece that was there, or was not."""

    name: str
    had: str
    lacked: str


STREAM: Final = Telling("what was streamed", "was streamed", "was not streamed")
DONE_EVENT: Final = Telling("what its done event said", "was in its done event", "was not in its done event")


def quoted(text: str) -> str:
    """Return a text as a message shows it: in quotes, and no more of it than is needed to find it."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}..."


def counted(number: int, what: str) -> str:
    """Return a number of things."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def where_they_differ(told: str | Sequence[str], now: str, telling: Telling) -> str:
    """Return, in words, where the text `now` is not the one that was `told` before; of several, the likest."""
    before = told if isinstance(told, str) else min(told, key=lambda text: _unlike(text, now))
    if not now:
        return f"is empty: {quoted(before)} {telling.had}"
    if now == before * 2:
        return f"is {telling.name} twice over: {quoted(before)}"
    if before == now * 2:
        return f"{telling.had} twice over: {quoted(now)}"
    at = _alike(before, now)
    same_end = _alike(before[at:][::-1], now[at:][::-1])
    more, less = now[at : len(now) - same_end], before[at : len(before) - same_end]
    if not less:
        if _is_repeated(more, now, at):
            return f"has a piece twice, {_place(at)}, which {telling.had} once: {quoted(more)}"
        extra = counted(len(more), "character")
        return f"has {extra} more {_place(at, len(before))}: {quoted(more)} {telling.lacked}"
    if not more:
        if _is_repeated(less, before, at):
            return f"has a piece once, {_place(at)}, which {telling.had} twice: {quoted(less)}"
        return f"lacks {counted(len(less), 'character')} {_place(at, len(now))}: {quoted(less)} {telling.had}"
    return f"differs {_place(at)}: {quoted(now[at:])} here, {quoted(before[at:])} in {telling.name}"


def _unlike(one: str, other: str) -> int:
    """Return over how many characters two texts differ."""
    at = _alike(one, other)
    return max(len(one), len(other)) - at - _alike(one[at:][::-1], other[at:][::-1])


def _alike(one: str, other: str) -> int:
    """Return in how many characters two texts begin alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_repeated(piece: str, text: str, at: int) -> bool:
    """Whether the `piece` that stands `at` a place in `text` stands right before it, too, as if it were sent twice."""
    return len(piece) >= _NO_CHANCE and text.endswith(piece, 0, at)


def _place(at: int, end: int | None = None) -> str:
    if not at:
        return "at its beginning" if end else "from its beginning on"
    return "at its end" if at == end else f"after its first {counted(at, 'character')}"
