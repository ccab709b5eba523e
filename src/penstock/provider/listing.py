"""The list of a provider's models, page by page: OpenAI's `data`, Anthropic's, and Google's `models`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from penstock.provider.base import ModelInfo
from penstock.upstream.values import as_integer, as_object, as_text, each, read_json

__all__ = ["MAX_LISTING_BYTES", "MAX_PAGES", "read_page"]

MAX_PAGES = 20
"""How many pages are read. Twenty of Anthropic's or Google's default size hold more than either ever had."""

MAX_LISTING_BYTES = 16 * 2**20
"""How much of a page is read. The longest known, with a description of each model, has about half a megabyte."""

_OLDEST = 0


def read_page(data: bytes) -> tuple[Sequence[ModelInfo], str | None]:
    """Return the models of a page, and the query of the next one; None where it is the last.

    Raises ValueError where `data` is no list of models.
    """
    document = read_json(data)
    fields = as_object(document) or {}
    listed = fields.get("data", fields.get("models", document))
    models = each(_model, listed)
    if models is None:
        raise ValueError("expected an object with a list `data` or `models`")
    token = as_text(fields.get("nextPageToken"))
    if token:
        return models, urlencode({"pageToken": token})
    last = as_text(fields.get("last_id"))
    if fields.get("has_more") is True and last:
        return models, urlencode({"after_id": last})
    return models, None


def _model(listed: object) -> ModelInfo | None:
    fields = as_object(listed)
    if fields is None:
        return None
    name = as_text(fields.get("id")) or (as_text(fields.get("name")) or "").removeprefix("models/")
    if not name:
        return None
    return ModelInfo(name, created=_created(fields), owned_by=as_text(fields.get("owned_by")) or "")


def _created(fields: dict[str, object]) -> int:
    """Return when a model was made, in Unix seconds; 0 where nobody says."""
    date = as_text(fields.get("created_at"))
    if date is not None:
        try:
            then = datetime.fromisoformat(date)
            return int((then if then.tzinfo is not None else then.replace(tzinfo=UTC)).timestamp())
        except ValueError:
            return _OLDEST
    return as_integer(fields.get("created", fields.get("created_at"))) or _OLDEST
