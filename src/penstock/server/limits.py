"""What a server lets a client ask for, and how long it waits; every number can be changed."""

from __future__ import annotations

from msgspec import Struct

from penstock.wire.requests import MAX_VALUES

__all__ = ["Limits"]


class Limits(Struct, frozen=True, kw_only=True):
    """Limits of one server. Sizes in bytes, times in seconds."""

    body: int = 64 * 2**20
    """Largest request. Images travel within it, a third larger than they are; OpenAI takes 50 MB of files a request."""
    body_seconds: float = 60.0
    """Longest time for a request to arrive, so that nobody holds a connection open by sending slowly."""
    values: int = MAX_VALUES
    """Most values in the JSON of a request, arrays and objects counted twice: fifty for each of 10,000 items."""
    items: int = 10_000
    """Most items of a conversation, those of earlier responses included. Agents make thousands."""
    streams: int = 2_000
    """Most responses under way at once, of everybody. Beyond it the client is told to come again."""
    streams_per_key: int = 1_000
    """Most responses under way at once for one API key."""
    websockets_per_key: int = 200
    """Most open WebSockets for one API key; one that is idle costs little, but not nothing."""
    response_seconds: float = 3600.0
    """Longest time a response may take; reasoning models take many minutes."""
    keep_alive_seconds: float = 15.0
    """Silence on a stream after which a comment is sent. Proxies commonly close connections after 30 or 60 seconds."""
    slow_reader_seconds: float = 60.0
    """How long a client may take none of what is sent to it before it is cut off."""
    websocket_seconds: float = 3600.0
    """How long a WebSocket may stay open (spec: "WebSocket connections are limited to 60 minutes")."""
    websocket_message: int = 64 * 2**20
    """Largest message of a WebSocket; as large as a body, for it holds the same."""
    websocket_waiting: int = 16
    """Most messages that may wait on a WebSocket for the turn before them to end."""
    websocket_responses: int = 16
    """How many responses a WebSocket remembers, to be continued without a store. Clients continue from the latest."""
    shutdown_seconds: float = 30.0
    """How long streams may go on after the server was asked to stop, before they are ended as failed."""
    retry_after_seconds: int = 1
    """What a client over its limit is told to wait."""
