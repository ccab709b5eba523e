"""Reasoning that a model writes into its answer, between `<think>` and `</think>`.

Some servers hand the model's text on as it is. Whether the tags mean anything is for the caller to say, since a model
may also write about them; only tags at the very beginning count.
"""

from __future__ import annotations

from collections.abc import Iterator

OPENING = "<think>"
CLOSING = "</think>"


class ThinkTags:
    """Splits text, cut anywhere, into reasoning and answer. Nothing is lost but the tags."""

    def __init__(self) -> None:
        """Begin before the first character."""
        self._held = ""
        self._begun = False
        self._thinking = False

    def split(self, text: str) -> Iterator[tuple[bool, str]]:
        """Take more text; yield its pieces, each with whether it is reasoning. None is empty."""
        text = self._held + text
        self._held = ""
        if not self._begun:
            start = text.lstrip()
            if len(start) < len(OPENING) and OPENING.startswith(start):
                self._held = text
                return
            self._begun = True
            if start.startswith(OPENING):
                self._thinking = True
                text = start.removeprefix(OPENING)
        if self._thinking:
            reasoning, closing, answer = text.partition(CLOSING)
            if closing:
                self._thinking = False
                text = answer
            else:
                kept = _beginning_of_closing(reasoning)
                reasoning, self._held, text = (
                    reasoning[: len(reasoning) - kept],
                    reasoning[len(reasoning) - kept :],
                    "",
                )
            if reasoning:
                yield True, reasoning
        if text:
            yield False, text

    def flush(self) -> Iterator[tuple[bool, str]]:
        """Yield what was held back because a tag might have followed."""
        held, self._held = self._held, ""
        if held:
            yield self._thinking, held


def _beginning_of_closing(text: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of the closing tag."""
    return next((size for size in range(len(CLOSING) - 1, 0, -1) if text.endswith(CLOSING[:size])), 0)
