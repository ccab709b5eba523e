"""What every upstream adapter is: a request translated out, bytes translated in. Pure: no network here.

An adapter is two things. `UpstreamAPI.request` turns an Open Responses request into the provider's body, and says
what was lost on the way. `UpstreamAPI.stream` gives a `Translation`, which takes the provider's bytes in whatever
pieces they arrive and says what the model did, as `penstock.stream.output`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from msgspec import Struct

from penstock.spec.base import JsonObject
from penstock.spec.errors import PenstockError
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output

__all__ = ["Loss", "Translation", "UnsupportedParameter", "UpstreamAPI", "UpstreamError", "UpstreamRequest"]


class UpstreamError(PenstockError):
    """Anything that goes wrong between us and a provider."""


class UnsupportedParameter(UpstreamError):  # noqa: N818 - it names what is wrong
    """The caller asked for something the provider cannot do.

    `param` is the path of the parameter in the Open Responses request (`tools[0].type`), `reason` says why.
    """

    def __init__(self, param: str, reason: str) -> None:
        """Say that `param` cannot be translated, because of `reason`."""
        self.param = param
        self.reason = reason
        super().__init__(f"{param}: {reason}")


class Loss(Struct, frozen=True):
    """Something of the request that the provider has no counterpart for and that was left out, or made weaker."""

    param: str
    reason: str


class UpstreamRequest(Struct, frozen=True):
    """A request in the provider's form: the JSON body, and what of the original is not in it."""

    body: JsonObject
    losses: list[Loss]


class Translation(ABC):
    """One reply being read. Feed it bytes as they arrive; it returns the output that can be said at once.

    It never raises on what a provider sends: damage becomes a `Failure` in the output. After `Stop` or `Failure` was
    said, what still comes is read for its usage only.

    `model` is the model the reply says it is of, as soon as it has said so. `losses` tells what of the reply has no
    place in Open Responses and was left out, each kind once; `param` is its path in the provider's reply.
    """

    def __init__(self) -> None:
        """Begin at the first byte."""
        self.model: str | None = None
        self.losses: list[Loss] = []

    @abstractmethod
    def feed(self, data: bytes) -> Sequence[Output]:
        """Take the next bytes of the stream, cut anywhere; return what the model said in them, in order."""

    def came_whole(self) -> None:  # noqa: B027 - most APIs say at the end of a reply that it is over
        """The transport vouches that the whole body came, so that a sentinel in it proves nothing more.

        To be called before `close`, where the length of the body was known, or its end was marked.
        """

    @abstractmethod
    def close(self) -> Sequence[Output]:
        """The upstream closed the connection: return what is left. A reply cut short is a `Failure`."""


class UpstreamAPI(ABC):
    """A provider's API."""

    name: str
    """As the command line knows it: `chat-completions`."""

    endpoint: str = ""
    """Where requests are posted, below the provider's base URL: `/chat/completions`. Empty where it depends on the
    request; then `path` says it."""

    models_endpoint: str = "/models"
    """Where the provider lists its models, below its base URL."""

    def path(self, request: CreateResponse, *, stream: bool = True) -> str:  # noqa: ARG002 - other providers' depends
        """Return where `request` is posted, below the provider's base URL; with the query, where there is one."""
        return self.endpoint

    def headers(self, key: str | None) -> dict[str, str]:
        """Return what the provider wants in the head of every request, `key` being the caller's, where there is one.

        `Content-Type`, `Accept` and whatever else concerns the transport alone are not among them.
        """
        return {} if key is None else {"Authorization": f"Bearer {key}"}

    @abstractmethod
    def request(self, request: CreateResponse, *, stream: bool = True) -> UpstreamRequest:
        """Return `request` in the provider's form; raise UnsupportedParameter for what cannot be expressed."""

    @abstractmethod
    def stream(self, request: CreateResponse | None = None) -> Translation:
        """Return a fresh translation of a streamed reply, to `request` where it is known."""

    @abstractmethod
    def reply(self, data: bytes, request: CreateResponse | None = None) -> Sequence[Output]:
        """Return what the model said in a whole, unstreamed reply. Never raises on what a provider sends."""
