"""What a prompt asks the demo to do. Plain English, read by rules: the same prompt always means the same.

A direction stands at the beginning of a sentence, so that a prompt which merely speaks of failing does not fail.
`DIRECTIONS` lists them for people.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

__all__ = ["DIRECTIONS", "MAX_CITATIONS", "MAX_PAUSE", "MAX_WORDS", "Directions", "Failing", "read_directions"]

MAX_WORDS: Final = 1_000_000
"""Most words that are written on demand: a stream that tries everybody's patience, and ends."""
MAX_PAUSE: Final = 600.0
"""Longest pause, in seconds: longer than the timeouts that one wants to try."""
MAX_CITATIONS: Final = 100
"""Most sources that are cited on demand."""
_READ: Final = 20_000
"""How much of a prompt is searched for directions, in characters."""
_SLOW: Final = 0.1
"""How long a token takes where the prompt says slowly, in seconds."""

Place = Literal["thinking", "writing", "calling"]

DIRECTIONS: Final = (
    ("say exactly: X", "the text X; so do `reply with X` and `repeat: X`"),
    ("count to N", "the numbers from 1 to N; so does `count from M to N`"),
    ("write N words", f"N words, up to {MAX_WORDS:,}"),
    ("in N words", "the ordinary answer, cut or stretched to N words"),
    ("cite N sources", "a text with N annotations"),
    ("comment first", "a message of the phase `commentary` before the answer, which is a `final_answer`"),
    ("think", "reasoning, even where the request asks for none"),
    ("think aloud", "raw reasoning, even where the request asks for a summary"),
    ("call NAME with {...}", "a call with these arguments; without `with` they are made up to fit the tool's schema"),
    ("call NAME and NAME", "parallel calls; so do `call NAME 3 times` and `call all tools`"),
    ("interleaved", "parallel calls whose arguments come in turns"),
    ("refuse", "a refusal"),
    ("trip the content filter", "half an answer, incomplete because of `content_filter`"),
    ("fail", "an error before anything else; `fail with too_many_requests` says of which type"),
    ("fail after N tokens", "an error after so many tokens; so does `fail while thinking`, `writing` or `calling`"),
    ("slowly", f"a token every {_SLOW} seconds; `every N ms` or `every N seconds` says it exactly"),
    ("wait N seconds", "so long a silence before the first token"),
    (
        "what did I say before?",
        "what the user said last, or `first`; `what did you say?` asks for the demo's own words",
    ),
    ("what is my X?", "what the user said of it before: `my name is Alice`, `remember the code word: cobalt`"),
    ("what did you think?", "the encrypted reasoning that came back with the request"),
)
"""What can be said, and what comes of it."""


class Failing(Struct, frozen=True):
    """An error of `type` after `tokens`, or in the midst of what is done at `place`; with neither, at once."""

    type: str = "server_error"
    tokens: int = 0
    place: Place | None = None


class Directions(Struct, frozen=True, kw_only=True):
    """What a prompt asks for. `rest` is the prompt without the text that is to be said exactly."""

    exactly: str | None = None
    count: tuple[int, int] | None = None
    words: int | None = None
    fit_words: int | None = None
    citations: int = 0
    comments: bool = False
    thinks: bool = False
    aloud: bool = False
    interleaved: bool = False
    refuses: bool = False
    filtered: bool = False
    failing: Failing | None = None
    pause: float = 0.0
    wait: float = 0.0
    rest: str = ""


_BEGINNING: Final = r"(?:^|[.!?;:,\n] {0,2}|\b(?:please|then|and|but|now|first|to) )"
_SAYING: Final = r"\b(?:say|reply|respond|answer|repeat|echo|write|print)(?: back)?(?: with)?(?: exactly| only| just)*"
_AMOUNT: Final = r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|milliseconds?|s|secs?|seconds?|m|minutes?)\b"
_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WHOLE: Final = r"(\d[\d,]{0,11}|" + "|".join(_NUMBERS) + ")"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _told(text: str) -> re.Pattern[str]:
    return _pattern(_BEGINNING + text)


_EXACTLY: Final = (
    _pattern(_SAYING + r":\s*(?P<said>\S[\s\S]*)$"),
    _pattern(_SAYING + r"\s+(?P<quote>[\"'“`])(?P<said>[\s\S]+?)[\"'”`]"),
    _pattern(r"\b(?:reply|respond|answer) with(?: exactly| only| just)*\s+(?P<said>[\w'-]+)[.!]?\s*$"),
)
_COUNT: Final = _pattern(r"\bcount (?:from (-?\d{1,9}) )?(?:up )?to (-?\d{1,9})\b")
_WORDS: Final = _pattern(r"\b(?:write|say|stream|give me|send)(?: me)? " + _WHOLE + r" (?:words|tokens)\b")
_FIT_WORDS: Final = _pattern(r"\bin (?:exactly )?" + _WHOLE + r" words?\b")
_CITE: Final = _told(r"cite\b(?: " + _WHOLE + r"\b)?")
_COMMENT: Final = _told(r"comment first\b")
_THINK: Final = _told(r"think\b( aloud| out loud)?")
_INTERLEAVED: Final = _pattern(r"\binterleaved?\b")
_REFUSE: Final = _told(r"refuse\b")
_FILTER: Final = _told(r"trip the content filter\b")
_FAIL: Final = _told(r"fail\b([^.!?;\n]*)")
_FAIL_TYPE: Final = _pattern(r"\bwith (?:an? )?([a-z]\w{0,40}_\w{0,40})\b")
_FAIL_TOKENS: Final = _pattern(r"\bafter " + _WHOLE + r" (?:tokens?|words?)\b")
_FAIL_PLACE: Final = _pattern(r"\bwhile (thinking|writing|calling)\b")
_SLOWLY: Final = _pattern(r"\bslowly\b")
_EVERY: Final = _pattern(r"\bevery " + _AMOUNT)
_WAIT: Final = _told(r"wait (?:for )?" + _AMOUNT)


def read_directions(prompt: str) -> Directions:
    """Return what `prompt` asks for."""
    exactly, rest = _exactly(prompt)
    rest = rest[:_READ]
    count = _COUNT.search(rest)
    words = _WORDS.search(rest)
    fit_words = _FIT_WORDS.search(rest)
    cite = _CITE.search(rest)
    think = _THINK.search(rest)
    every = _EVERY.search(rest)
    wait = _WAIT.search(rest)
    return Directions(
        exactly=exactly,
        count=(int(count[1] or 1), int(count[2])) if count else None,
        words=min(_number(words[1]), MAX_WORDS) if words else None,
        fit_words=min(_number(fit_words[1]), MAX_WORDS) if fit_words else None,
        citations=min(_number(cite[1] or "1"), MAX_CITATIONS) if cite else 0,
        comments=_COMMENT.search(rest) is not None,
        thinks=think is not None,
        aloud=think is not None and think[1] is not None,
        interleaved=_INTERLEAVED.search(rest) is not None,
        refuses=_REFUSE.search(rest) is not None,
        filtered=_FILTER.search(rest) is not None,
        failing=_failing(rest),
        pause=_seconds(every) if every else _SLOW if _SLOWLY.search(rest) else 0.0,
        wait=_seconds(wait) if wait else 0.0,
        rest=rest,
    )


def _exactly(prompt: str) -> tuple[str | None, str]:
    """Return the text that is to be said exactly, and the prompt without it."""
    for pattern in _EXACTLY:
        match = pattern.search(prompt)
        if match is not None:
            rest = (prompt[: match.start()] + prompt[match.end() :]).strip()
            return _unquoted(match["said"].strip()), rest
    return None, prompt


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and (text[0], text[-1]) in {('"', '"'), ("'", "'"), ("`", "`"), ("“", "”")}
    return text[1:-1] if is_quoted else text


def _failing(rest: str) -> Failing | None:
    match = _FAIL.search(rest)
    if match is None:
        return None
    how = match[1]
    kind, tokens, place = _FAIL_TYPE.search(how), _FAIL_TOKENS.search(how), _FAIL_PLACE.search(how)
    where: Place | None = None
    match place[1].lower() if place else "":
        case "thinking":
            where = "thinking"
        case "writing":
            where = "writing"
        case "calling":
            where = "calling"
        case _:
            pass
    return Failing(kind[1].lower() if kind else "server_error", _number(tokens[1]) if tokens else 0, where)


def _number(text: str) -> int:
    word = text.lower()
    return _NUMBERS.index(word) if word in _NUMBERS else int(word.replace(",", ""))


def _seconds(match: re.Match[str]) -> float:
    unit = match[2].lower()
    factor = 0.001 if unit.startswith(("ms", "milli")) else 60.0 if unit.startswith("m") else 1.0
    return min(float(match[1]) * factor, MAX_PAUSE)
