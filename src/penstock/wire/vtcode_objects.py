"""VT Code's items, parts and responses, as plain JSON, to and from the specification's form.

`fold` and `unfold` are inverse to each other, whatever the data: no field of a custom item or event is lost on the way
there and back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from penstock.wire.dialects import as_array, as_object

__all__ = ["fold", "read_item", "read_response", "unfold", "write_item", "write_part", "write_response"]

Note = Callable[[str], None]

_ITEM_ENVELOPE = frozenset({"type", "id", "status"})
_ITEM_KEYS = _ITEM_ENVELOPE | {"data"}
_ITEM_STATUSES = ("in_progress", "incomplete", "completed", "failed")
_KNOWN_ITEMS = ("message", "reasoning", "function_call", "function_call_output")
_ROLES = ("user", "assistant", "system", "developer")
_STATUSES = ("queued", "in_progress", "completed", "failed", "incomplete")
_REASONS = ("max_output_tokens", "max_tool_calls", "content_filter", "cancelled")
_ERROR_TYPE = "server_error"
_ERROR_TYPES = (
    _ERROR_TYPE,
    "invalid_request",
    "not_found",
    "model_error",
    "too_many_requests",
    "authentication_error",
    "permission_denied",
)


def unfold(data: object, envelope: frozenset[str]) -> dict[str, object]:
    """Return the fields that VT Code keeps below `data`; what cannot be fields beside `envelope` stays `data`."""
    return dict(as_object(data)) if _unfolds(data, envelope) else {"data": data}


def fold(fields: dict[str, object], envelope: frozenset[str]) -> object:
    """Return what VT Code keeps below `data` for `fields`, the inverse of `unfold`."""
    if fields.keys() == {"data"} and not _unfolds(fields["data"], envelope):
        return fields["data"]
    return fields


def _unfolds(data: object, envelope: frozenset[str]) -> bool:
    # A lone `data` within is what `unfold` leaves of something that does not unfold, and must stay apart from it.
    fields = as_object(data)
    while fields.keys() == {"data"}:
        data = fields["data"]
        fields = as_object(data)
    return isinstance(data, dict) and not (envelope & fields.keys())


def read_response(response: dict[str, object]) -> dict[str, object]:
    """Return a response of VT Code in the specification's form."""
    if isinstance(response.get("output"), list):
        response["output"] = [_each(item, read_item) for item in as_array(response["output"])]
    error = as_object(response.get("error"))
    if "type" in error:
        error.setdefault("code", error["type"])
        if error["type"] == _ERROR_TYPE:
            del error["type"]  # what is written where nothing better is known
    return response


def write_response(response: dict[str, object], error: dict[str, object], note: Note) -> dict[str, object]:
    """Return a response in VT Code's form; `error` is what an error event said before, or empty."""
    if isinstance(response.get("output"), list):
        response["output"] = [_each(item, lambda item: write_item(item, note)) for item in as_array(response["output"])]
    _limit(response, "status", _STATUSES, "failed", note)
    _limit(as_object(response.get("incomplete_details")), "reason", _REASONS, "cancelled", note)
    own = as_object(response.get("error"))
    if not own and error and response.get("status") == "failed":
        response["error"] = own = {
            key: error[key] for key in ("code", "message", "param") if error.get(key) is not None
        }
    if own:
        kind = error.get("type")
        own.setdefault("type", kind if kind in _ERROR_TYPES else _ERROR_TYPE)
        _limit(own, "type", _ERROR_TYPES, _ERROR_TYPE, note)
        if own.get("code") == own["type"]:
            del own["code"]
    return response


def read_item(item: dict[str, object]) -> dict[str, object]:
    """Return an item of VT Code in the specification's form."""
    match item.get("type"):
        case "reasoning":
            for key, name in (("summary", "summary_text"), ("content", "reasoning_text")):
                if isinstance(item.get(key), str):
                    item[key] = [{"type": name, "text": item[key]}]
        case "function_call" if not isinstance(item.get("arguments", ""), str):
            item["arguments"] = json.dumps(item["arguments"], ensure_ascii=False, separators=(",", ":"))
        case str(name) if name not in _KNOWN_ITEMS and "data" in item and item.keys() <= _ITEM_KEYS:
            data = item.pop("data")
            return item | unfold(data, _ITEM_ENVELOPE)
        case _:
            pass
    return item


def write_item(item: dict[str, object], note: Note) -> dict[str, object]:
    """Return an item in VT Code's form."""
    _limit(item, "status", _ITEM_STATUSES, "in_progress", note)
    match item.get("type"):
        case "message":
            _limit(item, "role", _ROLES, "assistant", note)
            item["content"] = [
                _each(part, lambda part: write_part(part, note)) for part in as_array(item.get("content"))
            ]
        case "reasoning":
            for key in ("summary", "content"):
                if key in item:
                    texts = _texts(item.pop(key), f"a reasoning item's {key}", note)
                    if texts:
                        item[key] = "\n\n".join(texts)
        case "function_call" if isinstance(item.get("arguments"), str):
            item["arguments"] = _json_value(str(item["arguments"]))
        case "function_call_output" if isinstance(item.get("output"), list):
            item["output"] = "".join(_texts(item["output"], "a function's output", note))
        case str(name) if name not in _KNOWN_ITEMS:
            own = {key: value for key, value in item.items() if key not in _ITEM_ENVELOPE}
            kept = {key: value for key, value in item.items() if key in _ITEM_ENVELOPE}
            return kept | {"data": fold(own, _ITEM_ENVELOPE)}
        case _:
            pass
    return item


def write_part(part: dict[str, object], note: Note) -> dict[str, object]:
    """Return a content part in VT Code's form, which has output text for all that the model writes."""
    match part.get("type"):
        case "refusal":
            note("VT Code has no refusal events; a refusal becomes output text")
            own = {key: value for key, value in part.items() if key != "refusal"}
            return own | {"type": "output_text", "text": part.get("refusal", "")}
        case "reasoning_text" | "summary_text" | "text":
            return part | {"type": "output_text"}
        case _:
            return part


def _each(value: object, change: Callable[[dict[str, object]], dict[str, object]]) -> object:
    fields = as_object(value)
    return change(fields) if isinstance(value, dict) else value


def _limit(fields: dict[str, object], key: str, known: tuple[str, ...], nearest: str, note: Note) -> None:
    """Put `nearest` for a value of `key` that VT Code would refuse, and with it the whole stream."""
    if key in fields and fields[key] not in known:
        note(f"VT Code has no {key} {fields[key]!r}; it becomes {nearest}")
        fields[key] = nearest


def _texts(parts: object, what: str, note: Note) -> list[str]:
    """Return the texts of `parts`, which VT Code joins into one."""
    texts = [text for part in as_array(parts) if isinstance(text := as_object(part).get("text"), str)]
    if len(texts) < len(as_array(parts)):
        note(f"{what} is text in VT Code; other parts of it are left out")
    if len(texts) > 1:
        note(f"{what} is one text in VT Code; several parts become one")
    return texts


def _json_value(text: str) -> object:
    """Return the value JSON `text` stands for; the text itself where it is none, or would be taken for a text."""
    try:
        value: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, str) else value


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
