"""OR3, order: the cells of the tables in `penstock.stream.states`, and what order alone cannot tell of content."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from penstock.lint.compare import call_arguments
from penstock.lint.difference import quoted
from penstock.lint.examples import Example, change, drop, drop_all, insert_after, move, repeat
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.rule import EventRule, GrammarRule
from penstock.spec import events as e
from penstock.spec.items import FunctionCallItem, MessageItem, ReasoningItem
from penstock.stream.fold import ItemDraft, part_text
from penstock.stream.machine import SHOWN_PLACES, Violation
from penstock.stream.states import OrderRule
from penstock.wire.wording import shown

_STREAMABLE = "Items are streamable"
_STATES = "Items are state machines"
_LIFECYCLE = "State Machine events"
_DELTAS = "Delta Events"
_TEXT_DELTA = "response.output_text.delta"
_ITEM_ADDED = "response.output_item.added"
_ITEM_DONE = "response.output_item.done"
_PART_ADDED = "response.content_part.added"
_PART_DONE = "response.content_part.done"
_COMPLETED = "response.completed"


def _never(what: str, text: str) -> str:
    """Say of a text that it was told and not streamed."""
    return f"{what} had no delta: {quoted(text)}"


def _added_words(violation: Violation) -> str:
    """Say that an item or a part was never added, or is added again."""
    if violation.state.startswith("absent"):
        return f"{violation.event_type} comes for {violation.place}, which was never added"
    return f"{violation.place} is added a second time"


class CreatedNotFirst(GrammarRule):
    """The stream does not begin with `response.created`, or has it twice."""

    code = "OR301"
    name = "created-not-first"
    level = Level.ERROR
    breaks = OrderRule.CREATED_NOT_FIRST
    section = _LIFECYCLE
    sentence = (
        "A state machine event represents a change in the status of an object as it progresses through its lifecycle."
    )
    what = "The first event of a stream is `response.created`, and there is one."
    why = (
        "Clients make their response object from it. The official OpenAI helpers for Python and Node raise (`expected "
        "'response.created' event, got ...`) when the first event is another."
    )
    mend = "A `response.created` is put first; a second one is left out."
    bad = Example(base="text", edits=(drop("response.created"),))
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        if violation.event_type == "response.created":
            return "response.created comes a second time"
        return f"the first event is {shown(violation.event_type)}, not response.created"


class LifecycleOutOfOrder(GrammarRule):
    """A lifecycle event tells a state the response cannot be in."""

    code = "OR302"
    name = "lifecycle-out-of-order"
    level = Level.ERROR
    breaks = OrderRule.LIFECYCLE_OUT_OF_ORDER
    section = _LIFECYCLE
    sentence = "When a Response moves from queued to in_progress, a response.in_progress event is emitted."
    what = (
        "Queued, in-progress and terminal events follow the states of the response: each state is entered once, from "
        "one before it."
    )
    why = (
        "A client that shows the state of a response (queued, working, done) jumps back, or shows output of a "
        "response that is still waiting."
    )
    mend = "The event is left out; a missing `response.in_progress` is put in before the first output."
    bad = Example(base="text", edits=(repeat("response.in_progress"),))
    good = Example(base="text", queued=True)

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        possible = ", ".join(violation.allowed)
        return f"{violation.event_type} comes while the response is {violation.state}; possible is: {possible}"


class EventAfterTerminal(GrammarRule):
    """Something follows the end."""

    code = "OR303"
    name = "event-after-terminal"
    level = Level.ERROR
    breaks = OrderRule.EVENT_AFTER_TERMINAL
    section = _STATES
    sentence = (
        "This is a terminal status and no updates may be made to the item after the item has moved into this state."
    )
    what = "After `response.completed`, `response.failed` or `response.incomplete` nothing follows but `[DONE]`."
    why = (
        "Clients stop reading at the terminal event: what follows is lost. Codex loses an item whose "
        "`output_item.done` comes late."
    )
    mend = "Output and extension events are put before the terminal event; the rest is left out."
    bad = Example(base="text", edits=(insert_after(_COMPLETED, {"type": "acme:trace_event", "latency_ms": 34}),))
    good = Example(base="extension")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        return f"{shown(violation.event_type)} comes after the response is {violation.state}"


class ItemNotAdded(GrammarRule):
    """An item is heard of before it was added, or added again."""

    code = "OR304"
    name = "item-not-added"
    level = Level.ERROR
    breaks = OrderRule.ITEM_NOT_ADDED
    section = _STREAMABLE
    sentence = "The first event MUST always be response.output_item.added."
    what = "The first event of an item is its `response.output_item.added`, and there is one."
    why = (
        "The AI SDK, LangChain and the official OpenAI helpers keep text by the item it belongs to: without the item "
        "they raise (`text part msg_... not found`) or drop the text."
    )
    mend = (
        "The missing event is put in, with what is known of the item (a call waits for its name); a second one is left "
        "out."
    )
    bad = Example(base="call", edits=(drop(_ITEM_ADDED),))
    good = Example(base="call")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        return _added_words(violation)


class PartNotAdded(GrammarRule):
    """A part is heard of before it was added, or added again."""

    code = "OR305"
    name = "part-not-added"
    level = Level.ERROR
    breaks = OrderRule.PART_NOT_ADDED
    section = _STREAMABLE
    sentence = "The first event in such cases MUST be response.content_part.added"
    what = "A part's `content_part.added` (or `reasoning_summary_part.added`) comes before its deltas, once."
    why = (
        "The official OpenAI helpers for Python and Node raise (`missing content at index 0`) on a delta to a part "
        "that was not added: the whole stream is lost to the user."
    )
    mend = "The missing event is put in before the first delta; a second one is left out."
    bad = Example(base="text", edits=(drop(_PART_ADDED),))
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        return _added_words(violation)


class DeltaAfterDone(GrammarRule):
    """Content comes for something that is done."""

    code = "OR306"
    name = "delta-after-done"
    level = Level.ERROR
    breaks = OrderRule.DELTA_AFTER_DONE
    section = _STREAMABLE
    sentence = "The delta events MAY be repeated many times, and end with response.<content_type>.done."
    what = "No content comes for a part, for arguments or for an item that is done."
    why = (
        "A client that took the done event for the whole text shows less than was sent, and acts on arguments that "
        "were not complete."
    )
    mend = (
        "The content is put into a new part, or into a new item where the item is done. Arguments that come after "
        "their done event are left out, since a call is not made twice."
    )
    bad = Example(
        base="text",
        edits=(
            insert_after(
                "response.output_text.done",
                {
                    "type": _TEXT_DELTA,
                    "item_id": "msg_1",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": "!",
                },
            ),
        ),
    )
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        what = "whose content is done" if violation.state.startswith("open") else "which is done"
        return f"{violation.event_type} comes for {violation.place}, {what}"


class ContentDoneAbsent(GrammarRule):
    """A part, or a call, is closed while its content is not."""

    code = "OR307"
    name = "content-done-absent"
    level = Level.ERROR
    breaks = OrderRule.CONTENT_DONE_ABSENT
    section = _STREAMABLE
    sentence = "The delta events MAY be repeated many times, and end with response.<content_type>.done."
    what = "`<content>.done` comes before the part is done, `function_call_arguments.done` before the call is."
    why = (
        "The official OpenAI helper for Python parses structured output when `output_text.done` comes; without it "
        "there is no result. None of the seventeen clients tested minds a missing `function_call_arguments.done`."
    )
    mend = "The missing event is put in, with the text that was streamed."
    bad = Example(base="text", edits=(drop("response.output_text.done"),))
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        # Of a part that takes whatever comes nobody knows what its content was.
        missing = next((name for name in violation.allowed if name.endswith(".done")), "its content's done event")
        return f"{violation.event_type} closes {violation.place}, and {missing} has not come"


class PartDoneAbsent(GrammarRule):
    """An item is closed while a part of it is open."""

    code = "OR308"
    name = "part-done-absent"
    level = Level.ERROR
    breaks = OrderRule.PART_DONE_ABSENT
    section = _STREAMABLE
    sentence = "The content part is then closed with response.content_part.done."
    what = "Every part of an item is done before the item is."
    why = "A client that waits for the part's end to show it, or to close its element on the page, waits for ever."
    mend = "The missing event is put in before the item's."
    bad = Example(base="text", edits=(drop(_PART_DONE),))
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        parts = [place for place in violation.open_places if place.startswith(f"{violation.place}.")]
        return f"{violation.event_type} closes {violation.place} while open: {', '.join(parts)}"


class ItemDoneAbsent(GrammarRule):
    """The response is closed while an item of it is open."""

    code = "OR309"
    name = "item-done-absent"
    level = Level.ERROR
    breaks = OrderRule.ITEM_DONE_ABSENT
    section = _STREAMABLE
    sentence = "When finished, the item is closed with response.output_item.done"
    what = "Every item is done before `response.completed` or `response.incomplete`."
    why = (
        "Codex reads items from `output_item.done` only, and the AI SDK closes its text parts there: without it they "
        "lose the answer."
    )
    mend = "The missing event is put in before the terminal one."
    bad = Example(base="text", edits=(drop(_ITEM_DONE),))
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        return f"{violation.event_type} comes while open: {', '.join(violation.open_places)}; {_ITEM_DONE} is due"

    def tell(self, violation: Violation, step: Step, facts: Facts) -> Finding:
        """Say which items are open, and where the first of them was added."""
        items = {f"output[{index}]": facts.items[index] for index in islice(facts.machine.open_items, SHOWN_PLACES)}
        open_places = tuple(
            f"{place} ({items[place].kind or 'item'} {items[place].id!r})" if place in items else place
            for place in violation.open_places
        )
        first = next(iter(items.values()))
        return self.found(self.words(replace(violation, open_places=open_places)), step, related=first.added_at)


class DoneTwice(GrammarRule):
    """Something is done a second time."""

    code = "OR310"
    name = "done-twice"
    level = Level.ERROR
    breaks = OrderRule.DONE_TWICE
    section = _STATES
    sentence = (
        "This is a terminal status and no updates may be made to the item after the item has moved into this state."
    )
    what = "Every done event comes once."
    why = "A client that acts on done events acts twice: it runs a tool a second time, or shows a paragraph twice."
    mend = "The second event is left out."
    bad = Example(base="text", edits=(repeat("response.output_text.done"),))
    good = Example(base="text")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        return f"{violation.event_type} comes a second time for {violation.place}"


class WrongContentForPart(GrammarRule):
    """Content comes to a part or an item that does not hold such content."""

    code = "OR311"
    name = "wrong-content-for-part"
    level = Level.ERROR
    breaks = OrderRule.WRONG_CONTENT_FOR_PART
    section = _STREAMABLE
    sentence = "Such content MUST be backed by a content part."
    what = (
        "Text goes to `output_text` parts, refusals to `refusal` parts, raw reasoning to the parts of a reasoning "
        "item, arguments to function calls."
    )
    why = "A typed client has no place for it: the official helpers raise, others drop it."
    mend = "The content is put into a part of its own kind, arguments into a call of their own."
    bad = Example(
        base="text",
        edits=(change(_PART_ADDED, "part", {"type": "refusal", "refusal": ""}),),
    )
    good = Example(base="refusal")

    def words(self, violation: Violation) -> str:
        """Say which event came, where, and why it cannot."""
        kind = violation.state.rpartition("(")[2].removesuffix(")")
        return f"{violation.event_type} comes for {violation.place}, which is of the type {kind}"


class ItemDoneOutOfOrder(EventRule):
    """Items are finished in another order than they began."""

    code = "OR312"
    name = "item-done-out-of-order"
    level = Level.WARNING
    events = (e.OutputItemDone,)
    section = _STREAMABLE
    sentence = "When finished, the item is closed with response.output_item.done"
    what = "`response.output_item.done` events follow the order of `output_index`."
    why = (
        "Clients that build their history from done events (Codex among them) put the items into another order than "
        "the model made them."
    )
    mend = "The done event waits for those of the items before it."
    bad = Example(base="two_calls", edits=(move(_ITEM_DONE, 2),))
    good = Example(base="two_calls")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare an item with those that are done."""
        assert isinstance(step.event, e.OutputItemDone)
        index, later = step.event.output_index, facts.last_done
        if later is not None and later > index and step.violation is None:
            yield self.found(
                f"output[{index}] is done after output[{later}]",
                step,
                path="output_index",
                related=facts.items[later].done_at,
            )


class EmptyDelta(EventRule):
    """A delta says nothing."""

    code = "OR313"
    name = "empty-delta"
    level = Level.INFO
    events = (
        e.OutputTextDelta,
        e.RefusalDelta,
        e.ReasoningDelta,
        e.ReasoningSummaryTextDelta,
        e.FunctionCallArgumentsDelta,
    )
    section = _DELTAS
    sentence = "A delta event represents a change to an object since its last update."
    what = "A delta is not empty."
    why = "It costs a frame and tells nothing; some providers send one to begin with, and servers pass it on."
    mend = "It is left out."
    bad = Example(base="text", edits=(change(_TEXT_DELTA, "delta", ""), change(_TEXT_DELTA, "delta", "Hello world", 1)))
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the delta tells all
        """Look at the delta."""
        event = step.event
        if getattr(event, "delta", None) == "" and not getattr(event, "logprobs", None):
            yield self.found("the delta is empty", step, path="delta")


class ContentWithoutDelta(EventRule):
    """Content is there at the end that was never streamed."""

    code = "OR314"
    name = "content-without-delta"
    level = Level.ERROR
    events = (
        e.OutputTextDone,
        e.RefusalDone,
        e.ReasoningDone,
        e.ReasoningSummaryTextDone,
        e.FunctionCallArgumentsDone,
        e.OutputItemDone,
    )
    section = _DELTAS
    sentence = "All streamable objects must follow this delta event pattern."
    what = "Content that is there when a part, a call or an item is done was streamed in deltas."
    why = (
        "Clients show deltas. Text that is first told when it is done appears at once at the end, or never: "
        "LangChain, LiteLLM and the official OpenAI helper for Python lose a call whose arguments had no delta."
    )
    mend = "The content is sent as a delta before the done event."
    bad = Example(base="call", edits=(drop_all("response.function_call_arguments.delta"),))
    good = Example(base="call")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for text that came from nowhere."""
        event = step.event
        if step.violation is not None or not isinstance(event, e.ItemEvent) or facts.is_torn(event.output_index):
            return
        match event:
            case e.FunctionCallArgumentsDone():
                draft = facts.draft(event.output_index)
                if event.arguments and not _has_arguments(draft, facts):
                    yield self.found(_never("the arguments", event.arguments), step, path="arguments")
            case e.OutputTextDone() | e.RefusalDone() | e.ReasoningDone() | e.ReasoningSummaryTextDone():
                part = facts.part(event)
                text = event.refusal if isinstance(event, e.RefusalDone) else event.text
                if part is None or not facts.streamed.is_known(part.streamed):
                    return
                if text and not part.streamed and not part_text(part.added):
                    path = "refusal" if isinstance(event, e.RefusalDone) else "text"
                    yield self.found(_never(f"the {path}", text), step, path=path)
            case _:
                assert isinstance(event, e.OutputItemDone)
                yield from self._check_item(step, event, facts)

    def _check_item(self, step: Step, event: e.OutputItemDone, facts: Facts) -> Iterator[Finding]:
        """Look for whole parts, and whole arguments, that no event told of before."""
        draft = facts.draft(event.output_index)
        item = event.item
        if isinstance(item, FunctionCallItem):
            if item.arguments and not _has_arguments(draft, facts):
                yield self.found(_never("the arguments", item.arguments), step, path="item.arguments")
        elif isinstance(item, (MessageItem, ReasoningItem)):
            content = item.content if isinstance(item.content, list) else []
            parts = draft.content if draft is not None else {}
            for index, part in enumerate(content):
                if index not in parts and part_text(part):
                    words = _never(f"content[{index}]", part_text(part))
                    yield self.found(words, step, path=f"item.content[{index}]")
                    return
            if isinstance(item, ReasoningItem):
                summaries = draft.summary if draft is not None else {}
                for index, part in enumerate(item.summary):
                    if index not in summaries and part_text(part):
                        words = _never(f"summary[{index}]", part_text(part))
                        yield self.found(words, step, path=f"item.summary[{index}]")
                        return


def _has_arguments(draft: ItemDraft | None, facts: Facts) -> bool:
    """Whether arguments of a call were streamed, or may have been."""
    return draft is not None and (
        not facts.streamed.is_known(draft.arguments) or bool(call_arguments(draft, facts.streamed))
    )


RULES = (
    CreatedNotFirst,
    LifecycleOutOfOrder,
    EventAfterTerminal,
    ItemNotAdded,
    PartNotAdded,
    DeltaAfterDone,
    ContentDoneAbsent,
    PartDoneAbsent,
    ItemDoneAbsent,
    DoneTwice,
    WrongContentForPart,
    ItemDoneOutOfOrder,
    EmptyDelta,
    ContentWithoutDelta,
)
