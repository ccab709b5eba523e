"""One response being made: from what the provider says to the events, and to the store.

The same for every transport. A turn is run by whoever delivers its events; what is ready together is delivered
together, and the provider is not asked for more before that is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.types import Receive

from penstock.live import ResponseStream
from penstock.provider.base import Answer
from penstock.server.client import Manner
from penstock.server.errors import failure
from penstock.server.guard import Guard
from penstock.server.reasoning import ReasoningSealer
from penstock.spec.events import ErrorEvent, ResponseFailed
from penstock.spec.items import ItemParam
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, Response, ResponseError
from penstock.store.base import Store
from penstock.store.errors import ConversationTooLongError, UnknownResponseError
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.machine import StreamStateError
from penstock.stream.output import Failure, Output
from penstock.stream.writer import WriterOptions
from penstock.upstream.base import Loss, UnsupportedParameter

__all__ = ["LOSSES", "MAX_LOSSES", "Delivery", "Nobody", "Plan", "Turn", "as_of_upstream", "not_stored", "run_for"]

MAX_LOSSES: Final = 50
"""How many of them are listed: of a long conversation every item may lose something."""
LOSSES: Final = "penstock_losses"
"""The field of a response that lists what of the request the model was not asked, and what of its reply was left out:
objects of `param` and `reason`."""

CUT_OFF: Final = failure("The client went away before the response was finished.", code="client_disconnected")
TOO_LONG: Final = failure("The response took longer than this server allows.", code="response_timeout")
SHUTTING_DOWN: Final = failure("The server is shutting down.", code="server_shutting_down")
NOT_STORED: Final = failure("The response could not be stored.", code="store_unavailable")
BROKE: Final = failure("The server encountered an unexpected condition.", code="internal_error")

JOIN_EVERY: Final = 256
"""After how many events the pieces of a text are joined, or after a quarter more than there were, where that is more.

A piece of a few letters takes 60 bytes, so a thousand long streams would hold ten times their text; and what is joined
a quarter later each time costs no more than the text five times over.
"""

_log = logging.getLogger("penstock.server")


class Plan(Struct, frozen=True, kw_only=True):
    """What a turn is to do: `request` as the client sent it, and everything that was found out about it.

    `input` are the items that are stored with the response, each with an id, and `previous` the stored response they
    come after: the request's own, unless what it continues from is not stored. `context` is the whole conversation as
    the client knows it. `answer` is the provider's, not begun; None for a response without any output (a warm-up).
    `manner` is how the client is answered. `losses` are what the server itself does not do of what was asked. `place`
    returns the path of something in the provider's input as a path in the client's request.
    """

    request: CreateResponse
    model: str
    owner: str
    input: Sequence[ItemParam]
    previous: str | None
    context: Sequence[ItemParam]
    answer: Answer | None
    manner: Manner
    sealer: ReasoningSealer | None = None
    losses: Sequence[Loss] = ()
    place: Callable[[str], str] = str


class Delivery(ABC):
    """The way from a turn to its client. What `emitter` is given waits until it is delivered."""

    emitter: StreamEventEmitter | None
    """Takes the events; None where nobody watches them."""

    @abstractmethod
    async def deliver(self) -> None:
        """Send what waits; return when the client can take more."""

    async def end(self) -> None:
        """Send what waits, after which nothing comes any more."""
        await self.deliver()

    @abstractmethod
    def discard(self) -> None:
        """Forget what waits."""


class Nobody(Delivery):
    """Delivers to nobody: who asked for a whole response waits for its end."""

    def __init__(self) -> None:
        """Take no events."""
        self.emitter = None

    async def deliver(self) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""


class _Losses:
    """What was lost, as the response tells it.

    Apart from the turn, for that holds who reports to it: a turn that is over is let go of at once, with all its text,
    and does not wait for the garbage collector, which comes to many large things seldom.
    """

    def __init__(self, writer: ResponseStream) -> None:
        self._writer = writer
        self._lost: dict[tuple[str, str], None] = {}

    def add_all(self, losses: Iterable[Loss]) -> None:
        known = len(self._lost)
        self._lost |= dict.fromkeys((loss.param, loss.reason) for loss in losses)
        if len(self._lost) > known:
            told = [{"param": param, "reason": reason} for param, reason in islice(self._lost, MAX_LOSSES)]
            more = len(self._lost) - MAX_LOSSES
            if more > 0:
                told.append({"param": "", "reason": f"and {more:,} more"})
            self._writer.extend(LOSSES, told)

    def add(self, param: str, reason: str) -> None:
        self.add_all([Loss(param, reason)])


class Turn:
    """Makes one response."""

    def __init__(
        self,
        plan: Plan,
        delivery: Delivery,
        *,
        store: Store | None,
        ttl: float | None,
        ids: Callable[[str], str],
        clock: Callable[[], float],
        seconds: float,
    ) -> None:
        """Tell the client by `delivery`. `store`: where the response is kept, for `ttl` seconds; None for nowhere.

        It may take `seconds`.
        """
        self.plan = plan
        options = None if plan.manner.shows_reasoning else WriterOptions(reasoning="off")
        request = plan.request
        self._delivery = delivery
        self.writer = ResponseStream(
            delivery.emitter, model=plan.model, request=request, options=options, ids=ids, clock=clock
        )
        self._store = store if self.writer.response.store else None
        self._ttl = ttl
        self._seconds = seconds
        self._losses = _Losses(self.writer)
        self._guard = Guard(request, self._losses.add)
        self._task: asyncio.Task[object] | None = None
        self._stopped: ErrorPayload | None = None
        self._failed: Response | None = None
        self._told = 0
        self._join_at = JOIN_EVERY
        self.error: ErrorPayload | None = None
        """Why the response failed; None where it has not."""
        self.first_output_at: float | None = None
        """When the model said something first, by the machine's performance counter."""

    @property
    def response(self) -> Response:
        """The response as it now is."""
        return self._failed or self.writer.response

    @property
    def is_over(self) -> bool:
        """Whether the response has ended."""
        return self.writer.state.is_terminal

    def stop(self, error: ErrorPayload) -> None:
        """End the response as failed with `error`, at once; the provider is let go. Nothing happens after its end."""
        if self._stopped is None and not self.is_over:
            self._stopped = error
            if self._task is not None:
                self._task.cancel()

    async def run(self) -> None:
        """Make the response, and deliver its events.

        Returns when the response has ended, one way or another; raises only what its last delivery raises, and
        CancelledError, with the response stored as failed.
        """
        self._task = asyncio.current_task()
        storing = self._begin_storing()
        try:
            if self._stopped is None:
                await self._make(storing)
        except asyncio.CancelledError:
            if self._stopped is None and self._is_cancelled():
                self._stopped = CUT_OFF
                self._end_as(self._stopped)
                await self._kept(storing)
                raise
            if self._stopped is None:
                _log.exception("what answers for the response %s gave up", self.writer.response.id)
                self._end_as(BROKE)
        if self._stopped is not None:
            if self._task is not None and self._is_cancelled():
                self._task.uncancel()
            self._end_as(self._stopped)
        await self._kept(storing)
        await self._delivery.end()

    def _is_cancelled(self) -> bool:
        """Whether it was this task that somebody cancelled, and not something within what answers."""
        return self._task is not None and self._task.cancelling() > 0

    # The response.

    async def _make(self, storing: asyncio.Task[None] | None) -> None:
        writer = self.writer
        # What of the request is not done is known already, and told from the first event on.
        self._losses.add_all(self.plan.losses)
        self._lose_of(self.plan.answer)
        writer.start()
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                if storing is None:
                    await self._deliver()
                    await self._relay()
                else:
                    # The provider is asked meanwhile: to write to a disk takes milliseconds.
                    async with _beside(self._tell_begun(storing)) as telling:
                        await self._relay(telling)
                        await telling
        except UnsupportedParameter as error:
            place = self.plan.place(error.param)
            message = f"{place}: {error.reason}"
            self._end_as(failure(message, code="unsupported_parameter", error_type="invalid_request", param=place))
        except Exception as error:  # noqa: BLE001 - whatever broke, the client is told the end of its response
            if isinstance(error, TimeoutError) and limit.expired():
                self._end_as(TOO_LONG)
                return
            _log.exception("the response %s broke", writer.response.id)
            self._end_as(BROKE)

    async def _tell_begun(self, storing: asyncio.Task[None]) -> None:
        """Tell the client that the response has begun, once it is in the store; end it where it cannot be there.

        Whoever is told of a response may ask for it at once, over whatever connection.
        """
        await asyncio.wait({storing})
        error = storing.exception()
        if error is None:
            await self._deliver()
        else:
            self.stop(not_stored(error))

    async def _deliver(self) -> None:
        await self._delivery.deliver()
        self._told = told = self.writer.next_number
        if told >= self._join_at:
            self.writer.join()
            self._join_at = told + max(JOIN_EVERY, told // 4)

    async def _relay(self, telling: asyncio.Task[None] | None = None) -> None:
        """Tell what the provider says, once `telling` has told what comes before."""
        answer = self.plan.answer
        if answer is None:
            return
        async with aclosing(answer.batches()) as batches:
            async for batch in batches:
                if telling is not None:
                    await telling
                    telling = None
                if self.first_output_at is None:
                    self.first_output_at = time.perf_counter()
                self._say(batch)
                if self.is_over:
                    break
                await self._deliver()
        self._lose_of(answer)
        if self.plan.sealer is not None:
            self._write(self.plan.sealer.end())
        # Of a model that was stopped nothing can be demanded.
        if self.writer.stop_reason in ("stop", "tool_calls"):
            missing = self._guard.missing()
            if missing is not None:
                self._end_as(missing)

    def _lose_of(self, answer: Answer | None) -> None:
        """Tell what the model is not asked, and what of its reply is lost, as far as it is known."""
        if answer is not None:
            self._losses.add_all(Loss(self.plan.place(loss.param), loss.reason) for loss in answer.losses)

    def _say(self, batch: Sequence[Output]) -> None:
        batch = self._guard.allow(batch)
        # After the guard: a call that is left out does not end the reasoning before it.
        if self.plan.sealer is not None:
            batch = self.plan.sealer.add(batch)
        self._write(batch)

    def _write(self, outputs: Sequence[Output]) -> None:
        if self.is_over:
            return
        send = self.writer.send
        for output in outputs:
            if isinstance(output, Failure):
                self._end_as(as_of_upstream(output.error))
                return
            try:
                send(output)
            except StreamStateError as error:
                _log.warning("what the provider said could not be told: %s", error)
                message = f"The model's reply could not be told: {error}"
                self._end_as(failure(message, code="upstream_invalid_output"))
                return

    def _end_as(self, error: ErrorPayload) -> None:
        """End the response as failed, unless it has ended."""
        if not self.writer.is_started:
            self.writer.start()
        if not self.is_over:
            self.error = error
            self.writer.fail(error)

    # The store.

    def _begin_storing(self) -> asyncio.Task[None] | None:
        if self._store is None:
            return None
        response = replace(self.writer.response, status="in_progress")
        return asyncio.create_task(
            self._store.begin(
                response,
                owner=self.plan.owner,
                input=self.plan.input,
                previous=self.plan.previous,
                ttl=self._ttl,
            )
        )

    async def _kept(self, storing: asyncio.Task[None] | None) -> None:
        """End the response if nothing has, and store it, to the end also where this task is cancelled meanwhile."""
        before = self.writer.response
        # At once, so that nothing can stop it any more while it is stored.
        if not self.is_over:
            self.writer.finish()
        if storing is None or self._store is None:
            return
        keeping = asyncio.create_task(self._keep(storing, self._store, before))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await asyncio.wait({keeping})
            raise

    async def _keep(self, storing: asyncio.Task[None], store: Store, before: Response) -> None:
        """Store the response, which was as `before` ahead of its end, before anybody is told how it ended."""
        response = self.writer.response
        try:
            await storing
            await store.finish(response, owner=self.plan.owner)
        except Exception as error:  # noqa: BLE001 - whatever broke, the client is told the end of its response
            why = not_stored(error)
            if why is NOT_STORED:
                # The others are the client's doing: it continues from what somebody deleted meanwhile.
                _log.exception("the response %s could not be stored", response.id)
            if response.status != "failed":
                self._fail_after_all(before, why)

    def _fail_after_all(self, before: Response, why: ErrorPayload) -> None:
        """Tell that the response failed, in place of the end that nobody was told yet; it was as `before` till then."""
        self._delivery.discard()
        self.error = why
        error = ResponseError(code=why.code or why.type, message=why.message)
        told = self.writer.response
        self._failed = replace(before, status="failed", error=error, usage=told.usage, extra=told.extra)
        emitter = self._delivery.emitter
        if emitter is not None:
            emitter.emit(ErrorEvent(sequence_number=self._told, error=why))
            emitter.emit(ResponseFailed(sequence_number=self._told + 1, response=self._failed))


def as_of_upstream(error: ErrorPayload) -> ErrorPayload:
    """Return an error of a provider as its server's clients are told of it.

    That a provider refuses the server's key is nothing that a client could mend with its own.
    """
    if error.type in ("authentication_error", "permission_denied"):
        return replace(error, type="server_error", code=f"upstream_{error.type}", param=None)
    return error


@asynccontextmanager
async def _beside(work: Coroutine[object, object, None]) -> AsyncGenerator[asyncio.Task[None], None]:
    """Do `work` beside what is done in the context; it is stopped where that is left before its end."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def run_for(turn: Turn, receive: Receive) -> None:
    """Run a turn for a client that waits for its end; it is given up where the client goes away."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        turn.stop(CUT_OFF)

    watcher = asyncio.create_task(watch())
    try:
        await turn.run()
    finally:
        watcher.cancel()


def not_stored(error: BaseException) -> ErrorPayload:
    """Return what a client is told where its response could not be stored because of `error`."""
    if isinstance(error, UnknownResponseError):
        return failure(
            str(error),
            code="previous_response_not_found",
            error_type="invalid_request",
            param="previous_response_id",
        )
    if isinstance(error, ConversationTooLongError):
        return failure(
            str(error), code="conversation_too_long", error_type="invalid_request", param="previous_response_id"
        )
    return NOT_STORED
