"""What the demo remembers of a conversation, asked for in the ways people try whether a model remembers."""

from __future__ import annotations

import re
from typing import Final

from penstock.upstream.demo.conversation import Conversation

__all__ = ["recalled"]

_READ: Final = 20_000
"""How much of a message is searched, in characters."""

_YOU_SAID: Final = re.compile(r"\bwhat did you (?:just )?say\b", re.IGNORECASE)
_THOUGHT: Final = re.compile(r"\bwhat did you think\b", re.IGNORECASE)
_I_SAID: Final = re.compile(
    r"\bwhat (?:did|have) i (?:just )?(?:say|said|ask|asked|tell you|told you)\b", re.IGNORECASE
)
_FIRST: Final = re.compile(r"\bfirst\b|\bat the beginning\b", re.IGNORECASE)
_FACT: Final = re.compile(r"\b(?:my|the) ([a-z]\w{0,20}(?: \w{1,20}){0,2}?)(?: is|:) ([^.!?\n,]{1,200})", re.IGNORECASE)
_QUESTION: Final = re.compile(
    r"\b(?:what(?:['\u2019]s| is| was)|repeat|tell me|give me)(?: only)? (my|the) (\w{1,20}(?: \w{1,20}){0,2}?)"
    r"\s*(?:[?.!,]|$)",
    re.IGNORECASE,
)
_ONLY: Final = re.compile(r"\bonly\b", re.IGNORECASE)


def recalled(talk: Conversation) -> str | None:
    """Return the answer to a prompt that asks for what was said before; None where it asks for something else."""
    prompt = talk.prompt[:_READ]
    if _THOUGHT.search(prompt):
        return _thoughts(talk)
    if _YOU_SAID.search(prompt):
        said = talk.said_by("assistant")
        return f"I said: {said[-1]}" if said else "I have not said anything yet."
    if _I_SAID.search(prompt):
        said = talk.said_by("user")
        return f"You said: {said[0 if _FIRST.search(prompt) else -1]}" if said else "This is the first thing you say."
    question = _QUESTION.search(prompt)
    if question is None:
        return None
    whose, what = question[1].lower(), question[2].lower()
    value = _fact(talk, what)
    if value is None:
        return f"You have not told me your {what}." if whose == "my" else None
    return value if _ONLY.search(prompt) else f"{'Your' if whose == 'my' else 'The'} {what} is {value}."


def _fact(talk: Conversation, what: str) -> str | None:
    """Return what was last said to be `what`."""
    found: str | None = None
    for _, text in [*talk.texts, ("user", talk.prompt)]:
        for match in _FACT.finditer(text[:_READ]):
            if match[1].lower() == what:
                found = match[2].strip()
    return found


def _thoughts(talk: Conversation) -> str:
    told = [f"This came back to me: {thought}" for thought in talk.thoughts]
    if talk.strange_thoughts:
        told.append(f"Reasoning came back that I cannot open, {talk.strange_thoughts} times.")
    return " ".join(told) or "No reasoning of mine came back."
