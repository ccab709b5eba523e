"""Mends what is told of the response: its first event, its states, and what all snapshots of it have to agree on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Final, cast

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.items import Item
from penstock.spec.request import CreateResponse
from penstock.spec.response import Response
from penstock.stream.echo import ECHOED, LASTING, new_response
from penstock.stream.states import ResponseState
from penstock.upstream.responses import ending
from penstock.upstream.responses.items import ItemMender
from penstock.upstream.responses.reading import EventReading
from penstock.wire.codec import to_plain

__all__ = ["SnapshotMender"]

_OUTPUT: Final = re.compile(r"response(\.output(\[\d+\])?)?")
"""The paths without which a snapshot does not tell its output."""
_NEVER_NULL: Final = tuple(name for name in ECHOED if Response.zero[name] is not None)
"""What is known of a response that does not say it; anything else is null, whatever was asked."""


class SnapshotMender(ItemMender):
    """Begins the response, moves it on, and keeps its end until nothing can follow."""

    def __init__(
        self, *, ids: Callable[[str], str], clock: Callable[[], float], request: CreateResponse | None
    ) -> None:
        """Begin a stream."""
        super().__init__(ids=ids)
        self._clock = clock
        self._request = request
        self._reading = EventReading(self._mend, self._kind_of, self._is_whole)
        self._reading.known = self._zero_response()
        self._first: Response | None = None
        self._told_output: list[list[Item]] = []
        self._is_output_told = True
        self._absent_at_end: Collection[str] = ()

    def _kind_of(self, told_at: int, told_id: str) -> str:
        """Return the kind of the item an event names, empty where there is none."""
        if not self._places.is_known(told_id):
            return ""
        return next((item.kind for item in self._places.candidates(told_at, told_id)), "")

    def _is_whole(self, fields: dict[str, Any], text: str) -> bool:
        """Whether a text is the whole of what was streamed of a part, or of the arguments of a call."""
        # The reading knows the item, or it could not tell what the event is.
        place = self._places.candidates(fields["output_index"], fields["item_id"])[0]
        if place.kind == "function_call":
            said = "" if place.waiting is not None else str(self._reader.draft(place.index).arguments)
        else:
            is_summary = "summary_index" in fields
            told_at = fields.get("summary_index" if is_summary else "content_index")
            parts = place.parts_at(told_at, is_summary=is_summary) if type(told_at) is int else []
            said = self._said(parts[-1]) if parts else ""
        return bool(said) and text.startswith(said)

    def _zero_response(self) -> dict[str, Any]:
        """Return what a response is known to have before it said anything: what was asked for."""
        model = self._request.model if self._request is not None else UNSET
        response = new_response(id="", created_at=0, model=model or "", request=self._request)
        plain = cast("dict[str, Any]", to_plain(response))
        return {name: plain[name] for name in _NEVER_NULL} | {"model": plain["model"]}

    def _begin_output(self) -> None:
        """Let the response be at work, before anything of its output is said."""
        if self._terminal is not None:
            self._mend_once("late", "OR303", "output that comes after the terminal event was put before it")
        elif self._error is not None:
            self._mend_once("error", "OR606", "output that comes after an error event was put before it")
        self._create()
        self._progress()

    def _create(self) -> None:
        """Put `response.created` first, where another event is the first."""
        if self._reader.state is ResponseState.NEW:
            self._mend("OR301", "response.created is missing, and was put first")
            response = new_response(
                id=self._new_id("resp"),
                created_at=int(self._clock()),
                model=self._zero_response()["model"],
                request=self._request,
            )
            self._emit_created(e.ResponseCreated(response=replace(response, status="in_progress", output=[])))

    def _progress(self) -> None:
        """Put `response.in_progress` where a queued response goes on without it."""
        if self._reader.state in (ResponseState.WAITING, ResponseState.QUEUED):
            self._mend("OR302", "response.in_progress is missing, and was put before the output")
            response = self._reader.response
            assert response is not None
            self._emit(e.ResponseInProgress(response=replace(response, status="in_progress")))

    def _emit_created(self, event: e.ResponseCreated) -> None:
        response = event.response
        self._used_ids.add(response.id)
        self._first = response
        self._emit(event)
        plain = cast("dict[str, Any]", to_plain(response))
        self._reading.known = {
            key: value
            for key, value in plain.items()
            if key not in ("status", "output", "usage", "error", "incomplete_details", "completed_at")
        }

    def _tell_output(self, output: list[Item]) -> None:
        """Keep what a snapshot tells of the output until the end, when it shows whether it was streamed."""
        if output:
            self._told_output.append(output)

    def _snapshot(self, event: e.ResponseEvent, *statuses: str) -> Response:
        """Return an event's response as the one the stream is about, in the state the event tells."""
        response, first = event.response, self._first
        if first is not None:
            changed: dict[str, Any] = {}
            for name in ("id", "created_at", "model"):
                was, now = getattr(first, name), getattr(response, name)
                if was != now:
                    changed[name] = was
                    self._mend_once(f"{name} {now}", "OR403", f"the response's {name} is {was!r}, not {now!r}")
            for name in LASTING:
                was, now = getattr(first, name), getattr(response, name)
                if was != now:
                    changed[name] = was
                    self._mend_once(name, "OR410", f"the response's {name} is what the first event said it is")
            if changed:
                response = replace(response, **changed)
        elif not response.id or not response.created_at:
            if not response.id:
                self._mend_empty("response.id", "the response has no id, and was given one")
                response = replace(response, id=self._new_id("resp"))
            if not self._is_told("response.created_at"):
                response = replace(response, created_at=int(self._clock()))
        if not event.is_terminal:
            for name in ("error", "incomplete_details", "completed_at"):
                if getattr(response, name) is not None:
                    self._mend_once(f"early {name}", "OR607", f"{event.event_type} had {name} before the end")
                    response = replace(response, **{name: None})
        if response.status not in statuses:
            if self._is_told("response.status"):
                self._mend("OR602", f"{event.event_type} told of a response that is {response.status!r}")
            response = replace(response, status=statuses[0])
        return response

    def _lifecycle(self, event: e.ResponseEvent) -> None:
        if event.is_terminal:
            self._take_terminal(event)
            return
        if self._terminal is not None:
            # A second turn in the same stream: it is told as more of the first.
            self._mend("OR303", f"{event.event_type} comes after the terminal event; the response goes on")
            self._terminal = None
        state = self._reader.state
        if state is ResponseState.NEW:
            queued = isinstance(event, e.ResponseQueued) or (
                isinstance(event, e.ResponseCreated) and event.response.status == "queued"
            )
            status = "queued" if queued else "in_progress"
            if isinstance(event, e.ResponseCreated):
                response = self._snapshot(event, "in_progress", "queued")
                self._tell_output(event.response.output)
                self._emit_created(event if response is event.response else replace(event, response=response))
                return
            self._mend("OR301", "response.created is missing, and was put first")
            created = replace(self._snapshot(event, status), completed_at=None, output=[])
            self._emit_created(e.ResponseCreated(response=created))
        elif isinstance(event, e.ResponseCreated):
            self._mend("OR301", "a second response.created was left out")
            self._tell_output(event.response.output)
            return
        is_queued = isinstance(event, e.ResponseQueued)
        legal = (ResponseState.CREATED, ResponseState.WAITING, *(() if is_queued else (ResponseState.QUEUED,)))
        if self._reader.state not in legal:
            self._mend("OR302", f"{event.event_type} was left out: the response is {self._reader.state.value}")
            self._tell_output(event.response.output)
            return
        response = self._snapshot(event, "queued" if is_queued else "in_progress")
        self._tell_output(event.response.output)
        told: Any = event if response is event.response else replace(event, response=response)
        self._emit(told)

    def _take_terminal(self, event: e.ResponseEvent) -> None:
        """Keep the terminal event until nothing can follow; of several, the one that promises least."""
        if self._reader.state is ResponseState.NEW:
            self._mend("OR301", "response.created is missing, and was put first")
            status = event.event_type.rpartition(".")[2]
            born = replace(self._snapshot(event, status), status="in_progress", output=[], usage=None, error=None)
            born = replace(born, completed_at=None, incomplete_details=None)
            self._emit_created(e.ResponseCreated(response=born))
        self._tell_output(event.response.output)
        self._absent_at_end = self._absent
        self._is_output_told = not any(_OUTPUT.fullmatch(path) for path in self._absent)
        if self._terminal is not None:
            self._mend("OR303", f"{event.event_type} comes after {self._terminal.event_type}: one of them was left out")
            if ending.RANK[type(event)] < ending.RANK[type(self._terminal)]:
                return
        self._terminal = event
