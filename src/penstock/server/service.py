"""What the endpoints of one server share: its models, its store, its rules, and the responses under way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Protocol

from msgspec import UNSET
from msgspec.structs import replace

from penstock.live import random_id
from penstock.provider.base import Answer
from penstock.server.client import Client, Manner
from penstock.server.context import REASONING, Context, Memory, seal_items
from penstock.server.errors import Refused
from penstock.server.keys import Keys
from penstock.server.limits import Limits
from penstock.server.models import DialectChoice, Model, Models, ReasoningForm
from penstock.server.reasoning import ReasoningSealer
from penstock.server.sealing import Seals
from penstock.server.summary import TO_SUM_UP, CompactionAnswer, asks_for_compaction
from penstock.server.told import Told
from penstock.server.turn import SHUTTING_DOWN, Delivery, Plan, Turn, not_stored
from penstock.spec.request import CreateResponse
from penstock.store.base import Store
from penstock.store.errors import StoreError
from penstock.store.naming import with_ids
from penstock.upstream.base import Loss, UnsupportedParameter
from penstock.wire.requests import RequestError

__all__ = ["Service", "Watched", "answered", "refused_by", "store_refused"]

ENCRYPTED = "reasoning.encrypted_content"


class Watched(Protocol):
    """A client that something is being sent to, as far as keeping it alive and cutting it off is concerned."""

    @property
    def sent_at(self) -> float:
        """When something last began or ended to be sent, by the event loop's clock."""
        ...

    @property
    def is_sending(self) -> bool:
        """Whether something is being sent, so that it waits for the client."""
        ...

    async def ping(self) -> None:
        """Send something that means nothing."""
        ...

    def cut_off(self) -> None:
        """Send nothing more, and stop what is under way for it."""
        ...


class Service:
    """One server, without its transports."""

    def __init__(
        self,
        *,
        models: Models,
        store: Store | None,
        keys: Keys,
        seals: Seals,
        limits: Limits,
        dialect: DialectChoice,
        reasoning: ReasoningForm,
        ttl: float | None,
        ids: Callable[[str], str] = random_id,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Serve `models`; `store` None keeps no responses. `ttl`: for how many seconds they are kept, None for ever."""
        self.models = models
        self.store = store
        self.keys = keys
        self.seals = seals
        self.limits = limits
        self.dialect: DialectChoice = dialect
        self.reasoning: ReasoningForm = reasoning
        self.ids = ids
        self.clock = clock
        self._ttl = ttl
        self._under_way: set[Turn] = set()
        self._streams: Counter[str] = Counter()
        self._websockets: Counter[str] = Counter()
        self._is_stopping = False
        self._is_hurried = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.requests = 0
        """How many responses were begun."""
        self._past_events = 0
        self.watched: set[Watched] = set()
        """The clients that are sent something."""

    # What a request asks for.

    def context(self, owner: str, memory: Memory | None = None) -> Context:
        """Return what finds out about the conversations of `owner`."""
        return Context(store=self.store, seals=self.seals, limits=self.limits, ids=self.ids, owner=owner, memory=memory)

    def manner(self, client: Client, model: Model | None = None) -> Manner:
        """Return how `client` is answered for `model`: as it wants, else as the model, else as the server is set."""
        dialect, reasoning = (model.dialect, model.reasoning) if model is not None else (None, None)
        return client.manner(dialect=dialect or self.dialect, reasoning=reasoning or self.reasoning)

    async def plan(self, request: CreateResponse, owner: str, client: Client, memory: Memory | None = None) -> Plan:
        """Return what is to be done for `request`. Raises Refused where it cannot be."""
        self._refuse_unserved(request)
        name, model = self.models.find(request.model if request.model is not UNSET else None)
        context = self.context(owner, memory)
        previous = request.previous_response_id or ""
        before = await context.before(previous) if previous else []
        own = await context.own(request.input)
        is_chained = not previous or context.is_stored(previous)
        whole = [*before, *own]
        told = context.opened(before, own, is_text=isinstance(request.input, str))
        context.check_calls(told)
        told, losses = context.without_cut_calls(told)
        if self.store is None and request.store:
            losses.append(Loss("store", "this server keeps no responses"))
        if self.store is None or request.store is UNSET or request.store is None:
            # The specification names no default; clients that chain responses or refer to items count on OpenAI's.
            request = replace(request, store=self.store is not None)
        if request.extra.get("generate") is False:
            # A warm-up: Codex opens its conversation so, to have the tools and the instructions known.
            answer = None
        elif asks_for_compaction(told.items):
            answer = self._compaction(model, request, told, owner)
            # The one item stands for all that was said before.
            own, whole, previous = [], [], ""
        elif not told.items and not request.instructions:
            raise Refused.because(
                "input: is required, and absent or empty", code="missing_required_parameter", param="input"
            )
        else:
            sent = replace(
                request,
                model=model.upstream_name,
                input=list(told.items),
                previous_response_id=UNSET,
                background=UNSET,
                store=False,
            )
            answer = answered(model, sent, told)
        return Plan(
            request=replace(request, model=name),
            model=name,
            owner=owner,
            # What only a connection remembers would be lost with it: then the whole conversation is stored.
            input=own if is_chained else with_ids(whole, self.ids),
            previous=previous if previous and is_chained else None,
            context=whole,
            answer=answer,
            manner=self.manner(client, model),
            sealer=self._sealer(request, owner),
            losses=losses,
            place=told.place,
        )

    def _refuse_unserved(self, request: CreateResponse) -> None:
        if request.background:
            raise Refused.because(
                "background: this server answers while the client waits; there are no background responses",
                code="unsupported_parameter",
                param="background",
            )

    def _compaction(self, model: Model, request: CreateResponse, told: Told, owner: str) -> Answer:
        """Return the answer that compacts the conversation, up to the item that asks for it. Raises Refused."""
        items = told.items[:-1]
        asked = CreateResponse(
            model=model.upstream_name,
            instructions=request.instructions,
            input=[*items, TO_SUM_UP],
            prompt_cache_key=request.prompt_cache_key,
            store=False,
        )
        summing = answered(model, asked, told) if model.provider.sums_up else None
        return CompactionAnswer(items, summing, lambda kept: seal_items(self.seals, owner, kept))

    def _sealer(self, request: CreateResponse, owner: str) -> ReasoningSealer | None:
        if ENCRYPTED not in (request.include or ()):
            return None
        return ReasoningSealer(lambda content: self.seals.seal(REASONING, owner, content))

    # What is under way.

    @contextmanager
    def turn(self, plan: Plan, delivery: Delivery) -> Generator[Turn]:
        """Return the turn that carries out `plan`, counted while the context lasts. Raises Refused for one too many."""
        self._admit(plan.owner)
        turn = Turn(
            plan,
            delivery,
            store=self.store,
            ttl=self._ttl,
            ids=self.ids,
            clock=self.clock,
            seconds=self.limits.response_seconds,
        )
        self.requests += 1
        self._under_way.add(turn)
        self._idle.clear()
        self._streams[plan.owner] += 1
        try:
            yield turn
        finally:
            self._under_way.discard(turn)
            self._past_events += turn.writer.next_number
            if not self._under_way:
                self._idle.set()
            _leave(self._streams, plan.owner)

    @contextmanager
    def websocket(self, owner: str) -> Generator[None]:
        """Count an open WebSocket while the context lasts. Raises Refused where it is one too many."""
        if self._is_stopping:
            raise _stopping()
        if self._websockets[owner] >= self.limits.websockets_per_key:
            raise self._too_many(f"{self.limits.websockets_per_key:,} open WebSockets are the most for one API key")
        self._websockets[owner] += 1
        try:
            yield
        finally:
            _leave(self._websockets, owner)

    @property
    def is_stopping(self) -> bool:
        """Whether nothing new is begun."""
        return self._is_stopping

    @property
    def under_way(self) -> int:
        """How many responses are under way."""
        return len(self._under_way)

    @property
    def events(self) -> int:
        """How many events were told so far, of all responses."""
        return self._past_events + sum(turn.writer.next_number for turn in list(self._under_way))

    async def stop(self) -> None:
        """Begin nothing new; let what is under way end by itself as long as the limits allow, then end it as failed."""
        self._is_stopping = True
        if not self._is_hurried:
            await self._idle_within(self.limits.shutdown_seconds)
        for turn in list(self._under_way):
            turn.stop(SHUTTING_DOWN)
        await self._idle_within(HURRIED_SECONDS if self._is_hurried else GRACE_SECONDS)

    def resume(self) -> None:
        """Begin again after `stop`, maybe in another event loop."""
        self._is_stopping = self._is_hurried = False
        # An event belongs to the loop in which somebody first waited for it.
        self._idle = asyncio.Event()
        if not self._under_way:
            self._idle.set()

    def hurry(self) -> None:
        """Let `stop`, when it is called next, end what is under way at once."""
        self._is_hurried = True

    async def _idle_within(self, seconds: float) -> None:
        """Return when nothing is under way, or after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    def _admit(self, owner: str) -> None:
        if self._is_stopping:
            raise _stopping()
        if len(self._under_way) >= self.limits.streams:
            raise self._too_many("the server has as many responses under way as it can bear")
        if self._streams[owner] >= self.limits.streams_per_key:
            raise self._too_many(f"{self.limits.streams_per_key:,} responses at once are the most for one API key")

    def _too_many(self, message: str) -> Refused:
        headers = {"Retry-After": str(self.limits.retry_after_seconds)}
        return Refused.because(message, code="too_many_requests", error_type="too_many_requests", headers=headers)


GRACE_SECONDS = 5.0
"""How long ended streams have for telling their clients and the store so."""
HURRIED_SECONDS = 1.0
"""How long they have where the operator does not want to wait: both take milliseconds, unless somebody hangs."""


def answered(model: Model, sent: CreateResponse, told: Told) -> Answer:
    """Return the model's answer to what it is sent, not begun. Raises Refused where it cannot be asked.

    The input begins with the conversation `told`.
    """
    try:
        answer = model.provider.answer(sent)
        answer.prepare()
    except UnsupportedParameter as error:
        place = told.place(error.param)
        raise Refused.because(f"{place}: {error.reason}", code="unsupported_parameter", param=place) from None
    return answer


def refused_by(error: Refused | RequestError | StoreError) -> Refused:
    """Return the refusal that an error of a request, or of the store, comes to."""
    if isinstance(error, RequestError):
        return Refused(error.payload())
    return store_refused(error) if isinstance(error, StoreError) else error


def store_refused(error: StoreError) -> Refused:
    """Return the refusal of a request that the store could not serve."""
    payload = not_stored(error)
    return Refused(payload, status=503 if payload.type == "server_error" else None)


def _stopping() -> Refused:
    return Refused.because(
        SHUTTING_DOWN.message, code="server_shutting_down", error_type="server_error", status=503,
        headers={"Retry-After": "5"},
    )  # fmt: skip


def _leave(counter: Counter[str], owner: str) -> None:
    counter[owner] -= 1
    if not counter[owner]:
        del counter[owner]
