"""Tokens as the demo counts them, and their log probabilities.

A token is up to twelve characters other than white space, with the white space before them; white space at the end of a
text is one. Nobody's tokens are these, but everybody can count them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from penstock.spec.content import LogProb, TopLogProb

__all__ = ["count_tokens", "logprob", "tokens"]

_TOKEN: Final = re.compile(r"\s*\S{1,12}|\s+")

_LIKELY: Final = -0.25
"""The log probability of every token the demo says; each of the others is one less likely than the one before."""


def tokens(text: str) -> Iterator[str]:
    """Yield the tokens of `text`; joined, they are the text."""
    return (match[0] for match in _TOKEN.finditer(text))


def count_tokens(text: str) -> int:
    """Return how many tokens `text` has."""
    return len(_TOKEN.findall(text))


def logprob(token: str, others: int) -> LogProb:
    """Return the log probability of `token`, with the `others` likeliest tokens at its place, itself among them."""
    shown = [token, *(f"{token}{number}" for number in range(1, others))][:others]
    top = [
        TopLogProb(token=text, logprob=_LIKELY - rank, bytes=list(text.encode("utf-8", "replace")))
        for rank, text in enumerate(shown)
    ]
    return LogProb(token=token, logprob=_LIKELY, bytes=list(token.encode("utf-8", "replace")), top_logprobs=top)
