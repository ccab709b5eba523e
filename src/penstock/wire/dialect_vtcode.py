"""The stream as VT Code writes and reads it.

| VT Code's                                                  | the specification's                              |
| ---------------------------------------------------------- | ------------------------------------------------ |
| `response_id` on every event without a response            | none; it is read, and remembered for writing     |
| `response.custom_event`, `event_type: "slug.name"`, `data` | `slug:name` with fields of its own               |
| `response.reasoning.*` without a content index             | `content_index`                                  |
| `response.reasoning.done` with the whole `item`            | `text`                                           |
| output text parts in a reasoning item                      | reasoning text parts                             |
| a reasoning item's `summary` and `content`: strings        | arrays of parts                                  |
| a function call item's `arguments`: a JSON value           | JSON text                                        |
| a function's `output`: a string                            | a string, or an array of parts                   |
| any other item: everything below `data`                    | its own fields                                   |
| a failed response's `error` has a `type`                   | `code` and `message`                             |

VT Code knows 15 events and the custom one. Of the others, queued becomes in_progress, a refusal output text, an error
event the failed response's error; summaries and annotations come with their item. Each is noted. What VT Code leaves
out of an object stays out in reading: the typed object then has its zero value, and says so in `extra`.
"""

from __future__ import annotations

from typing import ClassVar

from penstock.spec.events import STANDARD_EVENTS, ErrorEvent, ExtensionEvent, ResponseEvent, ResponseStreamEvent
from penstock.wire import vtcode_objects as objects
from penstock.wire.codec import to_plain
from penstock.wire.dialects import Dialect, as_object

__all__ = ["VTCodeDialect"]

_CUSTOM = "response.custom_event"
_CUSTOM_KEYS = frozenset({"type", "event_type", "response_id", "sequence_number", "data"})
_ENVELOPE = frozenset({"type", "response_id", "sequence_number"})
_STANDARD = frozenset(str(cls.__struct_config__.tag) for cls in STANDARD_EVENTS)
_REASONING_DONE = "response.reasoning.done"
_REASONING = ("response.reasoning.delta", _REASONING_DONE)
_COME_WITH_THEIR_ITEM = (
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.output_text.annotation.added",
)
_REFUSALS = {
    "response.refusal.delta": "response.output_text.delta",
    "response.refusal.done": "response.output_text.done",
}


class VTCodeDialect(Dialect):
    """One stream of VT Code. Remembers the response's id, its error, and which items are reasoning."""

    name: ClassVar[str] = "vtcode"

    def __init__(self) -> None:
        """Begin a stream."""
        super().__init__(response_ids=True)
        self._response_id: object = ""
        self._reasoning: set[str] = set()
        self._error: dict[str, object] = {}
        self._custom_events = 0

    def read(self, fields: dict[str, object]) -> dict[str, object]:
        """Return the event `fields` in the specification's form."""
        name = fields.get("type")
        if name == _CUSTOM:
            return _read_custom(fields)
        if name in _REASONING:
            fields.setdefault("content_index", 0)
        item = as_object(fields.get("item"))
        if name == _REASONING_DONE and item and "text" not in fields:
            content = item.get("content")
            fields["text"] = content if isinstance(content, str) else ""
            if item == _reasoning_item(fields):
                del fields["item"]  # it says nothing more; else it stays, and is in the event's `extra`
        elif item:
            self._learn(item)
            fields["item"] = objects.read_item(item)
        part = as_object(fields.get("part"))
        item_id = fields.get("item_id")
        if part.get("type") == "output_text" and isinstance(item_id, str) and item_id in self._reasoning:
            fields["part"] = part | {"type": "reasoning_text"}
        response = as_object(fields.get("response"))
        if response:
            fields["response"] = objects.read_response(response)
        return fields

    def write(self, event: ResponseStreamEvent) -> ResponseStreamEvent | dict[str, object] | None:
        """Return `event` in VT Code's form; None where it comes with its item, or with the failed response."""
        plain = as_object(to_plain(event))
        name = event.event_type
        if isinstance(event, ResponseEvent):
            return self._write_lifecycle(name, plain)
        if name in _COME_WITH_THEIR_ITEM:
            self.note(f"VT Code has no {name}; what it says comes with the item")
            return None
        if isinstance(event, ErrorEvent):
            self.note("VT Code has no error event; it becomes the failed response's error")
            self._error = as_object(plain.get("error"))
            return None
        if not plain.setdefault("response_id", self._response_id):
            self.note("an event came before any with a response, so its response_id is empty")
        if isinstance(event, ExtensionEvent):
            return self._write_custom(name, plain)
        if name in _REFUSALS:
            self.note("VT Code has no refusal events; a refusal becomes output text")
            plain["type"] = _REFUSALS[name]
            if "refusal" in plain:
                plain["text"] = plain.pop("refusal")
        elif name in _REASONING:
            self._write_reasoning(plain)
        elif "item" in plain:
            item = as_object(plain["item"])
            self._learn(item)
            plain["item"] = objects.write_item(item, self.note)
        elif "part" in plain:
            plain["part"] = objects.write_part(as_object(plain["part"]), self.note)
        return plain

    def _learn(self, item: dict[str, object]) -> None:
        """Remember a reasoning item: its parts have another type on the other side."""
        name = item.get("id")
        if item.get("type") == "reasoning" and isinstance(name, str):
            self._reasoning.add(name)

    def _write_lifecycle(self, name: str, plain: dict[str, object]) -> dict[str, object]:
        response = as_object(plain["response"])
        self._response_id = response.get("id", "")
        if name == "response.queued":
            self.note("VT Code has no response.queued; it becomes response.in_progress")
            plain["type"] = "response.in_progress"
        plain["response"] = objects.write_response(response, self._error, self.note)
        return plain

    def _write_reasoning(self, plain: dict[str, object]) -> None:
        if plain.pop("content_index", 0) != 0:
            self.note("VT Code knows one reasoning text an item; several become one")
        if plain["type"] == _REASONING_DONE:
            plain.setdefault("item", _reasoning_item(plain))
            plain.pop("text", None)

    def _write_custom(self, name: str, plain: dict[str, object]) -> dict[str, object]:
        if name == _CUSTOM:
            return plain
        slug, colon, rest = name.partition(":")
        if not colon or "." in slug:
            self.note(f"the event {name} has no slug VT Code could know it by")
        own = {key: value for key, value in plain.items() if key not in _ENVELOPE}
        number = plain.get("sequence_number", self._custom_events)
        self._custom_events += 1
        return {
            "type": _CUSTOM,
            "response_id": plain["response_id"],
            "event_type": f"{slug}.{rest}" if colon else name,
            "sequence_number": number,
            "data": objects.fold(own, _ENVELOPE),
        }


def _read_custom(fields: dict[str, object]) -> dict[str, object]:
    """Return a custom event as the extension event it is; one that is not as VT Code writes them, as it came."""
    name = fields.get("event_type")
    if not isinstance(name, str) or "data" not in fields or not fields.keys() <= _CUSTOM_KEYS:
        return fields
    slug, _, rest = name.partition(".")
    if ":" in name or name in _STANDARD or name == _CUSTOM:
        return fields  # under such a name it would be taken for something else, and not be written back as it was
    if slug and rest and slug != "response":
        name = f"{slug}:{rest}"
    envelope = {key: fields[key] for key in ("sequence_number", "response_id") if key in fields}
    return {"type": name} | envelope | objects.unfold(fields["data"], _ENVELOPE)


def _reasoning_item(fields: dict[str, object]) -> dict[str, object]:
    """Return the item VT Code shows when reasoning is done, made from the event's own fields."""
    return {
        "type": "reasoning",
        "id": fields.get("item_id", ""),
        "status": "completed",
        "content": fields.get("text", ""),
    }
