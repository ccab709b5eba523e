"""What every provider is: a request in, and what the model says, batch by batch.

This is where the world begins: providers sleep, open connections, and run other people's code. What they say goes
through one `ResponseWriter`, so none of them can produce a stream that is wrong.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from msgspec import Struct

from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from penstock.upstream.base import Loss

__all__ = ["Answer", "ModelInfo", "Provider"]


class Answer(ABC):
    """One reply to one request, while it is being given.

    Iterate over it once: each batch is what became known together, never empty, and is there as soon as it is known.
    A reply that goes wrong says a `Failure`; iteration itself raises UnsupportedParameter before anything is said,
    where the request cannot be translated, and otherwise only what is a fault of ours.

    `losses` are what of the request the provider was not asked, complete before the first batch, and what of its reply
    has no place in Open Responses, complete after the last. `model` is the model that answers, where it has said so.
    """

    def __init__(self) -> None:
        """Begin with nothing lost."""
        self.losses: list[Loss] = []
        self.model: str | None = None

    def prepare(self) -> None:  # noqa: B027 - most take a request as it is
        """Translate the request, so that what cannot be asked is known before anything is begun.

        Raises UnsupportedParameter. Not needed: iteration does it otherwise.
        """

    @abstractmethod
    def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        """Yield what the model says. Closing the generator (`aclose`) stops the upstream at once."""


class ModelInfo(Struct, frozen=True):
    """A model that a provider offers, as far as it is known."""

    id: str
    created: int = 0
    owned_by: str = ""


class Provider(ABC):
    """Something that answers requests, many at a time."""

    name: str
    """As people know it: `demo`, `chat-completions`."""
    default_model: str | None = None
    """The model it answers as where none is asked for; None where one must be."""
    sums_up: ClassVar[bool] = True
    """Whether it can be asked to sum a conversation up, as a language model can."""

    @abstractmethod
    def answer(self, request: CreateResponse) -> Answer:
        """Return the answer to `request`, not begun yet. `request.input` holds the whole conversation."""

    async def models(self) -> list[ModelInfo]:
        """Return the models that can be asked for; empty where the provider cannot tell."""
        return []

    def open(self) -> None:  # noqa: B027 - most have nothing to take up
        """Answer again after `aclose`, maybe in another event loop. Nothing happens to one that was not closed."""

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of connections; answers under way are cut off, and no others can be had until `open`."""
