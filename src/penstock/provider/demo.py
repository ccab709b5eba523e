"""The demo as a provider: `penstock.upstream.demo`, performed at the pace it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from penstock.provider.base import Answer, ModelInfo, Provider
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from penstock.upstream.demo import MODEL, perform

__all__ = ["DemoProvider"]

Sleep = Callable[[float], Awaitable[None]]


class DemoProvider(Provider):
    """Answers requests without any model, always in the same way; what it does is chosen by what the prompt says.

    It answers to any model's name.
    """

    name = "demo"
    default_model = MODEL
    sums_up = False

    def __init__(self, *, sleep: Sleep = asyncio.sleep) -> None:
        """Wait with `sleep`, which takes seconds."""
        self._sleep = sleep

    def answer(self, request: CreateResponse) -> Answer:
        """Return the answer to `request`, not begun yet."""
        return _DemoAnswer(request, self._sleep)

    async def models(self) -> list[ModelInfo]:
        """Return the one model there is."""
        return [ModelInfo(MODEL, owned_by="penstock")]


class _DemoAnswer(Answer):
    """The answer to one request."""

    def __init__(self, request: CreateResponse, sleep: Sleep) -> None:
        super().__init__()
        self.model = request.model or MODEL
        self._request = request
        self._sleep = sleep

    async def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        """Yield the steps of the demo, each when its time has come."""
        performance = perform(self._request)
        self.losses.extend(performance.losses)
        for step in performance.steps:
            # Even where there is nothing to wait for: others want their turn during a long text.
            await self._sleep(step.delay)
            yield step.outputs
