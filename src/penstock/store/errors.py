"""What may escape from a store: these exceptions and no others.

StoreError
├── UnknownResponseError       a response is to continue from one that is not there
├── UnknownCursorError         a page is to begin or end at an item that is not there
├── ConversationTooLongError   a conversation has as many responses as it may have
├── ConflictError              a response of this id is there already
└── StoreUnavailableError      the database cannot be reached, is of a newer Penstock, or refuses
"""

from __future__ import annotations

from penstock.spec.errors import PenstockError

__all__ = [
    "ConflictError",
    "ConversationTooLongError",
    "StoreError",
    "StoreUnavailableError",
    "UnknownCursorError",
    "UnknownResponseError",
]


class StoreError(PenstockError):
    """Something that a store cannot do."""


class UnknownResponseError(StoreError):
    """The response to continue from is not there, or is not the caller's; the two are not told apart.

    Spec: "WebSocket Transport" calls it `previous_response_not_found`.
    """


class UnknownCursorError(StoreError):
    """The item at which a page is to begin or end is none of the response's."""


class ConversationTooLongError(StoreError):
    """The conversation has as many responses as one may have (`MAX_CONVERSATION`)."""


class ConflictError(StoreError):
    """There is a response of this id already."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached, was closed, is of a newer Penstock, or refuses what is asked of it."""
