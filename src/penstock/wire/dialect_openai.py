"""The stream as OpenAI's own API writes it and its SDKs read it.

| OpenAI's                                            | the specification's                                     |
| --------------------------------------------------- | ------------------------------------------------------- |
| `response.reasoning_text.delta`, `.done`            | `response.reasoning.delta`, `.done`                     |
| `response.reasoning_part.added`, `.done` (read)     | `response.content_part.added`, `.done`                  |
| `error` with `code`, `message`, `param`             | `error` with `error: {type, code, message, param}`      |
| `logprobs` on every text event and output text part | `logprobs` where asked for                              |
| `web_search_call`, `response.web_search_call.*` ... | `openai:web_search_call`, `openai:web_search_call.*`    |
| no `[DONE]`                                         | `[DONE]`                                                |

Bare names of hosted tools are left alone in reading, so that OpenAI's own streams come out as they went in. Their
early streams had neither numbers nor log probabilities: an event without a number gets none.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec.events import (
    ContentPartAdded,
    ContentPartDone,
    ErrorEvent,
    ExtensionEvent,
    OutputItemAdded,
    OutputItemDone,
    OutputTextAnnotationAdded,
    OutputTextDelta,
    OutputTextDone,
    ReasoningDelta,
    ReasoningDone,
    ResponseEvent,
    ResponseStreamEvent,
)
from penstock.wire.codec import to_plain
from penstock.wire.dialects import Dialect, as_array, as_object, without_response_id

__all__ = ["OpenAIDialect"]

_SLUG = "openai:"
_READ_AS = {
    "response.reasoning_text.delta": "response.reasoning.delta",
    "response.reasoning_text.done": "response.reasoning.done",
    "response.reasoning_part.added": "response.content_part.added",
    "response.reasoning_part.done": "response.content_part.done",
}
_ERROR_TYPES = {"rate_limit_exceeded": "too_many_requests"}
"""What the specification calls the kind of an error of which OpenAI gives only the code."""


class OpenAIDialect(Dialect):
    """One stream of OpenAI's Responses API. Holds no state but its notes."""

    name: ClassVar[str] = "openai"
    sends_done: ClassVar[bool] = False

    def __init__(self) -> None:
        """Begin a stream."""
        super().__init__()

    def read(self, fields: dict[str, object]) -> dict[str, object]:
        """Return the event `fields` in the specification's form."""
        name = fields.get("type")
        if name == "error":
            return _nested_error(fields)
        if isinstance(name, str) and name in _READ_AS:
            fields["type"] = _READ_AS[name]
        return fields

    def write(self, event: ResponseStreamEvent) -> ResponseStreamEvent | dict[str, object] | None:
        """Return `event` in OpenAI's form; None for an extension of anybody else, which its SDKs refuse."""
        match event:
            case OutputTextDelta() | OutputTextDone():
                if event.logprobs is UNSET and event.sequence_number is not UNSET:
                    return replace(event, logprobs=[], response_id=UNSET)
            case ReasoningDelta() | ReasoningDone():
                kind = "delta" if isinstance(event, ReasoningDelta) else "done"
                return as_object(to_plain(without_response_id(event))) | {"type": f"response.reasoning_text.{kind}"}
            case ErrorEvent():
                return self._flat_error(event)
            case ExtensionEvent():
                return self._extension(event)
            case (
                ContentPartAdded() | ContentPartDone() | OutputItemAdded() | OutputItemDone()
                | OutputTextAnnotationAdded() | ResponseEvent()
            ):  # fmt: skip
                return self._with_objects(event)
            case _:
                pass
        return without_response_id(event)

    def _flat_error(self, event: ErrorEvent) -> dict[str, object]:
        plain = as_object(to_plain(without_response_id(event)))
        error = as_object(plain.pop("error", None))
        if error.pop("type", None) != _error_type(error.get("code")):
            self.note("an error event does not say the error's type")
        if error.pop("headers", None) is not None:
            self.note("an error event does not say the error's headers")
        return plain | error

    def _extension(self, event: ExtensionEvent) -> ResponseStreamEvent | dict[str, object] | None:
        name = event.event_type
        if name.startswith(_SLUG):
            bare = name.removeprefix(_SLUG)
            return as_object(to_plain(event)) | {"type": bare if bare.startswith("response.") else f"response.{bare}"}
        if ":" in name:
            self.note(f"the extension event {name} is left out: OpenAI's SDKs refuse events they do not know")
            return None
        return event

    def _with_objects(self, event: ResponseStreamEvent) -> dict[str, object]:
        """Return `event` with the items, parts, annotations and tools in it in OpenAI's form."""
        plain = as_object(to_plain(without_response_id(event)))
        numbered = event.sequence_number is not UNSET
        response = as_object(plain.get("response"))
        for item in (plain.get("item"), *as_array(response.get("output"))):
            self._item(as_object(item), numbered=numbered)
        self._part(as_object(plain.get("part")), numbered=numbered)
        self._name(as_object(plain.get("annotation")), "annotation")
        choice = as_object(response.get("tool_choice"))
        for tool in (choice, *as_array(response.get("tools")), *as_array(choice.get("tools"))):
            self._name(as_object(tool), "tool")
        return plain

    def _item(self, item: dict[str, object], *, numbered: bool) -> None:
        self._name(item, "item")
        if item.get("type") == "message":
            for part in as_array(item.get("content")):
                self._part(as_object(part), numbered=numbered)

    def _part(self, part: dict[str, object], *, numbered: bool) -> None:
        self._name(part, "content part")
        if part.get("type") == "output_text":
            if numbered:
                part.setdefault("logprobs", [])
            for annotation in as_array(part.get("annotations")):
                self._name(as_object(annotation), "annotation")

    def _name(self, value: dict[str, object], what: str) -> None:
        """Give `value`, an object with a type, the bare name OpenAI knows it by."""
        name = value.get("type")
        if isinstance(name, str) and name.startswith(_SLUG):
            value["type"] = name.removeprefix(_SLUG)
        elif isinstance(name, str) and ":" in name:
            self.note(f"the {what} {name} stays as it is, though OpenAI's SDKs do not know it")


def _error_type(code: object) -> str:
    if isinstance(code, str):
        if code in _ERROR_TYPES:
            return _ERROR_TYPES[code]
        if code.startswith("invalid_"):
            return "invalid_request"
    return "server_error"


def _nested_error(fields: dict[str, object]) -> dict[str, object]:
    """Return a flat `error` event as the specification has it; a nested one as it is."""
    if "error" in fields or "message" not in fields:
        return fields
    error: dict[str, object] = {"type": _error_type(fields.get("code"))}
    for key in ("code", "message", "param"):
        if key in fields:
            error[key] = fields.pop(key)
    fields["error"] = error
    return fields
