"""Mends calls: their arguments, and what is told of them."""

from __future__ import annotations

from typing import Any, Final

from penstock.spec import events as e
from penstock.stream.checks import split_text
from penstock.upstream.responses.gaps import Gap
from penstock.upstream.responses.parts import PartMender
from penstock.upstream.responses.places import ItemPlace
from penstock.upstream.responses.voice import placed

__all__ = ["CallMender"]

_CALL: Final = ("function_call",)


class CallMender(PartMender):
    """Says the arguments of calls."""

    def _call_for(self, event: e.FunctionCallArgumentsDelta | e.FunctionCallArgumentsDone) -> ItemPlace:
        place = self._places.find(event.output_index, event.item_id, _CALL)
        if place is None:
            why = f"{event.event_type} comes for no call"
            is_wrong = bool(self._places.candidates(event.output_index, event.item_id))
            code = "OR311" if is_wrong else "OR304"
            return self._imply("function_call", event.output_index, event.item_id, code, why)
        self._report_place(place, event.output_index, event.item_id)
        return place

    def _arguments_delta(self, event: e.FunctionCallArgumentsDelta) -> None:
        if not event.delta:
            place = self._places.find(event.output_index, event.item_id, _CALL)
            if place is not None and not self._is_told("delta"):
                self._open_gap_in_call(place, "OR201")
            self._mend_once("empty", "OR313", "empty deltas are left out")
            return
        place = self._call_for(event)
        if place.waiting is not None:
            place.waiting.append(event.delta)
        elif place.arguments_done or place.closing:
            is_echo = place.echo.startswith(event.delta, place.held) if place.echo else False
            place.held += len(event.delta) if is_echo else 0
            what = "which told them" if is_echo else "and a call is not made twice"
            words = f"arguments {event.delta[:40]!r} come after their done event, {what}: they were left out"
            if is_echo:
                self._mend("OR306", words)
            else:
                self._mend_text(place.index, "OR306", words)
        elif place.gap is not None:
            if not place.gap.hold(event):
                self._go_on_with_call(place)
        else:
            self._say_arguments(place, event.delta, event)
            self._heat_call(event, place)

    def _arguments_done(self, event: e.FunctionCallArgumentsDone) -> None:
        place = self._call_for(event)
        if place.waiting is not None:
            # Nothing went out yet: where all that came before it is in it, it is what is said.
            if "".join(place.waiting) in event.arguments:
                place.waiting = [event.arguments]
        elif place.arguments_done or place.closing:
            self._mend("OR310", f"{event.event_type} came again: it was left out")
            self._tell_arguments(place, event.arguments, "OR501")
        else:
            self._tell_arguments(place, event.arguments, "OR501")
            self._finish_arguments(place, event)

    def _open_gap_in_call(self, place: ItemPlace, code: str) -> None:
        """Take note that something of a call's arguments is missing, as of a text."""
        if place.gap is not None:
            place.gap.widen()
        elif place.waiting is None and not (place.echo or place.arguments_done or place.closing):
            place.gap = Gap(code)

    def _fill_call(self, place: ItemPlace, told: str) -> None:
        """Say what was missing of a call's arguments, and what waited behind it, where `told` has both."""
        said = str(self._reader.draft(place.index).arguments)
        gap = place.gap
        filled = gap.filled(told[len(said) :]) if gap is not None and told.startswith(said) else None
        if gap is None or filled is None:
            self._go_on_with_call(place)
            return
        place.gap, place.pending = None, ""
        for piece in filled:
            if isinstance(piece, str):
                self._mend(gap.code, "arguments that were lost with an event are told later: they were sent here")
                self._say_arguments(place, piece)
            else:
                self._say_arguments(place, piece.delta, piece)

    def _go_on_with_call(self, place: ItemPlace) -> None:
        """Say what waited behind a gap in the arguments: what was in it stays missing."""
        gap, place.gap = place.gap, None
        if gap is None:
            return
        words = f"what an event that could not be read told of output[{place.index}] is missing"
        self._mend_text(place.index, gap.code, words)
        for delta in gap.held:
            self._say_arguments(place, delta.delta, delta)

    def _say_arguments(self, place: ItemPlace, text: str, event: e.DeltaEvent | None = None) -> None:
        if place.echo:
            text = self._new_text(place, text)
        if place.pending or not text.isascii():
            text, place.pending = split_text(place.pending + text)
            if event is not None and text != event.delta:
                self._mend_once("halves", "OR110", "a surrogate pair that was cut in two is sent in one piece")
        if not text:
            return
        where: dict[str, Any] = {"item_id": place.id, "output_index": place.index, "delta": text}
        self._emit(placed(event, where) if event is not None else e.FunctionCallArgumentsDelta(**where))

    def _flush_arguments(self, place: ItemPlace) -> None:
        """Emit what of a call's arguments was held back."""
        self._go_on_with_call(place)
        if place.held:
            text, place.echo, place.held = place.echo[: place.held], "", 0
            self._say_arguments(place, text)
        place.echo = ""
        if place.pending:
            place.pending = ""
            self._mend_text(place.index, "OR110", "half of a surrogate pair became U+FFFD")
            self._say_arguments(place, "\ufffd")

    def _tell_arguments(self, place: ItemPlace, told: str, code: str) -> None:
        """Hold arguments that were told against those that were said."""
        if place.gap is not None and told and code != "OR504":
            self._fill_call(place, told)
        said = str(self._reader.draft(place.index).arguments)
        if place.held and not place.arguments_done:
            if told == said + place.echo[: place.held] or not told.startswith(said):
                self._flush_arguments(place)
                said = str(self._reader.draft(place.index).arguments)
            else:
                place.held = 0
        if told == said and not place.pending:
            return
        if not told and not place.pending:
            # An item that begins, or one that is told of again, need not tell them.
            if code in ("OR501", "OR503") and self._is_told("arguments", "item.arguments"):
                self._mend(code, "no arguments are told: those that were streamed stand")
            return
        if not told.startswith(said) or place.arguments_done or place.closing:
            words = f"the arguments told, {told[:40]!r}, are not those that were streamed: these stand"
            self._mend_text(place.index, code, words)
            return
        place.pending, place.echo, place.held = "", "", 0
        rest = told[len(said) :]
        if rest:
            self._mend(
                "OR314" if not said and code != "OR504" else code,
                "arguments that were told and not streamed were sent as a delta",
            )
            self._say_arguments(place, rest)
            place.echo = rest

    def _finish_arguments(self, place: ItemPlace, event: e.FunctionCallArgumentsDone | None) -> None:
        echo = place.echo
        if place.held or place.pending or place.gap is not None:
            self._flush_arguments(place)
        arguments = str(self._reader.draft(place.index).arguments)
        where: dict[str, Any] = {"item_id": place.id, "output_index": place.index, "arguments": arguments}
        self._emit(placed(event, where) if event is not None else e.FunctionCallArgumentsDone(**where))
        place.arguments_done = True
        place.echo, place.held = echo, 0

    def _close_arguments(self, place: ItemPlace, *, report: bool) -> None:
        if place.held or place.pending or place.gap is not None:
            self._flush_arguments(place)
        if not place.arguments_done and self._reader.draft(place.index).arguments:
            if report:
                self._mend("OR307", "a call is done whose arguments were not: their done event was put in")
            self._finish_arguments(place, None)

    def _heat_call(self, event: e.FunctionCallArgumentsDelta, place: ItemPlace) -> None:
        is_here = event.output_index == place.index and event.item_id == place.id
        if is_here and self._is_hot_allowed and not (place.echo or place.pending):
            self._set_hot(event, self._reader.draft(place.index).arguments.append)
