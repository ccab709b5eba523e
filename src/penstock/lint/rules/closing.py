"""OR6, closing: how a stream ends, and what its snapshots and its last event tell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from penstock.lint.compare import (
    adds_parts,
    clipped,
    differences_from_done,
    differences_from_draft,
    is_known_kind,
    is_streamed,
)
from penstock.lint.examples import Example, change, drop, truncate
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.rule import EventRule, GrammarRule, Rule
from penstock.spec import events as e
from penstock.spec.items import Item, MessageItem
from penstock.spec.response import Response, ResponseUsage
from penstock.stream.machine import SHOWN_PLACES, Violation, item_kind
from penstock.stream.states import OrderRule

_STATES = "Items are state machines"
_COMPLETED = "response.completed"
_ITEM_DONE = "response.output_item.done"

# The status a snapshot has in each lifecycle event.
_STATUS_OF = {
    e.ResponseCreated: ("in_progress", "queued"),
    e.ResponseQueued: ("queued",),
    e.ResponseInProgress: ("in_progress",),
    e.ResponseCompleted: ("completed",),
    e.ResponseFailed: ("failed",),
    e.ResponseIncomplete: ("incomplete",),
}


class TerminalAbsent(Rule):
    """The stream ends in the middle."""

    code = "OR601"
    name = "terminal-absent"
    level = Level.ERROR
    section = "State Machine events"
    sentence = "when a response changes status from in_progress to completed, a response.completed event is triggered."
    what = (
        "A stream ends with exactly one terminal event: `response.completed`, `response.incomplete` or "
        "`response.failed`."
    )
    why = (
        "Nobody can tell a cut answer from a whole one: of seventeen clients tested fifteen (the official SDKs, the AI "
        "SDK, LangChain and Codex among them) raise, wait for ever, or take the half for the whole."
    )
    mend = "An `error` event and `response.failed` are put at the end: it was cut short."
    bad = Example(base="text", edits=(truncate(_COMPLETED),))
    good = Example(base="text")

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Ask for the terminal event."""
        if facts.is_over or facts.error_at is not None or (facts.profile.resumed and not facts.events):
            return
        if facts.is_last_lost or facts.is_end_early:
            return  # that may have been the terminal event, or it was told where that one came
        if not facts.events:
            yield self.found("the stream ends before its first event")
        else:
            opened = ", ".join(islice(facts.machine.open_places, SHOWN_PLACES))
            what = f"open: {opened}" if opened else "nothing is open"
            yield self.found(f"the stream ends while the response is {facts.machine.state.value}; {what}")


class StatusDiffersFromEvent(EventRule):
    """A snapshot tells another state than its event."""

    code = "OR602"
    name = "status-differs-from-event"
    level = Level.ERROR
    events = (e.ResponseEvent,)
    section = "State Machine events"
    sentence = "when a response changes status from in_progress to completed, a response.completed event is triggered."
    what = "The `status` of the response in a lifecycle event is the event's."
    why = (
        "Clients that keep the response, and not the event, believe a finished response is under way, or the other "
        "way about."
    )
    mend = "The status is set to the event's."
    bad = Example(base="text", edits=(change(_COMPLETED, "response.status", "in_progress"),))
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the event tells all
        """Compare the status with the event."""
        event = step.event
        assert isinstance(event, e.ResponseEvent)
        wanted = _STATUS_OF[type(event)]
        if event.response.status not in wanted and "status" not in event.response.extra:
            yield self.found(
                f"{event.event_type} tells of a response that is {event.response.status!r}, not {wanted[0]!r}",
                step,
                path="response.status",
            )


class OutputDiffersFromStream(EventRule):
    """The last event tells another output than the stream."""

    code = "OR603"
    name = "output-differs-from-stream"
    level = Level.ERROR
    events = (e.ResponseCompleted, e.ResponseIncomplete, e.ResponseFailed)
    section = "Delta Events"
    sentence = "All streamable objects must follow this delta event pattern."
    what = (
        "The `output` of the terminal response is the streamed items: the same, in the same order, with the same ids."
    )
    why = (
        "Fourteen of seventeen clients tested take the final answer from here: with an empty or other `output` they "
        "return no text and no calls, after having shown them."
    )
    mend = "The output is made of the streamed items; an item that only it tells of is sent before it."
    bad = Example(base="text", edits=(change(_COMPLETED, "response.output", []),))
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare the output with the items, one by one; the first that differs is enough."""
        event = step.event
        if not isinstance(event, e.ResponseEvent) or "output" in event.response.extra:
            return
        if facts.profile.resumed or (step.violation is not None and step.violation.rule is OrderRule.CREATED_NOT_FIRST):
            return
        failed = isinstance(event, e.ResponseFailed)
        for path, message, related in _output_differences(event.response, facts, failed=failed):
            yield self.found(message, step, path=f"response.output{path}", related=related)
            return


def _output_differences(response: Response, facts: Facts, *, failed: bool) -> Iterator[tuple[str, str, int | None]]:
    told = response.output
    places = sorted(facts.items)
    if failed and len(told) < len(places):
        # What a failed response keeps of its output is the server's affair.
        return
    if len(told) != len(places):
        items = "1 item" if len(told) == 1 else f"{len(told)} items"
        streamed = "1 was" if len(places) == 1 else f"{len(places)} were"
        yield "", f"the output has {items}, {streamed} streamed", None
    for item, (index, place) in zip(told, enumerate(places), strict=False):
        known = facts.items[place]
        at = f"[{index}]"
        kind = item_kind(item)
        kinds = {known.kind} if known.done is None else {known.kind, item_kind(known.done)}
        if kind not in kinds and is_known_kind(kind) and is_known_kind(known.kind):
            yield f"{at}.type", f"the item is {kind!r}, streamed was {known.kind!r}", known.added_at
        elif known.id and item.id not in {known.id, *known.ids} and not known.is_doubtful:
            yield f"{at}.id", f"the item's id is {item.id!r}, streamed was {known.id!r}", known.added_at
        else:
            differences = _item_differences(item, place, facts, at, status=response.status)
            # Where its content is damaged its status can be judged all the same.
            is_torn = facts.is_torn(place)
            yield from (found for found in differences if not is_torn or found[0] == f"{at}.status")


def _item_differences(
    item: Item, place: int, facts: Facts, at: str, *, status: str
) -> Iterator[tuple[str, str, int | None]]:
    """Hold an item of the terminal response against its done event; what its other events said may stand, too."""
    known = facts.items[place]
    done, draft = known.done, facts.draft(place)
    from_draft = list(differences_from_draft(item, draft, facts.streamed)) if draft is not None else []
    if done is None:
        if isinstance(item, MessageItem) and isinstance(known.added, MessageItem) and item.role != known.added.role:
            yield (
                f"{at}.role",
                f"the message's role is {item.role!r}, it was added as {known.added.role!r}",
                known.added_at,
            )
        for path, message in from_draft:
            yield f"{at}{path}", message, known.added_at
        return
    for path, message in differences_from_done(item, done):
        is_content = path.startswith((".content", ".summary", ".arguments"))
        is_told = draft is not None and is_streamed(draft, facts.streamed) and not adds_parts(item, draft)
        if is_content and is_told and not from_draft:
            continue
        if path == ".status" and done.status == "incomplete" and status == "completed":
            continue  # another rule speaks of it
        if path == ".role" and getattr(item, "role", "") == getattr(known.added, "role", None):
            continue
        if path in (".call_id", ".name") and getattr(item, path[1:]) == getattr(known, path[1:]):
            continue
        yield f"{at}{path}", message, known.done_at


class ItemStatusWrong(EventRule):
    """An item's status is not that of its event."""

    code = "OR604"
    name = "item-status-wrong"
    level = Level.ERROR
    events = (e.OutputItemAdded, e.OutputItemDone)
    section = _STATES
    sentence = "in_progress - the model is currently emitting tokens belonging to this item"
    what = (
        "An item that is added is `in_progress`, one that is done is `completed` or `incomplete` (or `failed`, for "
        "extensions)."
    )
    why = "Clients show an item as under way for ever, or as finished before its first word."
    mend = "The status is set to the event's."
    bad = Example(
        base="text",
        edits=(
            change(_ITEM_DONE, "item.status", "in_progress"),
            change(_COMPLETED, "response.output.0.status", "in_progress"),
        ),
    )
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the event tells all
        """Compare the status with the event."""
        event = step.event
        assert isinstance(event, (e.OutputItemAdded, e.OutputItemDone))
        item = event.item
        status = item.status
        if not isinstance(status, str) or "status" in item.extra:
            return
        if isinstance(event, e.OutputItemAdded):
            # An extension's item, or the result of a tool, may be whole when it is added.
            streamed = item_kind(item) in ("message", "reasoning", "function_call")
            if streamed and status != "in_progress":
                yield self.found(f"the item is added as {status!r}, not 'in_progress'", step, path="item.status")
        elif status == "in_progress":
            yield self.found("the item is done, and its status is still 'in_progress'", step, path="item.status")


class IncompleteItemNotLast(EventRule):
    """An incomplete item is followed by another, or by a response that is not incomplete."""

    code = "OR605"
    name = "incomplete-item-not-last"
    level = Level.ERROR
    events = (e.OutputItemAdded, e.ResponseCompleted)
    section = _STATES
    sentence = (
        "If an item ends in a terminal state, it MUST be the last item emitted, and the containing response also MUST "
        "be in an incomplete state."
    )
    what = "An item that is `incomplete` is the last, and its response is incomplete."
    why = (
        "A client that sees the response completed takes the cut item, a half sentence or half a JSON document, for "
        "whole."
    )
    mend = "Where the item is the last, the response ends as incomplete; else the item is taken for completed."
    bad = Example(
        base="text",
        edits=(
            change(_ITEM_DONE, "item.status", "incomplete"),
            change(_COMPLETED, "response.output.0.status", "incomplete"),
        ),
    )
    good = Example(base="incomplete")

    def __init__(self) -> None:
        """Begin a response."""
        self._told = False

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for incomplete items before this event; once is enough."""
        index = facts.incomplete
        if index is not None and not self._told:
            self._told = True
            after = "another item" if isinstance(step.event, e.OutputItemAdded) else "response.completed"
            related = facts.items[index].done_at
            yield self.found(f"output[{index}] is incomplete, and {after} follows", step, related=related)


class ErrorNotFollowedByFailed(GrammarRule):
    """After an error the stream goes on, or ends."""

    code = "OR606"
    name = "error-not-followed-by-failed"
    level = Level.ERROR
    breaks = OrderRule.ERROR_NOT_FOLLOWED_BY_FAILED
    section = "Errors"
    sentence = "Any error incurred while streaming will be followed by a response.failed event."
    what = "After an `error` event comes `response.failed`."
    why = "A client that goes by terminal events waits for ever, or reports success."
    mend = "The stream ends with `response.failed`, which tells the error, whatever else its end says."
    bad = Example(base="failed", edits=(drop("response.failed"),))
    good = Example(base="failed")

    def words(self, violation: Violation) -> str:
        """Say what came instead."""
        return f"{violation.event_type} comes after an error event, where only response.failed can"

    def end(self, facts: Facts) -> Iterator[Finding]:
        """Ask for the event that has to follow."""
        if facts.error_at is not None and not (facts.is_over or facts.is_last_lost or facts.is_end_early):
            yield self.found("the stream ends after an error event, without response.failed", related=facts.error_at)


class FailedWithoutError(EventRule):
    """The end does not tell why, or tells it where nothing is to be told."""

    code = "OR607"
    name = "failed-without-error"
    level = Level.ERROR
    events = (e.ResponseEvent,)
    section = "Errors"
    sentence = "When an error occurs, the API responds with a structured error object"
    what = (
        "A failed response has an `error`, an incomplete one `incomplete_details`, a completed one neither, and a "
        "`completed_at` that is not before `created_at`; one that is under way has none of the three."
    )
    why = (
        "Users are told that something failed and never what; LangChain takes the reason of an incomplete answer from "
        "here."
    )
    mend = (
        "The error is taken from the `error` event; a missing time is that of the creation or later, a missing reason "
        "`max_output_tokens`; what does not belong is left out."
    )
    bad = Example(base="failed", edits=(change("response.failed", "response.error", None),))
    good = Example(base="failed")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for what has to be there, and for what must not."""
        event = step.event
        assert isinstance(event, e.ResponseEvent)
        response = event.response
        for name, is_wanted in _TOLD_AT_END[type(event)].items():
            value = getattr(response, name)
            if name in response.extra or (value is not None) is is_wanted:
                continue
            how = f"is null; expected {_WANTED[name]}" if is_wanted else f"is {clipped(value)}; expected null"
            yield self.found(f"{name} of {event.event_type} {how}", step, path=f"response.{name}")
        if isinstance(event, e.ResponseCompleted) and response.completed_at is not None:
            created_at = min(
                response.created_at, response.created_at if facts.first is None else facts.first.created_at
            )
            if response.completed_at < created_at:
                message = f"completed_at is {response.completed_at}, before created_at, {created_at}"
                yield self.found(message, step, path="response.completed_at")


_WANTED = {
    "error": "an object that says what failed",
    "incomplete_details": "an object with the reason",
    "completed_at": "a Unix time",
}
# What each lifecycle event tells of how the response ended, and what it cannot tell. What is not here is the server's.
_UNDER_WAY = {"error": False, "incomplete_details": False, "completed_at": False}
_TOLD_AT_END = {
    e.ResponseCreated: _UNDER_WAY,
    e.ResponseQueued: _UNDER_WAY,
    e.ResponseInProgress: _UNDER_WAY,
    e.ResponseCompleted: {"error": False, "incomplete_details": False, "completed_at": True},
    e.ResponseIncomplete: {"error": False, "incomplete_details": True},
    e.ResponseFailed: {"error": True},
}


class UsageInconsistent(EventRule):
    """The token counts contradict each other, or are missing."""

    code = "OR608"
    name = "usage-inconsistent"
    level = Level.WARNING
    events = (e.ResponseCompleted, e.ResponseIncomplete)
    section = "Items are streamable"
    sentence = "All fields not marked nullable MUST have a value."
    what = "`total_tokens` is the sum, no detail exceeds its total, and a completed response has `usage`."
    why = (
        "Twelve of seventeen clients tested raise or lose the turn when `usage` is null; bills are made of these "
        "figures."
    )
    mend = "The sum is put right, details are cut to their totals, missing figures are 0."
    bad = Example(base="text", edits=(change(_COMPLETED, "response.usage.total_tokens", 99),))
    good = Example(base="text")

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - the event tells all
        """Add up."""
        event = step.event
        if not isinstance(event, e.ResponseEvent) or "usage" in event.response.extra:
            return
        usage = event.response.usage
        if usage is None:
            if isinstance(event, e.ResponseCompleted):
                yield self.found("the response completed, and its usage is null", step, path="response.usage")
            return
        if usage.extra.keys() & {"input_tokens", "output_tokens", "total_tokens"}:
            return
        for path, message in _inconsistencies(usage):
            yield self.found(message, step, path=f"response.usage.{path}")
            return


def _inconsistencies(usage: ResponseUsage) -> Iterator[tuple[str, str]]:
    """Yield, as path and words, what cannot be right in the figures."""
    total = usage.input_tokens + usage.output_tokens
    if usage.total_tokens != total:
        words = f"{usage.input_tokens} in and {usage.output_tokens} out make {total}"
        yield "total_tokens", f"total_tokens is {usage.total_tokens}, but {words}"
    read, reasoned = usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens
    if not 0 <= read <= usage.input_tokens:
        yield "input_tokens_details.cached_tokens", f"cached_tokens is {read} of {usage.input_tokens} input tokens"
    if not 0 <= reasoned <= usage.output_tokens:
        where = "output_tokens_details.reasoning_tokens"
        yield where, f"reasoning_tokens is {reasoned} of {usage.output_tokens} output tokens"


RULES = (
    TerminalAbsent,
    StatusDiffersFromEvent,
    OutputDiffersFromStream,
    ItemStatusWrong,
    IncompleteItemNotLast,
    ErrorNotFollowedByFailed,
    FailedWithoutError,
    UsageInconsistent,
)
