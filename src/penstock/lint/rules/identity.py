"""OR4, identity: numbers that rise, ids that stay, indexes that count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import UNSET
from msgspec.structs import replace

from penstock.lint.compare import clipped
from penstock.lint.examples import Example, change, drop
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.rule import EventRule, NumberRule, PlaceRule
from penstock.spec import events as e
from penstock.spec.items import ExtensionItem, FunctionCallItem
from penstock.stream.echo import LASTING

_EVENTS = "Required fields for extended streaming events"
_ITEM_FIELDS = "Required item fields"
_TEXT_DELTA = "response.output_text.delta"
_NUMBERED = (
    "A monotonically increasing number (within the stream or session) that allows clients to order events and detect "
    "gaps."
)
_UNIQUE_ID = (
    "it MUST be unique enough for clients to reference the item unambiguously "
    "(for example, via ItemReference objects or logs)."
)


class SequenceNotIncreasing(NumberRule):
    """A number is not higher than the one before it."""

    code = "OR401"
    name = "sequence-not-increasing"
    level = Level.ERROR
    section = _EVENTS
    sentence = _NUMBERED
    what = "`sequence_number` is higher in each event than in the one before."
    why = (
        "A client that takes a stream up again with `starting_after` gets events twice, or never; one that sorts by "
        "number mixes the text."
    )
    mend = "Events are numbered anew."
    bad = Example(base="text", edits=(change(_TEXT_DELTA, "sequence_number", 4, 1),), renumber=False)
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a stream."""
        self._told_at = -2
        self._step = 0

    def swapped(self, gap: Finding, number: int) -> Finding:
        """Return what a gap was where the event that follows it has the `number` that was due."""
        assert gap.event is not None
        follower = gap.event + 1
        words = (
            f"events {gap.event} and {follower} came in the wrong order: sequence_number {number + 1} before {number}"
        )
        found = self.found(words, path=gap.path, related=follower)
        return replace(found, event=gap.event, offset=gap.offset)

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the number with the last; of a run of numbers that change alike, tell the first."""
        number = step.event.sequence_number if step.event is not None else UNSET
        last = facts.last_number
        if not isinstance(number, int) or last is None or number > min(last, facts.highest) or is_back(facts, number):
            return
        is_run = self._told_at == step.index - 1
        before = facts.number if is_run and isinstance(facts.number, int) else last
        if not facts.goes_on(number) and not (is_run and number - before in (0, self._step)):
            again = "the event before comes again: " if step.event == facts.last_event else ""
            yield self.found(f"{again}sequence_number {number} comes after {before}", step, path="sequence_number")
        self._told_at, self._step = step.index, number - before


def is_back(facts: Facts, number: int) -> bool:
    """Whether a number goes on from before one that was too high."""
    return facts.skipped is not None and number == facts.skipped + 1


class SequenceGap(NumberRule):
    """Numbers are left out."""

    code = "OR402"
    name = "sequence-gap"
    level = Level.WARNING
    section = _EVENTS
    sentence = _NUMBERED
    what = "`sequence_number` begins at 0 and rises by 1."
    why = "A gap tells a client that an event was lost; it may throw the stream away and ask again."
    mend = "Events are numbered anew."
    bad = Example(
        base="text",
        edits=(
            drop(_TEXT_DELTA),
            change("response.output_text.done", "text", " world."),
            change("response.content_part.done", "part.text", " world."),
            change("response.output_item.done", "item.content.0.text", " world."),
            change("response.completed", "response.output.0.content.0.text", " world."),
        ),
        renumber=False,
    )
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a stream."""
        self._rise = 1
        self._told_at = -2

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the number with the next that is due; of numbers that rise by tens, tell the first."""
        number = step.event.sequence_number if step.event is not None else UNSET
        if not isinstance(number, int):
            return
        last = facts.last_number
        if last is None:
            is_first = facts.events == 0 and not facts.profile.resumed
            if is_first and not 0 <= number <= facts.unnumbered:
                yield self.found(f"the first sequence_number is {number}, not 0", step, path="sequence_number")
        elif number > last + 1 + facts.unnumbered and number != facts.highest + 1:
            # What follows the highest of all goes on, though the last event was one that came after it.
            if number - last != self._rise or step.index - facts.unnumbered != self._told_at + 1:
                # What is not there yet may still come: whether it was left out is not known here.
                due = last + 1 + facts.unnumbered
                yield self.found(f"sequence_number {number} where {due} is due", step, path="sequence_number")
            self._rise, self._told_at = number - last, step.index


class ResponseIdChanges(EventRule):
    """The response becomes another."""

    code = "OR403"
    name = "response-id-changes"
    level = Level.ERROR
    events = (e.ResponseEvent,)
    section = "State Machine events"
    sentence = (
        "A state machine event represents a change in the status of an object as it progresses through its lifecycle."
    )
    what = "All events of a stream tell of one response: `id`, `created_at` and `model` stay."
    why = "A client keeps the id of the first event and continues, fetches or deletes a response that does not exist."
    mend = "The first id, time and model are used throughout."
    bad = Example(base="text", edits=(change("response.completed", "response.id", "resp_2"),))
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a response."""
        self._told: set[str] = set()

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the response with the first; one finding a field."""
        for name, was, now in _changed(("id", "created_at", "model"), step, facts):
            # An empty id was told of already.
            if name in self._told or (name == "id" and not was):
                continue
            self._told.add(name)
            yield self.found(
                f"the response's {name} was {was!r} and is now {now!r}",
                step,
                path=f"response.{name}",
                related=facts.first_at,
            )


def _changed(names: Iterable[str], step: Step, facts: Facts) -> Iterator[tuple[str, object, object]]:
    """Yield the fields of which a snapshot tells something else than the first, with what was and what is."""
    event, first = step.event, facts.first
    if first is None or not isinstance(event, e.ResponseEvent) or isinstance(event, e.ResponseCreated):
        return
    for name in names:
        was, now = getattr(first, name), getattr(event.response, name)
        if was != now and name not in facts.doubtful:
            yield name, was, now


class SnapshotChanges(EventRule):
    """What was asked changes under way."""

    code = "OR410"
    name = "snapshot-changes"
    level = Level.WARNING
    events = (e.ResponseEvent,)
    section = "State Machine events"
    sentence = (
        "A state machine event represents a change in the status of an object as it progresses through its lifecycle."
    )
    what = "Of a response only its state, its output and its usage change: what it says of its request stays."
    why = "Callers read from the response what was in force; of two events that differ nobody knows which is right."
    mend = "What the first event said stands."
    bad = Example(base="text", edits=(change("response.completed", "response.temperature", 0.2),))
    good = Example(base="text")

    def __init__(self) -> None:
        """Begin a response."""
        self._told: set[str] = set()

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the parameters with those of the first event; one finding a parameter."""
        for name, was, now in _changed(LASTING, step, facts):
            if name in self._told:
                continue
            self._told.add(name)
            yield self.found(
                f"{name} was {clipped(was)} and is now {clipped(now)}",
                step,
                path=f"response.{name}",
                related=facts.first_at,
            )


class ItemIdChanges(EventRule):
    """An item becomes another."""

    code = "OR404"
    name = "item-id-changes"
    level = Level.ERROR
    events = (e.OutputItemDone, e.ContentEvent, e.SummaryEvent, e.ArgumentsEvent)
    section = _ITEM_FIELDS
    sentence = _UNIQUE_ID
    what = "An item has one id, in every event about it and in the terminal `output`."
    why = (
        "The AI SDK and the official OpenAI helpers look items up by id: a delta to another id is dropped or raises, "
        "and calls in the terminal response do not match those that were streamed."
    )
    mend = "The id of `output_item.added` is used throughout."
    bad = Example(base="text", edits=(change(_TEXT_DELTA, "item_id", "msg_other"),))
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the id with the item's own."""
        event = step.event
        if isinstance(event, e.OutputItemDone):
            said, path = event.item.id, "item.id"
        else:
            assert isinstance(event, (e.ContentEvent, e.SummaryEvent, e.ArgumentsEvent))
            said, path = event.item_id, "item_id"
        known = facts.item(event.output_index)
        if known is None or said == known.id or not known.id or known.is_doubtful:
            return
        is_absent = "item_id" in event.extra or "id" in getattr(event, "item", event).extra
        if said in known.ids or is_absent:
            return
        known.ids.add(said)
        yield self.found(
            f"output[{event.output_index}] has the id {known.id!r}, not {said!r}",
            step,
            path=path,
            related=known.added_at,
        )


class ItemIdShared(EventRule):
    """Two items have one id."""

    code = "OR405"
    name = "item-id-shared"
    level = Level.ERROR
    events = (e.OutputItemAdded,)
    section = _ITEM_FIELDS
    sentence = _UNIQUE_ID
    what = "Two items never share an id."
    why = "Clients keep items by id: the second replaces the first, whose text or call is lost."
    mend = "The second item gets an id of its own."
    bad = Example(
        base="two_calls",
        edits=(
            change("response.output_item.added", "item.id", "fc_1", 1),
            *(change("response.function_call_arguments.delta", "item_id", "fc_1", n) for n in (1, 3)),
            change("response.function_call_arguments.done", "item_id", "fc_1", 1),
            change("response.output_item.done", "item.id", "fc_1", 1),
            change("response.completed", "response.output.1.id", "fc_1"),
        ),
    )
    good = Example(base="two_calls")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for the id among the items that are known."""
        event = step.event
        assert isinstance(event, e.OutputItemAdded)
        other = facts.item_ids.get(event.item.id) if event.item.id else None
        if other is not None and other != event.output_index and not facts.items[other].ids:
            yield self.found(
                f"output[{event.output_index}] has the id {event.item.id!r}, which is that of output[{other}]",
                step,
                path="item.id",
                related=facts.items[other].added_at,
            )


class OutputIndexWrong(PlaceRule):
    """Items are not counted 0, 1, 2."""

    code = "OR406"
    name = "output-index-wrong"
    level = Level.ERROR
    events = (e.ItemEvent,)
    section = "Delta Events"
    sentence = "Adding a new item to a list (response.output_item.added)"
    what = "`output_index` is an item's place in `output`: 0, 1, 2 ... in order of addition, never shared."
    why = (
        "LangChain, LiteLLM and the official OpenAI helpers put the pieces of two items with one index together: of "
        "two parallel calls one has the arguments of both, the other none."
    )
    mend = "Items are counted anew, in order of addition."
    bad = Example(
        base="two_messages",
        edits=tuple(
            change(event_type, "output_index", 2, 1)
            for event_type in (
                "response.output_item.added",
                "response.content_part.added",
                _TEXT_DELTA,
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
            )
        ),
    )
    good = Example(base="two_messages")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the index with the next that is due, or with the item the id belongs to."""
        event = step.event
        if isinstance(event, e.OutputItemAdded):
            yield from self._check_added(step, event, facts)
        elif isinstance(event, e.OutputItemDone):
            owner = facts.item_ids.get(event.item.id) if facts.item(event.output_index) is None else None
            if owner is not None and facts.items[owner].done is None:
                yield self.found(
                    f"the item {event.item.id!r} is output[{owner}], not output[{event.output_index}]",
                    step,
                    path="output_index",
                    related=facts.items[owner].added_at,
                )
        else:
            assert isinstance(event, (e.ContentEvent, e.SummaryEvent, e.ArgumentsEvent))
            owner = facts.item_ids.get(event.item_id) if event.item_id else None
            known = facts.item(event.output_index)
            if owner is None or owner == event.output_index or (known is not None and known.id == event.item_id):
                return
            if known is None or known.done is not None or facts.items[owner].done is None:
                yield self.found(
                    f"the item {event.item_id!r} is output[{owner}], not output[{event.output_index}]",
                    step,
                    path="output_index",
                    related=facts.items[owner].added_at,
                )

    def _check_added(self, step: Step, event: e.OutputItemAdded, facts: Facts) -> Iterator[Finding]:
        known = facts.item(event.output_index)
        if known is not None:
            if known.added is not None and event.item.id != known.id:
                yield self.found(
                    f"output[{event.output_index}] is the item {known.id!r} already; {facts.next_index} is due",
                    step,
                    path="output_index",
                    related=known.added_at,
                )
            return
        due = facts.next_index
        if event.output_index != due and not (facts.profile.resumed and not facts.items):
            yield self.found(f"output_index {event.output_index} where {due} is due", step, path="output_index")


class ContentIndexWrong(PlaceRule):
    """Parts are not counted 0, 1, 2."""

    code = "OR407"
    name = "content-index-wrong"
    level = Level.ERROR
    events = (e.ContentEvent, e.SummaryEvent)
    section = "Items are streamable"
    sentence = "Items with content MAY emit multiple content parts, following the pattern above."
    what = (
        "`content_index`, `summary_index` and `annotation_index` are places in their lists: 0, 1, 2 ... in order of "
        "addition."
    )
    why = "The official OpenAI helper for Python raises `IndexError` on a `content_index` that is not the next."
    mend = "Parts and annotations are counted anew, in order of addition."
    bad = Example(
        base="text",
        edits=tuple(
            change(event_type, "content_index", 1, nth)
            for event_type, nth in (
                ("response.content_part.added", 0),
                (_TEXT_DELTA, 0),
                (_TEXT_DELTA, 1),
                (_TEXT_DELTA, 2),
                ("response.output_text.done", 0),
                ("response.content_part.done", 0),
            )
        ),
    )
    good = Example(base="two_parts")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the index with the next that is due."""
        event = step.event
        if facts.profile.resumed and isinstance(event, e.ItemEvent) and facts.is_torn(event.output_index):
            return
        match event:
            case e.ContentPartAdded() | e.ReasoningSummaryPartAdded():
                draft = facts.draft(event.output_index)
                is_summary = isinstance(event, e.ReasoningSummaryPartAdded)
                name = "summary_index" if is_summary else "content_index"
                index = event.summary_index if isinstance(event, e.ReasoningSummaryPartAdded) else event.content_index
                parts = {} if draft is None else draft.summary if is_summary else draft.content
                due = max(parts, default=-1) + 1
                known = parts.get(index)
                if index != due and (known is None or known.done is not None):
                    yield self.found(f"{name} {index} where {due} is due", step, path=name)
            case _:
                assert isinstance(event, (e.ContentEvent, e.SummaryEvent))
                yield from self._check_content(step, event, facts)

    def _check_content(self, step: Step, event: e.ContentEvent | e.SummaryEvent, facts: Facts) -> Iterator[Finding]:
        place = next(facts.open_parts(event), None)
        if place is not None:
            name = "summary_index" if isinstance(event, e.SummaryEvent) else "content_index"
            index = event.summary_index if isinstance(event, e.SummaryEvent) else event.content_index
            yield self.found(f"{name} {index} was never added; open is {place}", step, path=name)
        elif isinstance(event, e.OutputTextAnnotationAdded):
            part = facts.part(event)
            due = len(part.annotations) if part is not None else 0
            if event.annotation_index != due:
                message = f"annotation_index {event.annotation_index} where {due} is due"
                yield self.found(message, step, path="annotation_index")


class CallIdChanges(EventRule):
    """A call becomes another, or two calls are one."""

    code = "OR408"
    name = "call-id-changes"
    level = Level.ERROR
    events = (e.OutputItemAdded, e.OutputItemDone)
    section = _ITEM_FIELDS
    sentence = _UNIQUE_ID
    what = "The `call_id` and `name` of a call stay; two calls of a response never share a `call_id`."
    why = (
        "The result of a call is matched by `call_id`: a client answers a call nobody knows, or two calls with one "
        "result."
    )
    mend = "The first `call_id` and name are used; a second call with the same id gets one of its own."
    bad = Example(
        base="call",
        edits=(
            change("response.output_item.done", "item.call_id", "call_9"),
            change("response.completed", "response.output.0.call_id", "call_9"),
        ),
    )
    good = Example(base="two_calls")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare a call with what is known of it, and with the other calls."""
        event = step.event
        if not isinstance(event, (e.OutputItemAdded, e.OutputItemDone)) or not isinstance(event.item, FunctionCallItem):
            return
        call = event.item
        known = facts.item(event.output_index)
        if isinstance(event, e.OutputItemDone) and known is not None and known.added is not None:
            for name, was, now in (("call_id", known.call_id, call.call_id), ("name", known.name, call.name)):
                if was and was != now:
                    yield self.found(
                        f"the call's {name} was {was!r} and is now {now!r}",
                        step,
                        path=f"item.{name}",
                        related=known.added_at,
                    )
            return
        other = facts.call_ids.get(call.call_id) if call.call_id else None
        if other is not None and other != event.output_index:
            yield self.found(
                f"the call_id {call.call_id!r} is that of output[{other}], too",
                step,
                path="item.call_id",
                related=facts.items[other].added_at,
            )


class IdOrNameEmpty(EventRule):
    """Something has no id."""

    code = "OR409"
    name = "id-or-name-empty"
    level = Level.ERROR
    events = (e.ResponseCreated, e.OutputItemAdded)
    section = _ITEM_FIELDS
    sentence = _UNIQUE_ID
    what = "The ids of responses, items and calls, and the names of calls, are not empty."
    why = "Nothing can be looked up by an empty id: no client can continue the response, or answer the call."
    mend = "An id is made; a call whose name never comes is called `unnamed`."
    bad = Example(
        base="call",
        edits=(
            change("response.output_item.added", "item.call_id", ""),
            change("response.output_item.done", "item.call_id", ""),
            change("response.completed", "response.output.0.call_id", ""),
        ),
    )
    good = Example(base="call")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the event tells all
        """Look at the ids."""
        event = step.event
        if isinstance(event, e.ResponseCreated) and not event.response.id and "id" not in event.response.extra:
            yield self.found("the response's id is empty", step, path="response.id")
        if not isinstance(event, e.OutputItemAdded):
            return
        item = event.item
        said = item.fields.get("id") if isinstance(item, ExtensionItem) else item.extra.get("id", item.id)
        if said == "":
            yield self.found("the item's id is empty", step, path="item.id")
        for name in ("call_id", "name") if isinstance(item, FunctionCallItem) else ():
            if getattr(item, name) == "" and name not in item.extra:
                yield self.found(f"the call's {name} is empty", step, path=f"item.{name}")


RULES = (
    SequenceNotIncreasing,
    SequenceGap,
    ResponseIdChanges,
    ItemIdChanges,
    ItemIdShared,
    OutputIndexWrong,
    ContentIndexWrong,
    CallIdChanges,
    IdOrNameEmpty,
    SnapshotChanges,
)
