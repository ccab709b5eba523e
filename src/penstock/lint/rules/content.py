"""OR5, content: what is said at the end is what was streamed.

Each level is held against the one below it as that said it last: the done text against the deltas, the part against the
done text, the item against its done parts. So text that was lost once is one finding, not one a level.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from penstock.lint.compare import (
    call_arguments,
    differences_from_draft,
    different_lists,
    is_known_kind,
    part_texts,
)
from penstock.lint.difference import STREAM, quoted, where_they_differ
from penstock.lint.examples import Example, change
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.rule import EventRule
from penstock.spec import events as e
from penstock.spec.content import Annotation, LogProb, OutputTextContent, UrlCitation
from penstock.spec.items import FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.stream.fold import PartDraft, part_text
from penstock.stream.machine import item_kind, part_kind
from penstock.upstream.responses.shape import ENUMERATIONS

_STREAMABLE = "Items are streamable"
_TEXT_DONE = "response.output_text.done"
_PART_DONE = "response.content_part.done"
_ITEM_DONE = "response.output_item.done"
_COMPLETED = "response.completed"
_DELTA = "A delta event represents a change to an object since its last update."


class DoneDiffersFromDeltas(EventRule):
    """The whole is not the sum of the deltas."""

    code = "OR501"
    name = "done-differs-from-deltas"
    level = Level.ERROR
    events = (
        e.OutputTextDone,
        e.RefusalDone,
        e.ReasoningDone,
        e.ReasoningSummaryTextDone,
        e.FunctionCallArgumentsDone,
    )
    section = "Delta Events"
    sentence = _DELTA
    what = "The text, refusal, reasoning, summary or arguments of a done event equal the joined deltas."
    why = (
        "One client shows the deltas, another the done text: one user sees what the other does not, and nobody is told."
    )
    mend = (
        "What was streamed stands, and the done event repeats it; what it tells beyond that is sent as a delta first."
    )
    bad = Example(
        base="text",
        edits=(
            change(_TEXT_DONE, "text", "Hello world!"),
            change(_PART_DONE, "part.text", "Hello world!"),
            change(_ITEM_DONE, "item.content.0.text", "Hello world!"),
            change(_COMPLETED, "response.output.0.content.0.text", "Hello world!"),
        ),
    )
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the whole with the joined deltas; where there were none, OR314 speaks."""
        event = step.event
        if step.violation is not None or not isinstance(event, e.ItemEvent) or facts.is_torn(event.output_index):
            return
        match event:
            case e.FunctionCallArgumentsDone():
                draft = facts.draft(event.output_index)
                told = call_arguments(draft, facts.streamed) if draft is not None else []
                said, path = event.arguments, "arguments"
            case e.OutputTextDone() | e.ReasoningDone() | e.ReasoningSummaryTextDone():
                part = facts.part(event)
                told = part_texts(part, facts.streamed) if part is not None else []
                said, path = event.text, "text"
            case _:
                assert isinstance(event, e.RefusalDone)
                part = facts.part(event)
                told = part_texts(part, facts.streamed) if part is not None else []
                said, path = event.refusal, "refusal"
        if any(told) and said not in told:
            what = "arguments text" if path == "arguments" else path
            yield self.found(f"the {what} {where_they_differ(told, said, STREAM)}", step, path=path)
        elif isinstance(event, e.OutputTextDone) and event.logprobs is not UNSET:
            part = facts.part(event)
            if part is None or not facts.streamed.is_in_order(part.streamed):
                return
            if part.logprobs and event.logprobs and event.logprobs != part.logprobs:
                words = different_lists("log probability", event.logprobs, part.logprobs)
                yield self.found(words, step, path="logprobs")


class PartDiffersFromContent(EventRule):
    """A finished part is not what was streamed into it."""

    code = "OR502"
    name = "part-differs-from-content"
    level = Level.ERROR
    events = (e.ContentPartDone, e.ReasoningSummaryPartDone)
    section = _STREAMABLE
    sentence = "The content part is then closed with response.content_part.done."
    what = "A done part equals what was streamed into it: its text, annotations and log probabilities."
    why = "Clients that keep the finished part lose the text or the citations that they showed."
    mend = "The part is made of what was streamed."
    bad = Example(
        base="annotated",
        edits=(
            change(_PART_DONE, "part.annotations", []),
            change(_ITEM_DONE, "item.content.0.annotations", []),
            change(_COMPLETED, "response.output.0.content.0.annotations", []),
        ),
    )
    good = Example(base="annotated")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the part with what is known of it."""
        event = step.event
        if step.violation is not None or not isinstance(event, (e.ContentPartDone, e.ReasoningSummaryPartDone)):
            return
        draft = facts.part(event)
        if draft is None or facts.is_torn(event.output_index):
            return
        kinds = part_kind(draft.added), part_kind(event.part)
        if kinds[0] != kinds[1] and not (is_known_kind(kinds[0]) and is_known_kind(kinds[1])):
            return
        if kinds[0] != kinds[1]:
            yield self.found(
                f"the part was added as {kinds[0]!r} and is done as {kinds[1]!r}",
                step,
                path="part.type",
            )
            return
        texts = part_texts(draft, facts.streamed)
        if texts and part_text(event.part) not in texts:
            key = "refusal" if part_kind(event.part) == "refusal" else "text"
            words = where_they_differ(texts, part_text(event.part), facts.streamed.telling(draft.streamed))
            yield self.found(f"the part's text {words}", step, path=f"part.{key}")
        elif isinstance(event.part, OutputTextContent) and facts.streamed.is_in_order(draft.streamed):
            said = (
                facts.logprobs.get((event.output_index, event.content_index))
                if isinstance(event, e.ContentPartDone)
                else None
            )
            yield from self._check_extras(step, event.part, draft, said)

    def _check_extras(
        self, step: Step, part: OutputTextContent, draft: PartDraft, said: list[LogProb] | None
    ) -> Iterator[Finding]:
        if draft.annotations and part.annotations != draft.annotations:
            words = different_lists("annotation", part.annotations, draft.annotations)
            yield self.found(words, step, path="part.annotations")
        # Log probabilities are optional: told with the part or not, but not otherwise than before.
        told = draft.logprobs if said is None else said
        if told and part.logprobs and part.logprobs not in (told, draft.logprobs):
            words = different_lists("log probability", part.logprobs, told)
            yield self.found(words, step, path="part.logprobs")


class ItemDiffersFromParts(EventRule):
    """A finished item is not made of its parts."""

    code = "OR503"
    name = "item-differs-from-parts"
    level = Level.ERROR
    events = (e.OutputItemDone,)
    section = _STREAMABLE
    sentence = "When finished, the item is closed with response.output_item.done"
    what = "A done item is what was added, and equals its parts; a done call equals its arguments."
    why = "Codex, and every client that stores finished items, keeps another answer than the one that was shown."
    mend = "The item is made of its parts; text that it tells beyond them is sent as a part of its own first."
    bad = Example(
        base="text",
        edits=(
            change(_ITEM_DONE, "item.content.0.text", "Hello"),
            change(_COMPLETED, "response.output.0.content.0.text", "Hello"),
        ),
    )
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the item with its parts as they were done."""
        event = step.event
        if step.violation is not None or not isinstance(event, e.OutputItemDone):
            return
        draft = facts.draft(event.output_index)
        if draft is None or facts.is_torn(event.output_index):
            return
        known = facts.item(event.output_index)
        changed = _changed(event.item, known.added) if known is not None and known.added is not None else None
        if changed is not None:
            yield self.found(changed[1], step, path=f"item.{changed[0]}", related=known.added_at if known else None)
            return
        for path, message in differences_from_draft(event.item, draft, facts.streamed):
            yield self.found(message, step, path=f"item{path}")
            return


def _changed(item: Item, added: Item) -> tuple[str, str] | None:
    """Return what of an item changed that cannot change, as its name and in words."""
    kinds = item_kind(added), item_kind(item)
    if kinds[0] != kinds[1] and is_known_kind(kinds[0]) and is_known_kind(kinds[1]):
        return "type", f"the item was added as {kinds[0]!r} and is done as {kinds[1]!r}"
    roles = {told.role for told in (added, item) if isinstance(told, MessageItem)}
    # A role there is not was told of already.
    if len(roles) > 1 and roles <= set(ENUMERATIONS[MessageItem, "role"]):
        return "role", f"the message was added with another role than it is done with: {' and '.join(sorted(roles))}"
    return None


class AddedNotEmpty(EventRule):
    """Something begins with content it should still be given."""

    code = "OR504"
    name = "added-not-empty"
    level = Level.WARNING
    events = (e.OutputItemAdded, e.ContentPartAdded, e.ReasoningSummaryPartAdded)
    section = _STREAMABLE
    sentence = "Use zero values where applicable."
    what = "An item or a part is added with zero values, not with the content that its deltas will bring."
    why = (
        "Clients put the deltas behind what was added: the text or the arguments are there twice. pydantic-ai, "
        "LiteLLM and the official OpenAI helper for Python lose such a call altogether."
    )
    mend = "What was added is sent as a delta; deltas that only repeat it are left out."
    bad = Example(base="call", edits=(change("response.output_item.added", "item.arguments", '{"gate":"north"}'),))
    good = Example(base="call")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look into what is added."""
        match event := step.event:
            case e.OutputItemAdded():
                match event.item:
                    case FunctionCallItem() if event.item.arguments:
                        yield self.found(_with("call", event.item.arguments), step, path="item.arguments")
                    case MessageItem() if any(part_text(part) for part in event.item.content):
                        text = "".join(map(part_text, event.item.content))
                        yield self.found(_with("message", text), step, path="item.content")
                    case ReasoningItem() if any(part_text(part) for part in event.item.summary):
                        text = "".join(map(part_text, event.item.summary))
                        yield self.found(_with("reasoning", text), step, path="item.summary")
                    case _:
                        pass
            case _:
                assert isinstance(event, (e.ContentPartAdded, e.ReasoningSummaryPartAdded))
                if part_text(event.part) and not facts.is_whole(event):
                    key = "refusal" if part_kind(event.part) == "refusal" else "text"
                    yield self.found(_with("part", part_text(event.part)), step, path=f"part.{key}")


def _with(what: str, text: str) -> str:
    """Say that something is added with what its deltas should bring."""
    return f"the {what} is not empty when it is added: {quoted(text)}"


class ArgumentsNotJSON(EventRule):
    """A call's arguments cannot be parsed."""

    code = "OR505"
    name = "arguments-not-json"
    level = Level.WARNING
    events = (e.OutputItemDone,)
    section = "Externally-hosted tools"
    sentence = "the developer must run the function and return the output back to the LLM in a second request"
    what = "The arguments of a completed call are a JSON document."
    why = "Every client parses them to run the tool; most do not expect to fail."
    mend = None
    bad = Example(
        base="call",
        edits=(
            change("response.function_call_arguments.delta", "delta", '"north"', 1),
            change("response.function_call_arguments.done", "arguments", '{"gate":"north"'),
            change(_ITEM_DONE, "item.arguments", '{"gate":"north"'),
            change(_COMPLETED, "response.output.0.arguments", '{"gate":"north"'),
        ),
    )
    good = Example(base="call")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the event tells all
        """Parse the arguments."""
        event = step.event
        if not isinstance(event, e.OutputItemDone) or not isinstance(event.item, FunctionCallItem):
            return
        if event.item.status != "completed":
            return
        try:
            msgspec.json.decode(event.item.arguments)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            words = f"the arguments are not JSON: {quoted(event.item.arguments)}"
            yield self.found(words, step, path="item.arguments")


class AnnotationOutOfRange(EventRule):
    """An annotation points outside the text."""

    code = "OR506"
    name = "annotation-out-of-range"
    level = Level.WARNING
    events = (e.ContentPartDone,)
    section = "Why User and Assistant Content Have Different Shapes"
    sentence = "These are usually serializable as UTF-8 text, optionally with metadata like token logprobs."
    what = "`start_index <= end_index <=` the length of the text, in characters."
    why = "A client that cuts the text at these places marks the wrong words, or raises."
    mend = None
    bad = Example(
        base="annotated",
        edits=tuple(
            change(event_type, path, 99)
            for event_type, path in (
                ("response.output_text.annotation.added", "annotation.end_index"),
                (_PART_DONE, "part.annotations.0.end_index"),
                (_ITEM_DONE, "item.content.0.annotations.0.end_index"),
                (_COMPLETED, "response.output.0.content.0.annotations.0.end_index"),
            )
        ),
    )
    good = Example(base="annotated")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the event tells all
        """Hold each annotation against the text."""
        event = step.event
        if not isinstance(event, e.ContentPartDone) or not isinstance(event.part, OutputTextContent):
            return
        if "text" in event.part.extra:
            return
        length = len(event.part.text)
        for index, annotation in enumerate(event.part.annotations):
            if not _in_range(annotation, length):
                assert isinstance(annotation, UrlCitation)
                yield self.found(
                    f"the annotation is on {annotation.start_index} to {annotation.end_index} "
                    f"of a text of {length} characters",
                    step,
                    path=f"part.annotations[{index}]",
                )


def _in_range(annotation: Annotation, length: int) -> bool:
    return not isinstance(annotation, UrlCitation) or 0 <= annotation.start_index <= annotation.end_index <= length


RULES = (
    DoneDiffersFromDeltas,
    PartDiffersFromContent,
    ItemDiffersFromParts,
    AddedNotEmpty,
    ArgumentsNotJSON,
    AnnotationOutOfRange,
)
