"""What the demo says to a request, from the first token to the last; how fast, and how far, is for the stage.

There is no model: the prompt is read by rules, and the same request is always answered with the same words. Of several
directions in one prompt that cannot all be followed, the order of `_answer` decides.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from penstock.spec.content import UrlCitation
from penstock.spec.request import CreateResponse, JsonSchemaResponseFormatParam
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat
from penstock.spec.tools import FunctionToolParam
from penstock.stream.output import (
    Annotated,
    Arguments,
    EncryptedReasoning,
    FunctionCall,
    NewMessage,
    NewPart,
    Output,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Text,
)
from penstock.upstream.base import Loss, UnsupportedParameter
from penstock.upstream.demo.calls import Call, Calls, DemoRequest
from penstock.upstream.demo.conversation import Conversation, read_conversation
from penstock.upstream.demo.directions import Directions, Place, read_directions
from penstock.upstream.demo.fits import UnknownSchema
from penstock.upstream.demo.instance import Hints, instance_of
from penstock.upstream.demo.memory import recalled
from penstock.upstream.demo.sealed import seal
from penstock.upstream.demo.tokens import count_tokens, logprob, tokens
from penstock.upstream.values import json_text

__all__ = ["Script", "Spoken"]

_QUOTED: Final = 200
"""How much of what somebody else said is quoted, in characters."""
_PARAGRAPH: Final = 100
"""How many words a long text has between two blank lines."""
_PROSE: Final = (
    "The water comes down from the lake through a pipe and a gate . Whatever the lake sends , the gate lets through "
    "what the turbine can take : first the start , then the middle , then the end , each in its turn and none twice . "
    "When the lake is empty the gate says so , and closes ."
).replace(" .", ".").replace(" ,", ",").replace(" :", ":").split()  # fmt: skip
_GREETING: Final = (
    "Hello! This is the demo of Penstock. There is no model behind it, so the same words get the same answer. Try: "
    "count to 5, think aloud, write 500 words slowly, cite 2 sources, refuse, or fail after 3 tokens."
)
_HELLO: Final = re.compile(r"(?:say )?(?:hello|hi|hey)\b", re.IGNORECASE)
_REFUSAL: Final = "I'm sorry, but I can't help with that."
_EFFORTS: Final = ("low", "medium", "high", "xhigh")


class Spoken(Struct, frozen=True):
    """One thing the demo says: what the writer is told (None: nothing, it is only counted), and the tokens it costs."""

    output: Output | None
    tokens: int = 0
    place: Place | None = None


class _Answer(Struct, frozen=True):
    """What is said after the reasoning: a refusal, or a text, cited or not, or calls."""

    text: Iterable[str] = ()
    calls: list[Call] = []
    refusal: str = ""
    citations: int = 0
    intent: str = "I shall answer in words."


class Script:
    """The answer to one request: `say` yields it. Raises UnsupportedParameter for what the demo cannot do."""

    def __init__(self, request: CreateResponse) -> None:
        """Read the request, and decide what to say."""
        self._request = request
        self.talk: Conversation = read_conversation(request)
        self.directions: Directions = read_directions(self.talk.prompt)
        self._tools = DemoRequest(request)
        self._json = self._form()
        self._answer = self._decide()

    @property
    def losses(self) -> list[Loss]:
        """What of the request has no part in the answer."""
        return [*self.talk.losses, *self._tools.losses]

    @property
    def calls(self) -> bool:
        """Whether the answer ends in calls."""
        return bool(self._answer.calls)

    @property
    def input_tokens(self) -> int:
        """What the request costs: its texts, its tools, its schema."""
        request = self._request
        tools = [tool for tool in request.tools or () if isinstance(tool, FunctionToolParam)]
        told = [json_text([tool.name, tool.description or "", tool.parameters or {}]) for tool in tools]
        form = request.text.format if request.text else None
        if isinstance(form, JsonSchemaResponseFormatParam) and form.schema:
            told.append(json_text(form.schema))
        return self.talk.tokens + sum(map(count_tokens, told))

    def say(self) -> Iterator[Spoken]:
        """Yield the answer, as it is thought, written and called."""
        yield from self._reasoning()
        answer = self._answer
        if self.directions.comments and self._json is None:  # whoever asks for JSON parses all there is
            yield Spoken(NewMessage("commentary"))
            yield from self._text(tokens("Let me see."), 0)
            yield Spoken(NewMessage("final_answer"))
        if answer.refusal:
            yield from (Spoken(Refusal(token), 1, "writing") for token in tokens(answer.refusal))
            return
        yield from self._text(answer.text, answer.citations)
        yield from self._calls(answer.calls)

    # ----------------------------------------------------------------------------------------------- what is decided

    def _decide(self) -> _Answer:
        directions = self.directions
        form = self._json
        if directions.refuses and not self._tools.must_call:
            return _Answer(refusal=_REFUSAL, intent="I shall refuse.")
        calls = self._called()
        if calls.made:
            names = ", ".join(dict.fromkeys(call.name for call in calls.made))
            return _Answer(calls=calls.made, intent=f"I shall call {names}.")
        if form is not None:
            return _Answer(text=tokens(form), intent="I shall answer in JSON.")
        if calls.refused:
            return _Answer(text=tokens(" ".join(calls.refused)))
        if directions.citations:
            return _Answer(citations=directions.citations)
        words = self._words()
        if directions.fit_words is not None:
            words = _fitted(words, directions.fit_words)
        return _Answer(text=words)

    def _called(self) -> Calls:
        """Return the calls of the answer."""
        directions, talk, tools = self.directions, self.talk, self._tools
        if talk.results and not tools.must_call:
            return Calls()
        calls = tools.named(directions.rest)
        if calls.made or (calls.refused and not tools.must_call):
            return calls
        if not tools.must_call and (directions.citations or self._told() is not None):
            return Calls()
        return tools.fitting(directions.rest, forced=tools.must_call)

    def _form(self) -> str | None:
        """Return the JSON that is asked for; None where text is."""
        form = self._request.text.format if self._request.text else None
        if isinstance(form, ExtensionFormat):
            raise UnsupportedParameter("text.format.type", f"the demo has no format {form.type!r}")
        if isinstance(form, JsonObjectResponseFormat):
            return json_text({"answer": "".join(itertools.islice(self._words(), _QUOTED))})
        if not isinstance(form, JsonSchemaResponseFormatParam):
            return None
        try:
            return json_text(instance_of(form.schema or {}, Hints(prompt=self.talk.prompt)))
        except UnknownSchema as error:
            raise UnsupportedParameter("text.format.schema", str(error)) from None

    def _told(self) -> Iterable[str] | None:
        """Return the text that the prompt asks for; None where it leaves the answer to the demo."""
        directions = self.directions
        if directions.exactly is not None:
            return tokens(directions.exactly)
        memory = recalled(self.talk)
        if memory is not None:
            return tokens(memory)
        if directions.count is not None:
            return _counted(*directions.count)
        if directions.words is not None:
            return _written(directions.words)
        return None

    def _words(self) -> Iterable[str]:
        """Return the text of the answer, token by token."""
        talk = self.talk
        if talk.results:
            told = [
                f"{result.name or 'A call I know nothing of'} says: {_short(result.output)}" for result in talk.results
            ]
            return tokens("\n".join([*told, *_seen(talk.media)]))
        told_text = self._told()
        if told_text is not None:
            return told_text
        if talk.media:
            return tokens(" ".join([*_seen(talk.media), "I have no eyes to look closer."]))
        prompt = talk.prompt.strip()
        if not prompt or _HELLO.match(prompt):
            return tokens(_GREETING)
        return tokens(f"You said: {_short(prompt)}\n\nI am a demo without a model, and leave it at that.")

    # ------------------------------------------------------------------------------------------------- how it is said

    def _reasoning(self) -> Iterator[Spoken]:
        """Yield the reasoning: as the request asks for it, or the prompt."""
        reasoning, directions = self._request.reasoning, self.directions
        effort = (reasoning.effort if reasoning else None) or None
        summary = (reasoning.summary if reasoning else None) or None
        is_sealed = "reasoning.encrypted_content" in (self._request.include or ())
        is_asked = effort not in (None, "none") or (effort is None and (bool(summary) or is_sealed))
        if not is_asked and not directions.thinks:
            return
        text = self._thought(effort or "low")
        is_raw = directions.aloud or not (summary or (is_sealed and effort is None and not directions.thinks))
        for token in tokens(text):
            yield Spoken(Reasoning(token) if is_raw else None, 1, "thinking")
        if summary:
            for number, part in enumerate(_summaries(self._answer.intent, is_detailed=summary == "detailed")):
                if number:
                    yield Spoken(NewPart())
                yield from (Spoken(ReasoningSummary(token)) for token in tokens(part))
        if is_sealed:
            yield Spoken(EncryptedReasoning(seal(text)))

    def _thought(self, effort: str) -> str:
        talk = self.talk
        known = [f"I thought before: {_short(thought)}" for thought in talk.thoughts]
        if talk.strange_thoughts:
            known.append("Reasoning came back that I cannot open.")
        more = (
            f"Functions that I may call: {len(self._tools.callable)}.",
            f"Messages before this one: {len(talk.texts)}.",
            "I have looked at it from all sides, and nothing else is to be considered.",
        )
        depth = _EFFORTS.index(effort) if effort in _EFFORTS else 0
        return " ".join([f'The user says: "{_short(talk.prompt)}".', *known, *more[:depth], self._answer.intent])

    def _text(self, words: Iterable[str], citations: int) -> Iterator[Spoken]:
        """Yield text, with log probabilities where they are asked for, and sentences with citations."""
        yield from map(self._token, words)
        said = 0
        for number in range(1, citations + 1):
            gap = " " if said else ""
            sentence = f"Source {number} says so."
            yield from map(self._token, tokens(gap + sentence))
            start = said + len(gap)
            said = start + len(sentence)
            url, title = f"https://example.com/{number}", f"Source {number}"
            yield Spoken(Annotated(UrlCitation(url=url, title=title, start_index=start, end_index=said)))

    def _token(self, token: str) -> Spoken:
        request = self._request
        others = request.top_logprobs or 0
        is_asked = others > 0 or "message.output_text.logprobs" in (request.include or ())
        return Spoken(Text(token, [logprob(token, others)] if is_asked else None), 1, "writing")

    def _calls(self, calls: list[Call]) -> Iterator[Spoken]:
        keys = [f"call {number}" for number in range(len(calls))]
        pieces = [list(tokens(call.arguments)) for call in calls]
        if not self.directions.interleaved:
            for call, key, texts in zip(calls, keys, pieces, strict=True):
                yield Spoken(FunctionCall(call.name, key=key))
                yield from (Spoken(Arguments(text, key), 1, "calling") for text in texts)
            return
        yield from (Spoken(FunctionCall(call.name, key=key)) for call, key in zip(calls, keys, strict=True))
        for turn in itertools.zip_longest(*pieces):
            for key, text in zip(keys, turn, strict=True):
                if text is not None:
                    yield Spoken(Arguments(text, key), 1, "calling")


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _seen(media: list[str]) -> list[str]:
    return [f"I see {thing}." for thing in media]


def _counted(first: int, last: int) -> Iterator[str]:
    """Yield the numbers from `first` to `last`, upwards or downwards."""
    step = 1 if first <= last else -1
    for number in range(first, last + step, step):
        yield f"{number}" if number == first else f", {number}"
    yield "."


def _written(words: int) -> Iterator[str]:
    """Yield so many words of prose."""
    for number, word in enumerate(itertools.islice(itertools.cycle(_PROSE), words)):
        gap = "" if number == 0 else "\n\n" if number % _PARAGRAPH == 0 else " "
        yield gap + word


def _fitted(text: Iterable[str], words: int) -> Iterator[str]:
    """Yield the first words of a text; where it has too few, it goes on in prose."""
    own = itertools.islice((word for word in "".join(itertools.islice(text, words * 2)).split()), words)
    for number, word in enumerate(itertools.islice(itertools.chain(own, itertools.cycle(_PROSE)), words)):
        yield word if number == 0 else f" {word}"


def _summaries(intent: str, *, is_detailed: bool) -> list[str]:
    brief = f"**Reading the prompt**\n\nI read what the user said. {intent}"
    return [brief, "**Checking**\n\nThere is nothing else to do."] if is_detailed else [brief]
