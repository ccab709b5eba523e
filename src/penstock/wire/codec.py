"""JSON <-> typed events and objects; nothing unknown is lost on the way.

Two roads lead in and two lead out. The exact road is one msgspec call, and carries whatever is exactly as specified.
The full road carries the rest: unknown keys, types and events, values of the wrong type, lone surrogates. Both give
the same object for the same bytes; the full one is only slower. What neither keeps are digits: a number where a number
with a fraction may stand (`temperature`) is a float, so an integer above 2**53 is rounded there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import UNSET, Struct

from penstock.spec.base import NOTHING, Extra, SpecObject, UnknownObject
from penstock.spec.events import STANDARD_EVENTS, ExtensionEvent, ResponseStreamEvent, StandardEvent
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import JSONError
from penstock.wire.load import load
from penstock.wire.wording import is_object, shown, type_name

__all__ = [
    "NOT_EXACT",
    "EventCodec",
    "decode_json_object",
    "decode_object",
    "encode_object",
    "encode_plain",
    "load_event",
    "refuse",
    "to_plain",
]

T = TypeVar("T", bound=SpecObject)

_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_EVENT_CLASSES: Mapping[str, type[StandardEvent]] = {str(cls.__struct_config__.tag): cls for cls in STANDARD_EVENTS}

# A `str` with a lone surrogate raises UnicodeEncodeError, bytes that are no UTF-8 UnicodeDecodeError.
NOT_EXACT = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises on what it will not take."""

_TOO_DEEP_TO_READ = "not JSON we can read: nested too deeply"


def refuse(data: bytes | str) -> NoReturn:  # noqa: ARG001 - whatever it is
    """Refuse any data, as an exact road that is closed."""
    raise msgspec.DecodeError


class _BuiltAtFirstUse:
    """The decoder of all standard events. To make it takes longer than to import most of the rest."""

    def __get__(self, codec: object, owner: type[EventCodec]) -> Callable[[bytes | str], StandardEvent]:
        decode = msgspec.json.Decoder(StandardEvent).decode
        EventCodec.exact = staticmethod(decode)
        return decode


class EventCodec:
    """Events of one stream to and from JSON, in one dialect. Holds no state but its dialect's."""

    exact: Callable[[bytes | str], StandardEvent] = cast("Any", _BuiltAtFirstUse())
    """The exact road in: a typed event, or one of `NOT_EXACT` where the data is anything else.

    A codec's own is closed where its dialect must see every event.
    """

    def __init__(self, dialect: Dialect = OPENRESPONSES) -> None:
        """Read and write `dialect`."""
        self.dialect = dialect
        if not dialect.keeps_exact:
            self.exact = refuse

    def decode(self, data: bytes | str) -> ResponseStreamEvent:
        """Return the event in `data`, one JSON object.

        A type the specification does not have becomes an `ExtensionEvent`. Raises JSONError where `data` is not one
        JSON object, ShapeError where an event lacks a key without which it says nothing.
        """
        try:
            return self.exact(data)
        except NOT_EXACT:
            return self.decode_fully(data)

    def decode_fully(self, data: bytes | str) -> ResponseStreamEvent:
        """Return what `decode` would for what `exact` refused."""
        fields = decode_json_object(data)
        try:
            return load_event(self.dialect.read(fields))
        except RecursionError:  # what could just be decoded may need more of Python's stack than is left
            raise JSONError(_TOO_DEEP_TO_READ) from None

    def encode(self, event: ResponseStreamEvent) -> bytes | None:
        """Return `event` as one JSON object on one line of UTF-8; None where the dialect has no such event."""
        written = self.dialect.write(event)
        if written is None:
            return None
        return encode_plain(written) if isinstance(written, dict) else encode_object(written)


def load_event(fields: Mapping[str, object]) -> ResponseStreamEvent:
    """Return the event in a plain JSON object; tolerant, raises ShapeError as `EventCodec.decode` does."""
    name = fields.get("type")
    if isinstance(name, str) and name in _EVENT_CLASSES:
        return load(_EVENT_CLASSES[name], fields, tolerant=True)
    rest = dict(fields)
    number = rest.get("sequence_number")
    if type(number) is int:
        del rest["sequence_number"]
        return ExtensionEvent(sequence_number=number, fields=Extra(rest))
    return ExtensionEvent(fields=Extra(rest))


def decode_json_object(data: bytes | str) -> dict[str, object]:
    """Return the one JSON object in `data`; raise JSONError for anything else.

    Of equal keys the last counts. A lone surrogate, which JSON can say in an escape and UTF-8 cannot, is kept as it is.
    """
    try:
        value = _decode_any(data)
    except NOT_EXACT:
        value = _decode_slowly(data)
    if not is_object(value):
        raise JSONError(f"expected a JSON object, got {type_name(value)}")
    return value


def _decode_slowly(data: bytes | str) -> object:
    """Return what msgspec would not read but JSON allows: lone surrogates in escapes."""
    import json  # noqa: PLC0415 - rarely needed, and a part of the time to import Penstock

    try:
        text = data if isinstance(data, str) else str(data, "utf-8")
        value: object = json.loads(text, parse_float=_finite, parse_constant=_refuse_number)
    except UnicodeDecodeError as error:
        raise JSONError(f"not UTF-8: {error.reason} at byte {error.start} of the data") from None
    except RecursionError:
        raise JSONError(_TOO_DEEP_TO_READ) from None
    except json.JSONDecodeError as error:
        # msgspec's word on damaged JSON is about bytes, json's about characters; one of them is enough.
        reason = error.msg.removesuffix(" at")
        raise JSONError(f"not JSON: {reason[:1].lower()}{reason[1:]} at character {error.pos}") from None
    except ValueError:  # the digits Python is willing to read are limited, to spare it the time
        raise JSONError("not JSON we can read: a number has too many digits") from None
    return value


def _finite(number: str) -> float:
    """Return the number; one too large for a float would come out as infinity, which JSON cannot say."""
    value = float(number)
    return value if math.isfinite(value) else _refuse_number(number)


def _refuse_number(number: str) -> NoReturn:
    raise JSONError(f"not JSON we can read: {shown(number)} is no finite number")


def decode_object(cls: type[T], data: bytes | str, *, tolerant: bool = True) -> T:
    """Return the JSON object in `data` as a `cls`, such as `Response`.

    Raises JSONError where `data` is not one JSON object, ShapeError where it is not a `cls` (tolerant: only where
    nothing can be made of it).
    """
    return load(cls, decode_json_object(data), tolerant=tolerant)


_TOO_DEEP = "cannot be written: nested too deeply"


def encode_object(value: Struct) -> bytes:
    """Return any object of the specification as JSON on one line of UTF-8, with what it holds in `extra`.

    Raises JSONError where it is nested more deeply than Python's stack has room for at this moment.
    """
    try:
        return _encode(value)
    except (TypeError, UnicodeEncodeError):
        return _encode_fully(value)
    except RecursionError:
        raise JSONError(_TOO_DEEP) from None


def _encode_fully(value: Struct) -> bytes:
    try:
        return encode_plain(to_plain(value))
    except RecursionError:
        raise JSONError(_TOO_DEEP) from None


def encode_plain(value: object) -> bytes:
    """Return plain JSON data as bytes. Lone surrogates are written as escapes, as JSON allows."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        import json  # noqa: PLC0415 - as above

        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()


def to_plain(value: object) -> object:
    """Return `value` as plain JSON data: objects of the specification as dicts, as they would stand on the wire."""
    try:
        # In C, and so as deep as the decoder reads.
        return msgspec.to_builtins(value)
    except TypeError:  # there is an Extra in it
        pass
    if isinstance(value, Struct):
        return _struct_to_plain(value)
    if isinstance(value, Mapping):
        return {key: to_plain(entry) for key, entry in cast("Mapping[str, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(entry) for entry in cast("Sequence[object]", value)]
    return value


def _struct_to_plain(value: Struct) -> dict[str, object]:
    plain: dict[str, object]
    kept: dict[str, object] = dict(getattr(value, "extra", NOTHING))
    if isinstance(value, (UnknownObject, ExtensionEvent)):
        plain = {key: to_plain(entry) for key, entry in value.fields.items()}
        if isinstance(value, ExtensionEvent) and value.sequence_number is not UNSET:
            plain["sequence_number"] = value.sequence_number
    else:
        config = value.__struct_config__
        plain = {config.tag_field: config.tag} if config.tag_field is not None else {}
        for name, key in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            field = getattr(value, name)
            if name == "extra" or (key in kept and _stands_in(field, value, name, kept[key])):
                continue
            kept.pop(key, None)  # the field was given a value since it was read
            if field is not UNSET:
                plain[key] = to_plain(field)
    for key, entry in kept.items():
        if entry is UNSET:
            plain.pop(key, None)
        else:
            plain[key] = to_plain(entry)
    return plain


def _stands_in(field: object, value: Struct, name: str, kept: object) -> bool:
    """Whether `field` is only what the loader put there for the value that `extra` kept."""
    if type(kept) is float and type(field) is int:
        return field == int(kept)
    return bool(field == getattr(value, "zero", {}).get(name, UNSET))
