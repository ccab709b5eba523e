"""What a user may call the request that a stream answers: typed, or the plain JSON object that was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from penstock.spec.request import CreateResponse
from penstock.wire.requests import parse_create

__all__ = ["Asked", "asked"]

Asked = CreateResponse | Mapping[str, object]


def asked(request: Asked | None) -> CreateResponse | None:
    """Return the request that a stream answers; None where it is not known.

    Raises RequestError for an object that the specification does not allow as a request, unknown keys being allowed;
    TypeError for what is no object.
    """
    if request is None or isinstance(request, CreateResponse):
        return request
    if not isinstance(cast("object", request), Mapping):
        raise TypeError(f"request: expected a CreateResponse or a JSON object, got {type(request).__name__}")
    return parse_create(dict(request))
