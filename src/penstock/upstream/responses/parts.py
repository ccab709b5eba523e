"""Mends parts: where they begin and end, what they hold, and those that only a finished item tells of."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.content import Content, OutputTextContent
from penstock.stream.fold import PartDraft, part_text, with_text
from penstock.stream.machine import part_kind
from penstock.stream.states import PartState
from penstock.upstream.responses.families import TEXT, family_of_item, family_of_part
from penstock.upstream.responses.matching import match_parts
from penstock.upstream.responses.places import ItemPlace, PartPlace
from penstock.upstream.responses.shape import UNTOLD_INDEX
from penstock.upstream.responses.texts import TextMender
from penstock.upstream.responses.voice import index_name, index_of, placed

__all__ = ["PartMender"]


class PartMender(TextMender):
    """Begins and ends parts."""

    def _part_added(self, event: e.ContentPartAdded | e.ReasoningSummaryPartAdded) -> None:
        kind = part_kind(event.part)
        if not kind:
            self._mend("OR201", f"{event.event_type} without a part was left out; its content will tell")
            return
        is_summary = isinstance(event, e.ReasoningSummaryPartAdded)
        told_at = index_of(event)
        kinds = ("reasoning",) if is_summary else ("message", "reasoning")
        if kind == "reasoning_text":
            kinds = ("reasoning", "message")
        place = self._item_for(event, kinds)
        parts = place.parts_at(told_at, is_summary=is_summary) if told_at != UNTOLD_INDEX else []
        last = parts[-1] if parts else None
        if last is not None and last.kind == kind and (last.is_open or not last.announced):
            self._mend("OR305", f"{event.event_type} came late, or again: it was left out")
            last.announced = True
            if last.is_open:
                self._tell([last], last, part_text(event.part), "OR504")
            return
        if last is not None:
            self._mend("OR305", f"{index_name(event)} {told_at} is used again: the part was given one of its own")
        if place.done:
            place = self._imply(
                place.kind, event.output_index, event.item_id, "OR306", "a part comes for a finished item"
            )
        text = part_text(event.part) if family_of_part(kind, place.kind, is_summary=is_summary) is not None else ""
        begun = with_text(event.part, "") if text else event.part
        part = self._open_part(place, begun, told_at, is_summary=is_summary, event=event)
        part.announced = True
        if last is None and part.index != told_at and self._is_told(index_name(event)):
            self._mend("OR407", f"{index_name(event)} {told_at} is written as {part.index}")
        if text:
            self._mend("OR504", "the part was added with its text, which was sent as a delta")
            self._say(part, text)
            part.echo, part.held = text, 0

    def _part_done(self, event: e.ContentPartDone | e.ReasoningSummaryPartDone) -> None:
        is_summary = isinstance(event, e.ReasoningSummaryPartDone)
        kind, told = part_kind(event.part), part_text(event.part)
        kinds = ("reasoning",) if is_summary else ("message", "reasoning")
        if kind == "reasoning_text":
            kinds = ("reasoning", "message")
        place = self._item_for(event, kinds)
        told_at = index_of(event)
        parts = self._known_parts(place, event, is_summary=is_summary, said=told)
        not_done = [part for part in parts if part.state is not PartState.DONE]
        family = family_of_part(kind, place.kind, is_summary=is_summary)
        if not not_done:
            if parts or not kind:
                self._mend("OR310", f"{event.event_type} came again: it was left out")
                if parts and family is not None:
                    self._tell_closed(place, parts, family, told, "OR502")
                return
            if place.done:
                place = self._imply(
                    place.kind, event.output_index, event.item_id, "OR306", "a part comes for a finished item"
                )
            else:
                self._mend("OR305", f"{event.event_type} comes for a part that was not added: it was put in")
            begun = with_text(event.part, "") if family is not None else event.part
            if isinstance(begun, OutputTextContent):
                begun = replace(begun, annotations=[], logprobs=UNSET)
            target = self._open_part(place, begun, told_at, is_summary=is_summary)
            parts = [target]
        else:
            target = next((part for part in not_done if self._said(part) == told), not_done[-1])
        if kind:
            self._hold_against(parts, target, event.part, "OR502")
        elif self._is_told("part"):
            self._mend("OR201", f"{event.event_type} without a part is told what was streamed")
        self._close_part(target, event.part if kind else None, event, "OR307")

    def _hold_against(self, parts: list[PartPlace], target: PartPlace, told: Content, code: str) -> None:
        """Say what a part is told to hold and was not said of it."""
        text = part_text(told)
        if target.is_open and (target.family is not None or (text != self._said(target) and text)):
            self._tell(parts, target, text, code)
        elif text != self._said(target) and text != "".join(map(self._said, parts)):
            family = target.family or family_of_item(target.item.kind, is_summary=target.is_summary)
            self._tell_closed(target.item, parts, family, text, code)

    def _close_part(self, part: PartPlace, told: Content | None, event: Any, code: str) -> None:  # noqa: ANN401
        """Emit that a part is done: with `event`, where one said so."""
        if part.state is PartState.OPEN:
            if code:
                self._mend(code, "a part is done whose content was not: its done event was put in")
            self._finish_content(part, None, part.family or family_of_item(part.item.kind, is_summary=part.is_summary))
        draft = self._draft(part)
        content = draft.snapshot()
        if told is not None:
            if part_kind(told) != part.kind:
                self._mend("OR502", f"the part is done as {part_kind(told)}, and began as {part.kind}: so it stays")
            else:
                content = self._part_of_draft(part, told, draft)
        self._emit_part(part, content, event, done=True)
        part.state = PartState.DONE

    def _part_of_draft(self, part: PartPlace, told: Content, draft: PartDraft) -> Content:
        """Return a finished part as the upstream tells it, where it tells what was streamed."""
        content = with_text(told, self._said(part))
        if not isinstance(content, OutputTextContent):
            return content
        streamed = draft.annotations
        if streamed and content.annotations != streamed:
            if content.annotations[: len(streamed)] == streamed:
                for index, annotation in enumerate(content.annotations[len(streamed) :], len(streamed)):
                    self._mend("OR502", f"annotation {index} was told and not streamed: it was sent")
                    self._emit(
                        e.OutputTextAnnotationAdded(
                            item_id=part.item.id,
                            output_index=part.item.index,
                            content_index=part.index,
                            annotation_index=index,
                            annotation=annotation,
                        )
                    )
            else:
                self._mend("OR502", "the part's annotations are those that were streamed")
                content = replace(content, annotations=list(streamed))
        logprobs = draft.logprobs or part.logprobs
        if logprobs and content.logprobs and content.logprobs != logprobs:
            self._mend("OR502", "the part's log probabilities are those that were streamed")
            content = replace(content, logprobs=list(logprobs))
        return content

    def _close_parts(self, place: ItemPlace, *, report: bool) -> None:
        """Close all open parts of an item."""
        for is_summary in (True, False):
            for parts in place.groups(is_summary=is_summary):
                for part in parts:
                    if part.state is not PartState.DONE:
                        if report:
                            self._mend("OR308", "an item is done while a part of it is open: its done event was put in")
                        self._close_part(part, part.told, None, "")

    def _annotation(self, event: e.OutputTextAnnotationAdded) -> None:
        kind = str(event.annotation.__struct_config__.tag)
        if not kind or (kind == "*annotation*" and not getattr(event.annotation, "type", "")):
            self._mend("OR201", f"{event.event_type} without an annotation was left out")
            return
        place = self._item_for(event, ("message",))
        fitting = [
            part
            for part in place.parts_at(event.content_index, is_summary=False)
            if TEXT.takes(part.kind) and part.state is not PartState.DONE
        ]
        if fitting:
            part = fitting[-1]
        elif any(TEXT.takes(part.kind) for part in place.parts_at(event.content_index, is_summary=False)):
            self._mend("OR306", "an annotation of a part that is done was left out")
            return
        else:
            place, part = self._part_for(place, TEXT, event)
        due = len(self._draft(part).annotations)
        if event.annotation_index != due and self._is_told("annotation_index"):
            self._mend("OR407", f"annotation_index {event.annotation_index} is written as {due}")
        self._emit(
            placed(
                event,
                {
                    "item_id": part.item.id,
                    "output_index": part.item.index,
                    "content_index": part.index,
                    "annotation_index": due,
                },
            )
        )

    def _absorb_parts(self, place: ItemPlace, told: list[Content], code: str, *, is_summary: bool) -> None:
        groups = place.groups(is_summary=is_summary)
        texts = ["".join(map(self._said, parts)) for parts in groups]
        keys = [parts[0].told_at for parts in groups]
        for index, at in match_parts([part_text(part) for part in told], texts, keys):
            part = told[index]
            text = part_text(part)
            if at is not None:
                parts = groups[at]
                target = next((known for known in reversed(parts) if known.is_open), parts[-1])
                self._hold_against(parts, target, part, code)
                if len(parts) == 1:
                    target.told = part
                continue
            family = family_of_part(part_kind(part), place.kind, is_summary=is_summary)
            if not text and (family is not None or index >= len(groups)):
                continue
            rule = code if code != "OR503" else "OR314"
            self._mend(rule, f"part {index} of output[{place.index}] was never streamed: it was sent")
            if place.done:
                place = self._imply(place.kind, UNTOLD_INDEX, "", code, "there is a part for a finished item")
            begun = with_text(part, "") if family is not None else part
            if isinstance(begun, OutputTextContent):
                begun = replace(begun, annotations=[], logprobs=UNSET)
            told_at = index if not place.parts_at(index, is_summary=is_summary) else UNTOLD_INDEX
            opened = self._open_part(place, begun, told_at, is_summary=is_summary)
            opened.told = part if code != "OR504" else None
            if family is not None:
                self._say(opened, text)
                opened.echo = text
