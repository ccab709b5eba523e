"""Mends content: deltas, their done events, and what is told of a text against what was said of it."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from penstock.spec import events as e
from penstock.spec.content import Content, LogProb
from penstock.stream.checks import split_text
from penstock.stream.fold import PartDraft
from penstock.stream.machine import part_kind
from penstock.stream.states import PartState
from penstock.upstream.responses.families import FAMILY_OF, TEXT, Family, family_of_item, family_of_part
from penstock.upstream.responses.gaps import Gap
from penstock.upstream.responses.places import ItemPlace, PartPlace
from penstock.upstream.responses.shape import UNTOLD_INDEX
from penstock.upstream.responses.voice import Voice, index_name, index_of, placed

__all__ = ["TextMender"]


class TextMender(Voice):
    """Finds the part that content is for, and says what is new of it."""

    def _item_for(self, event: e.ContentEvent | e.SummaryEvent, kinds: tuple[str, ...]) -> ItemPlace:
        """Return the item that content is for; the first of `kinds` is what it must be where there is none."""
        place = self._places.find(event.output_index, event.item_id, kinds)
        if place is not None:
            self._report_place(place, event.output_index, event.item_id)
            return place
        is_wrong = bool(self._places.candidates(event.output_index, event.item_id))
        code = "OR311" if is_wrong else "OR304"
        why = f"{event.event_type} comes for no {kinds[0]} item"
        return self._imply(kinds[0], event.output_index, event.item_id, code, why)

    def _report_place(self, place: ItemPlace, told_at: int, told_id: str, path: str = "item_id") -> None:
        """Tell that an event calls its item by another name than the item has."""
        if told_id != place.told_id and self._is_told(path):
            key = f"{place.index} {told_id}"
            self._mend_once(key, "OR404", f"output[{place.index}] has the id {place.id!r}, not {told_id!r}")
        if told_at != place.told_at and self._is_told("output_index"):
            key = f"{place.index} at {told_at}"
            self._mend_once(key, "OR406", f"the item {place.id!r} is output[{place.index}], not output[{told_at}]")

    def _content_delta(self, event: Any) -> None:  # noqa: ANN401 - of four classes
        family = FAMILY_OF[type(event)]
        logprobs = event.logprobs if isinstance(event, e.OutputTextDelta) and event.logprobs is not UNSET else None
        if not event.delta and not logprobs:
            if not self._is_told("delta"):
                self._miss_text(event, family)
            self._mend_once("empty", "OR313", "empty deltas are left out")
            return
        place = self._item_for(event, (family.item,))
        if self._is_echo_of_closed(place, family, event):
            return
        place, part = self._part_for(place, family, event)
        if part.family is not family:
            part.family = family
        part.state = PartState.OPEN
        if part.gap is not None:
            if not part.gap.hold(event):
                self._go_on(part)
            return
        self._say(part, event.delta, logprobs, event)
        self._heat(event, part)

    def _miss_text(self, event: Any, family: Family) -> None:  # noqa: ANN401 - of four classes
        """Take note that a delta came without its text."""
        place = self._places.find(event.output_index, event.item_id, (family.item,))
        parts = self._known_parts(place, event, is_summary=family.is_summary) if place is not None else []
        for part in parts[-1:]:
            if part.is_open and family.takes(part.kind):
                self._open_gap(part, "OR201")

    def _open_gap(self, part: PartPlace, code: str) -> None:
        """Take note that something of a text is missing: what comes behind it waits until the whole is told."""
        if part.gap is not None:
            part.gap.widen()
        elif not part.echo:
            part.gap = Gap(code)

    def _fill(self, part: PartPlace, base: str, told: str) -> None:
        """Say what was missing of a text, and what waited behind it, where the whole text tells both."""
        gap = part.gap
        filled = gap.filled(told[len(base) :]) if gap is not None and told.startswith(base) else None
        if gap is None or filled is None:
            self._go_on(part)
            return
        part.gap, part.pending = None, ""
        for piece in filled:
            if isinstance(piece, str):
                words = f"{len(piece)} characters that were lost with an event are told later: they were sent here"
                self._mend(gap.code, words)
                self._say(part, piece)
            else:
                self._say_delta(part, piece)

    def _go_on(self, part: PartPlace) -> None:
        """Say what waited behind a gap in the text: what was in it stays missing."""
        gap, part.gap = part.gap, None
        if gap is None:
            return
        index = part.item.index
        self._mend_text(index, gap.code, f"what an event that could not be read told of output[{index}] is missing")
        for delta in gap.held:
            self._say_delta(part, delta)

    def _say_delta(self, part: PartPlace, delta: e.DeltaEvent) -> None:
        logprobs = delta.logprobs if isinstance(delta, e.OutputTextDelta) and delta.logprobs is not UNSET else None
        self._say(part, delta.delta, logprobs, delta)

    def _content_done(self, event: Any) -> None:  # noqa: ANN401 - of four classes
        family = FAMILY_OF[type(event)]
        told: str = getattr(event, family.said_in)
        place = self._item_for(event, (family.item,))
        parts = self._known_parts(place, event, is_summary=family.is_summary, said=told)
        fitting = [part for part in parts if family.takes(part.kind)]
        opened = [part for part in fitting if part.is_open]
        if fitting and not opened:
            self._mend("OR310", f"{event.event_type} came again: it was left out")
            self._tell_closed(place, fitting, family, told)
            return
        if opened:
            target = next((part for part in opened if self._said(part) == told), opened[-1])
        elif place.done and not told:
            self._mend("OR310", f"{event.event_type} comes for a finished item: it was left out")
            return
        else:
            place, target = self._part_for(place, family, event)
            fitting = [target]
        self._tell(fitting, target, told)
        self._finish_content(target, event, family)

    def _is_echo_of_closed(self, place: ItemPlace, family: Family, event: Any) -> bool:  # noqa: ANN401
        """Whether a delta says once more what its part, which is done, has told already."""
        for part in reversed(place.parts_at(index_of(event), is_summary=family.is_summary)):
            if part.is_open and family.takes(part.kind):
                return False
            if part.echo and (part.echo.startswith(event.delta, part.held) or event.delta in part.echo):
                part.held += len(event.delta)
                self._mend("OR306", f"{event.event_type} comes after its done event, which told it: it was left out")
                return True
        return False

    def _known_parts(
        self, place: ItemPlace, event: e.ContentEvent | e.SummaryEvent, *, is_summary: bool, said: str = ""
    ) -> list[PartPlace]:
        """Return the parts an event may be about."""
        told_at = index_of(event)
        parts = place.parts_at(told_at, is_summary=is_summary)
        if not parts:
            parts = self._misnumbered(place, told_at, is_summary=is_summary, said=said)
        if parts and parts[0].told_at != told_at and self._is_told(index_name(event)):
            key = f"{place.index} {is_summary} {told_at}"
            self._mend_once(key, "OR407", f"{index_name(event)} {told_at} is written as {parts[0].index}")
        return parts

    def _misnumbered(self, place: ItemPlace, told_at: int, *, is_summary: bool, said: str = "") -> list[PartPlace]:
        """Return the open part that an index nobody knows must mean: one with this text; or else any, if one may be.

        An index that is the next may be that of a part that was not added, where the open one was not either.
        """
        last: PartPlace | None = None
        for part in place.all_parts(is_summary=is_summary):
            if part.state is not PartState.DONE and said and self._said(part) == said:
                return [part]
            if last is None or part.told_at > last.told_at:
                last = part
        if last is None or not last.is_open:
            return []
        if told_at == last.told_at + 1 and not (last.announced and last.family is not None):
            return []
        return [last]

    def _part_for(
        self, place: ItemPlace, family: Family, event: e.ContentEvent | e.SummaryEvent
    ) -> tuple[ItemPlace, PartPlace]:
        """Return the open part that content is for, and its item; open one where there is none."""
        told_at = index_of(event)
        parts = self._known_parts(place, event, is_summary=family.is_summary)
        fitting = [part for part in parts if family.takes(part.kind)]
        for part in reversed(fitting):
            if part.is_open:
                return place, part
        code = "OR306" if fitting else "OR311" if parts else "OR305"
        what = {"OR306": "comes after its part is done", "OR311": "comes to a part of another kind"}
        why = f"{event.event_type} {what.get(code, 'comes before its part was added')}"
        if place.done:
            place = self._imply(place.kind, event.output_index, event.item_id, "OR306", why)
            self._mend_text(place.index, "OR306", f"{why}; it was put into an item of its own")
        else:
            words = f"{why}; it was put into a part of its own"
            if code == "OR306":
                self._mend_text(place.index, code, words)
            else:
                self._mend(code, words)
        part = self._open_part(place, family.empty, told_at, is_summary=family.is_summary)
        part.family = family
        return place, part

    def _open_part(
        self,
        place: ItemPlace,
        part: Content,
        told_at: int,
        *,
        is_summary: bool,
        event: Any = None,  # noqa: ANN401 - of two classes
    ) -> PartPlace:
        """Emit that a part begins: with `event`, where one told of it."""
        kind = part_kind(part)
        opened = place.add_part(is_summary=is_summary, told_at=told_at, kind=kind)
        opened.family = family_of_part(kind, place.kind, is_summary=is_summary)
        if opened.family is None:
            opened.state = PartState.WHOLE
        self._emit_part(opened, part, event, done=False)
        return opened

    def _emit_part(self, part: PartPlace, content: Content, event: Any, *, done: bool) -> None:  # noqa: ANN401
        place: dict[str, Any] = {"item_id": part.item.id, "output_index": part.item.index, "part": content}
        place["summary_index" if part.is_summary else "content_index"] = part.index
        if event is not None:
            self._emit(placed(event, place))
        elif part.is_summary:
            self._emit(e.ReasoningSummaryPartDone(**place) if done else e.ReasoningSummaryPartAdded(**place))
        else:
            self._emit(e.ContentPartDone(**place) if done else e.ContentPartAdded(**place))

    def _say(
        self,
        part: PartPlace,
        text: str,
        logprobs: list[LogProb] | None = None,
        event: Any = None,  # noqa: ANN401
    ) -> None:
        """Emit more text of a part: with `event`, where one brought it."""
        if part.echo:
            text = self._new_text(part, text)
            if not text:
                return
        if part.pending or not text.isascii():
            text, part.pending = split_text(part.pending + text)
            if event is not None and text != event.delta:
                self._mend_once("halves", "OR110", "a surrogate pair that was cut in two is sent in one piece")
        if not text and not logprobs:
            return
        family = part.family or family_of_item(part.item.kind, is_summary=part.is_summary)
        place: dict[str, Any] = {"item_id": part.item.id, "output_index": part.item.index, "delta": text}
        place["summary_index" if family.is_summary else "content_index"] = part.index
        part.state = PartState.OPEN
        self._emit(placed(event, place) if event is not None else family.delta(**place))

    def _new_text(self, holder: PartPlace | ItemPlace, text: str) -> str:
        """Return what of `text` does not repeat what was said before its deltas came."""
        echo, held = holder.echo, holder.held
        rest = len(echo) - held
        if len(text) <= rest and echo.startswith(text, held):
            holder.held += len(text)
            if len(text) == rest:
                holder.echo, holder.held = "", 0
                self._mend_once("echo", "OR504", "deltas that repeat what was there before them are left out")
            return ""
        holder.echo, holder.held = "", 0
        if text.startswith(echo[held:]):
            return text[rest:]
        return echo[:held] + text

    def _draft(self, part: PartPlace) -> PartDraft:
        draft = self._reader.draft(part.item.index)
        return (draft.summary if part.is_summary else draft.content)[part.index]

    def _said(self, part: PartPlace) -> str:
        """Return the text of a part as it went out."""
        draft = self._draft(part)
        return draft.said if draft.said is not None else draft.text

    def _flush(self, part: PartPlace) -> None:
        """Emit what of a part was held back."""
        if part.held:
            text, part.echo, part.held = part.echo[: part.held], "", 0
            self._say(part, text)
        part.echo = ""
        if part.pending:
            part.pending = ""
            self._mend_text(part.item.index, "OR110", "half of a surrogate pair became U+FFFD")
            self._say(part, "\ufffd")

    def _flush_if_new(self, part: PartPlace) -> None:
        """Emit what was held back and is no repetition; what may still repeat is remembered."""
        self._go_on(part)
        if part.held or part.pending:
            echo = part.echo
            self._flush(part)
            part.echo = part.echo or echo
            part.held = 0

    def _tell(self, parts: list[PartPlace], target: PartPlace, told: str, code: str = "OR501") -> None:
        """Hold a text that was told against what was said: say what is missing; what was said stands."""
        said = self._said(target)
        if target.gap is not None and told and code != "OR504":
            joined = "".join(map(self._said, parts))
            self._fill(target, joined if told.startswith(joined) else said, told)
            said = self._said(target)
        if target.held:
            if told == said + target.echo[: target.held] or not told.startswith(said):
                self._flush(target)
                said = self._said(target)
            else:
                target.held = 0
        if told == said and not target.pending:
            return
        if not told and (code == "OR504" or not self._is_told("text", "refusal", "part", "part.text", "part.refusal")):
            return
        base = said
        if len(parts) > 1:
            joined = "".join(map(self._said, parts))
            if told == joined:
                return
            if told.startswith(joined):
                base = joined
        if told.startswith(base):
            target.pending = ""
            rest = told[len(base) :]
            if not rest:
                return
            self._mend(
                "OR314" if not base else code,
                f"{len(rest)} characters were told and not streamed: they were sent as a delta",
            )
            target.echo, target.held = "", 0
            self._say(target, rest)
            target.echo = rest
        elif base.startswith(told):
            words = f"the text told lacks the last {len(base) - len(told)} characters of what was streamed"
            self._deny(target, told, code, words)
        else:
            words = f"the text told, {told[:40]!r}, is not what was streamed, {base[:40]!r}: that stands"
            self._deny(target, told, code, words)

    def _deny(self, part: PartPlace, told: str, code: str, words: str) -> None:
        """Tell that another text was told than went out: once, however many events repeat it."""
        if part.denied != told:
            part.denied = told
            self._mend_text(part.item.index, code, words)

    def _tell_closed(
        self, place: ItemPlace, parts: list[PartPlace], family: Family, told: str, code: str = "OR501"
    ) -> None:
        """Hold a text against parts that are done: what it tells beyond them goes into a part of its own."""
        joined = "".join(map(self._said, parts))
        if told == joined or any(self._said(part) == told for part in parts):
            return
        if not told and not self._is_told("text", "refusal", "part.text", "part.refusal"):
            return
        if not told.startswith(joined):
            lacks = joined.startswith(told)
            what = "lacks some of what was streamed" if lacks else "is not what was streamed: that stands"
            self._deny(parts[-1], told, code, f"the text told, {told[:40]!r}, {what}")
            return
        rest = told[len(joined) :]
        words = f"{len(rest)} characters were told after the part was done: they were put into one of their own"
        self._mend_text(place.index, code, words)
        if place.done:
            place = self._imply(place.kind, UNTOLD_INDEX, "", code, "there is text for a finished item")
        more = self._open_part(place, family.empty, parts[-1].told_at, is_summary=family.is_summary)
        more.family = family
        self._say(more, rest)
        more.echo = rest

    def _finish_content(self, part: PartPlace, event: Any, family: Family) -> None:  # noqa: ANN401
        """Emit that the content of a part is done: with `event`, where one said so."""
        self._flush_if_new(part)
        place: dict[str, Any] = {
            "item_id": part.item.id,
            "output_index": part.item.index,
            family.said_in: self._said(part),
            "summary_index" if family.is_summary else "content_index": part.index,
        }
        logprobs = self._draft(part).logprobs if family is TEXT else []
        if event is None:
            if logprobs:
                place["logprobs"] = list(logprobs)
            event = family.done(**place)
        elif logprobs and event.logprobs is not UNSET and event.logprobs != logprobs:
            self._mend("OR501", "the log probabilities are those that were streamed")
            place["logprobs"] = list(logprobs)
        done = placed(event, place)
        if family is TEXT and done.logprobs:
            part.logprobs = done.logprobs
        self._emit(done)
        part.state = PartState.CONTENT_DONE

    def _heat(self, event: Any, part: PartPlace) -> None:  # noqa: ANN401 - of four classes
        """Remember where a faultless delta went, for those that follow."""
        index = event.summary_index if part.is_summary else event.content_index
        if (
            event.output_index == part.item.index
            and event.item_id == part.item.id
            and index == part.index
            and not (part.echo or part.pending)
            and not getattr(event, "logprobs", None)
            and self._is_hot_allowed
        ):
            self._set_hot(event, self._draft(part).streamed.append)
