"""One response being made: how it ends whatever goes wrong, what is stored of it, and what its client was told."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

import penstock
from penstock import (
    Arguments,
    Extension,
    Failure,
    FunctionCall,
    Reasoning,
    Response,
    Stop,
    Text,
    Usage,
)
from penstock.live import random_id
from penstock.provider.base import Answer
from penstock.server.client import Client
from penstock.server.shown import shown_by
from penstock.server.turn import CUT_OFF, LOSSES, MAX_LOSSES, NOT_STORED, SHUTTING_DOWN, Delivery, Nobody, Plan, Turn
from penstock.spec.events import ResponseEvent
from penstock.spec.items import ItemParam
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.spec.tools import FunctionToolParam
from penstock.store.base import Store
from penstock.store.errors import (
    ConversationTooLongError,
    StoreUnavailableError,
    UnknownResponseError,
)
from penstock.store.sql import SQLStore
from penstock.stream.emitters import CallbackEmitter
from penstock.stream.output import Output
from penstock.upstream.base import Loss, UnsupportedParameter
from tests.server.direct import MANNER, Collecting, run

BROKEN = ErrorPayload(type="model_error", code="broken", message="It broke.", param=None)
Saying = Callable[[], AsyncGenerator[Sequence[Output], None]]


class _Answer(Answer):
    """What a test has it say."""

    def __init__(self, say: Saying, losses: Sequence[Loss] = ()) -> None:
        super().__init__()
        self.losses.extend(losses)
        self._say = say
        self.is_asked = self.is_over = False

    async def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        self.is_asked = True
        try:
            async for batch in self._say():
                yield batch
        finally:
            self.is_over = True


def saying(*batches: Sequence[Output] | BaseException) -> _Answer:
    """Say the batches, and raise what is to be raised."""

    async def say() -> AsyncGenerator[Sequence[Output], None]:
        for batch in batches:
            if isinstance(batch, BaseException):
                raise batch
            yield batch

    return _Answer(say)


def silent() -> _Answer:
    async def say() -> AsyncGenerator[Sequence[Output], None]:
        await asyncio.Event().wait()
        yield ()

    return _Answer(say)


def endless(*first: Output) -> _Answer:
    async def say() -> AsyncGenerator[Sequence[Output], None]:
        yield first or (Text("Hel"),)
        await asyncio.Event().wait()

    return _Answer(say)


class _Kept(SQLStore):
    """A store in memory that fails where it is told to, and waits where it is held."""

    def __init__(self, *, begin: Exception | None = None, finish: Exception | None = None) -> None:
        super().__init__("sqlite://", clock=lambda: 0.0)
        self._begin_error = begin
        self._finish_error = finish
        self.may_begin, self.may_finish = asyncio.Event(), asyncio.Event()
        self.may_begin.set()
        self.may_finish.set()

    async def begin(self, response: Response, **rest: Any) -> None:  # noqa: ANN401 - as the store takes it
        await self.may_begin.wait()
        if self._begin_error is not None:
            raise self._begin_error
        await super().begin(response, **rest)

    async def finish(self, response: Response, *, owner: str) -> bool:
        await self.may_finish.wait()
        if self._finish_error is not None:
            raise self._finish_error
        return await super().finish(response, owner=owner)


def turn_of(
    answer: Answer | None,
    delivery: Delivery | None = None,
    *,
    store: Store | None = None,
    seconds: float = 20.0,
    previous: str | None = None,
    **fields: Any,  # noqa: ANN401 - the request's
) -> Turn:
    items: list[ItemParam] = []
    plan = Plan(
        request=CreateResponse(model="m", input="Hi.", store=store is not None, **fields),
        model="m",
        owner="ada",
        input=items,
        previous=previous,
        context=items,
        answer=answer,
        manner=MANNER,
    )
    delivery = delivery or Collecting()
    return Turn(plan, delivery, store=store, ttl=None, ids=random_id, clock=lambda: 0.0, seconds=seconds)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - what is waited for has no event, and is a few turns of the loop away
        await asyncio.sleep(0)


def lint(delivery: Collecting, turn: Turn) -> list[str]:
    return [finding.code for finding in penstock.lint(list(delivery.told), request=turn.plan.request)]


# Whatever the provider does.


def test_a_provider_that_raises_fails_the_response_and_its_words_stay_here(caplog: pytest.LogCaptureFixture) -> None:
    delivery = Collecting()
    turn = turn_of(saying([Text("Hel")], RuntimeError("the secret is 42")), delivery)
    run(turn.run())
    assert delivery.names[-2:] == ["error", "response.failed"]
    assert turn.response.error is not None
    assert turn.response.error.code == "internal_error"
    assert "42" not in turn.response.error.message
    assert "the secret is 42" in caplog.text
    assert not lint(delivery, turn)


def test_a_provider_that_cancels_itself_fails_the_response_and_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    delivery = Collecting()
    turn = turn_of(saying([Text("Hel")], asyncio.CancelledError()), delivery)
    run(turn.run())
    assert turn.response.error is not None
    assert turn.response.error.code == "internal_error"
    assert delivery.names[-1] == "response.failed"
    assert "gave up" in caplog.text


@pytest.mark.parametrize("rest", [[Text("lo.")], [Stop()], [Failure(BROKEN)]])
def test_nothing_is_said_after_a_failure_in_the_same_batch_or_later(rest: list[Output]) -> None:
    delivery = Collecting()
    turn = turn_of(saying([Text("Hel"), Failure(BROKEN), *rest], rest), delivery)
    run(turn.run())
    assert delivery.names[-2:] == ["error", "response.failed"]
    assert turn.error == BROKEN
    assert not lint(delivery, turn)


def test_usage_that_comes_after_the_stop_counts() -> None:
    turn = turn_of(saying([Text("Hello."), Stop("max_output_tokens")], [Usage(input_tokens=3, output_tokens=5)]))
    run(turn.run())
    assert (turn.response.status, turn.error) == ("incomplete", None)
    assert turn.response.usage is not None
    assert turn.response.usage.total_tokens == 8


def test_what_cannot_be_asked_is_told_by_name_also_when_it_is_found_out_late() -> None:
    turn = turn_of(saying(UnsupportedParameter("tools[0]", "there is no such tool")))
    run(turn.run())
    assert turn.error is not None
    assert (turn.error.type, turn.error.param) == ("invalid_request", "tools[0]")


def test_what_makes_no_sense_fails_the_response() -> None:
    delivery = Collecting()
    turn = turn_of(saying([Text("Hel")], [Arguments("{}", "nobody")], [Text("lo.")]), delivery)
    run(turn.run())
    assert turn.error is not None
    assert turn.error.code == "upstream_invalid_output"
    assert not lint(delivery, turn)


def test_a_response_that_takes_too_long_is_ended_and_its_provider_let_go() -> None:
    answer, delivery = endless(), Collecting()
    turn = turn_of(answer, delivery, seconds=0.01)
    run(turn.run())
    assert turn.error is not None
    assert turn.error.code == "response_timeout"
    assert answer.is_over
    assert not lint(delivery, turn)


def test_a_time_out_of_the_provider_s_own_is_not_ours() -> None:
    turn = turn_of(saying(TimeoutError()))
    run(turn.run())
    assert turn.error is not None
    assert turn.error.code == "internal_error"


# What was lost.


def test_what_of_the_request_was_not_asked_is_told_from_the_first_event_on() -> None:
    answer, delivery = saying([Text("Hello.")]), Collecting()
    answer.losses.append(Loss("truncation", "it has none"))
    turn = turn_of(answer, delivery)
    run(turn.run())
    losses = [{"param": "truncation", "reason": "it has none"}]
    told = [event.response.extra[LOSSES] for event in delivery.told if isinstance(event, ResponseEvent)]
    assert told == [losses] * 3


def test_what_of_the_reply_was_lost_is_told_at_the_end_each_loss_once() -> None:
    async def say() -> AsyncGenerator[Sequence[Output], None]:
        yield [Text("Hello.")]
        answer.losses += [Loss("audio", "no place"), Loss("audio", "no place")]

    answer = _Answer(say, [Loss("truncation", "it has none")])
    turn = turn_of(answer)
    run(turn.run())
    told: Any = turn.response.extra[LOSSES]
    assert [loss["param"] for loss in told] == ["truncation", "audio"]


def test_of_very_many_losses_the_first_are_listed_and_the_others_counted() -> None:
    answer = saying([Text("Hello.")])
    answer.losses += [Loss(f"input[{number}].id", "no place") for number in range(MAX_LOSSES + 1_234)]
    turn = turn_of(answer)
    run(turn.run())
    told: Any = turn.response.extra[LOSSES]
    assert [loss["param"] for loss in told] == [*(f"input[{number}].id" for number in range(MAX_LOSSES)), ""]
    assert told[-1]["reason"] == "and 1,234 more"


# Being stopped.


@pytest.mark.parametrize("error", [CUT_OFF, SHUTTING_DOWN])
def test_a_turn_that_is_stopped_is_told_and_stored_as_failed(error: ErrorPayload) -> None:
    async def work() -> None:
        answer, delivery = endless(), Collecting()
        async with _Kept() as store:
            turn = turn_of(answer, delivery, store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: "response.output_text.delta" in delivery.names)
            turn.stop(error)
            turn.stop(BROKEN)
            await running
            assert not running.cancelling()
            assert answer.is_over
            assert turn.error == error
            assert not lint(delivery, turn)
            kept = await store.get(turn.response.id, owner="ada")
            assert kept is not None
            assert (kept.response.status, kept.response) == ("failed", turn.response)

    run(work())


def test_a_turn_that_is_stopped_before_it_began_asks_nobody() -> None:
    answer, delivery = saying([Text("Hello.")]), Collecting()
    turn = turn_of(answer, delivery)
    turn.stop(SHUTTING_DOWN)
    run(turn.run())
    assert turn.response.output == []
    assert turn.error == SHUTTING_DOWN
    assert delivery.names == ["response.created", "response.in_progress", "error", "response.failed"]


def test_a_provider_that_takes_no_notice_of_being_stopped_does_not_complete_the_response() -> None:
    async def say() -> AsyncGenerator[Sequence[Output], None]:
        yield [Text("Hel")]
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield [Text("lo.")]

    async def work() -> None:
        delivery = Collecting()
        turn = turn_of(_Answer(say), delivery)
        running = asyncio.create_task(turn.run())
        await until(lambda: "response.output_text.delta" in delivery.names)
        turn.stop(CUT_OFF)
        await running
        assert not running.cancelling()
        assert turn.error == CUT_OFF
        assert delivery.names[-1] == "response.failed"

    run(work())


def test_a_turn_whose_task_is_cancelled_is_stored_as_failed_and_the_task_ends() -> None:
    async def work() -> None:
        async with _Kept() as store:
            delivery = Collecting()
            turn = turn_of(endless(), delivery, store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: "response.output_text.delta" in delivery.names)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            kept = await store.get(turn.response.id, owner="ada")
            assert kept is not None
            assert kept.response.status == "failed"

    run(work())


def test_a_turn_that_is_cancelled_while_it_is_stored_is_stored_to_the_end() -> None:
    async def work() -> None:
        async with _Kept() as store:
            store.may_finish.clear()
            turn = turn_of(saying([Text("Hello.")]), store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: turn.is_over)
            running.cancel()
            store.may_finish.set()
            with pytest.raises(asyncio.CancelledError):
                await running
            kept = await store.get(turn.response.id, owner="ada")
            assert kept is not None
            assert kept.response.status == "completed"

    run(work())


def test_a_turn_that_is_stopped_while_it_is_stored_is_over_already() -> None:
    async def work() -> None:
        async with _Kept() as store:
            store.may_finish.clear()
            turn = turn_of(saying([Text("Hello.")]), store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: turn.is_over)
            turn.stop(CUT_OFF)
            store.may_finish.set()
            await running
            assert (turn.response.status, turn.error) == ("completed", None)

    run(work())


def test_nothing_happens_to_a_turn_that_is_over() -> None:
    turn = turn_of(saying([Text("Hello.")]))
    run(turn.run())
    turn.stop(CUT_OFF)
    assert (turn.response.status, turn.error) == ("completed", None)


# The store.


def test_nobody_is_told_of_a_response_before_it_is_in_the_store() -> None:
    async def work() -> None:
        async with _Kept() as store:
            store.may_begin.clear()
            answer, delivery = saying([Text("Hello.")]), Collecting()
            turn = turn_of(answer, delivery, store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: bool(delivery.waiting))
            for _ in range(100):
                await asyncio.sleep(0)
            assert (delivery.told, turn.is_over) == ([], False)
            store.may_begin.set()
            await running
            assert delivery.names[-1] == "response.completed"

    run(work())


def test_nobody_is_told_of_the_end_of_a_response_before_it_is_in_the_store() -> None:
    async def work() -> None:
        async with _Kept() as store:
            store.may_finish.clear()
            delivery = Collecting()
            turn = turn_of(saying([Text("Hello.")]), delivery, store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: turn.is_over)
            for _ in range(100):
                await asyncio.sleep(0)
            assert "response.completed" not in delivery.names
            store.may_finish.set()
            await running
            assert delivery.names[-1] == "response.completed"

    run(work())


def test_a_turn_that_is_stopped_before_it_is_in_the_store_is_stored_as_failed_and_empty() -> None:
    async def work() -> None:
        async with _Kept() as store:
            store.may_begin.clear()
            delivery = Collecting()
            turn = turn_of(saying([Text("Hello.")]), delivery, store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: bool(delivery.waiting))
            turn.stop(SHUTTING_DOWN)
            await until(lambda: turn.is_over)
            store.may_begin.set()
            await running
            assert (turn.error, turn.response.output) == (SHUTTING_DOWN, [])
            kept = await store.get(turn.response.id, owner="ada")
            assert kept is not None
            assert kept.response == turn.response

    run(work())


def test_a_model_is_asked_while_its_response_is_being_stored() -> None:
    async def work() -> None:
        async with _Kept() as store:
            store.may_begin.clear()
            answer, delivery = silent(), Collecting()
            turn = turn_of(answer, delivery, store=store)
            running = asyncio.create_task(turn.run())
            await until(lambda: answer.is_asked)
            assert delivery.told == []
            store.may_begin.set()
            # It is told that it has begun as soon as that is so, however long the model is silent.
            await until(lambda: bool(delivery.told))
            assert delivery.names == ["response.created", "response.in_progress"]
            turn.stop(CUT_OFF)
            await running

    run(work())


def test_a_silent_model_whose_answer_cannot_be_stored_is_stopped_at_once() -> None:
    async def work() -> None:
        async with _Kept(begin=StoreUnavailableError("no disk")) as store:
            answer = silent()
            turn = turn_of(answer, store=store)
            await turn.run()
            assert answer.is_over
            assert (turn.error, turn.first_output_at, turn.response.output) == (NOT_STORED, None, [])

    run(work())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailableError("no disk"), "store_unavailable"),
        (ValueError("a fault of ours"), "store_unavailable"),
        (UnknownResponseError("there is no response 'resp_1'"), "previous_response_not_found"),
        (ConversationTooLongError("too long"), "conversation_too_long"),
    ],
)
@pytest.mark.parametrize("when", ["begin", "finish"])
def test_a_response_that_cannot_be_stored_is_never_told_as_completed(when: str, error: Exception, code: str) -> None:
    async def work() -> None:
        delivery = Collecting()
        async with _Kept(**{when: error}) as store:
            call: list[Output] = [FunctionCall("f", key="1"), Arguments("{", "1")]
            turn = turn_of(saying([Text("Hel")], [Text("lo.")], call), delivery, store=store, tools=_tools("f"))
            await turn.run()
        assert turn.error is not None
        assert turn.error.code == code
        assert turn.response.error is not None
        assert (turn.response.status, turn.response.error.code) == ("failed", code)
        assert delivery.names[-2:] == ["error", "response.failed"]
        assert not lint(delivery, turn)

    run(work())


def test_the_numbers_have_no_gap_where_a_hidden_event_came_before_a_store_that_fails() -> None:
    async def work() -> None:
        delivery = Collecting()
        manner = Client(wants="openai", speaks_openai=True).manner(dialect="auto", reasoning="auto")
        delivery.emitter = shown_by(CallbackEmitter(delivery.waiting.append), manner)
        async with _Kept(finish=StoreUnavailableError("no disk")) as store:
            turn = turn_of(saying([Text("Hel"), Extension("acme:trace", {})]), delivery, store=store)
            await turn.run()
        numbers = [event.sequence_number for event in delivery.told]
        assert numbers == list(range(len(numbers)))
        assert delivery.names[-1] == "response.failed"

    run(work())


def test_a_failure_is_told_as_itself_also_where_it_cannot_be_stored() -> None:
    async def work() -> None:
        async with _Kept(finish=StoreUnavailableError("no disk")) as store:
            turn = turn_of(saying([Failure(BROKEN)]), store=store)
            await turn.run()
        assert turn.error == BROKEN

    run(work())


def test_whoever_waits_for_the_end_is_told_that_it_could_not_be_stored() -> None:
    async def work() -> None:
        async with _Kept(finish=StoreUnavailableError("no disk")) as store:
            turn = turn_of(saying([Text("Hello.")]), Nobody(), store=store)
            await turn.run()
        assert turn.response.status == "failed"

    run(work())


# The model's will.


def test_a_call_that_is_missing_is_a_failure_only_where_the_model_stopped_by_itself() -> None:
    cut: list[Output] = [Text("N"), Stop("max_output_tokens")]
    for said, code in (([Text("No.")], "tool_choice_not_followed"), (cut, None)):
        turn = turn_of(saying(said), tools=_tools("f"), tool_choice="required")
        run(turn.run())
        assert (turn.error.code if turn.error else None) == code


def test_reasoning_is_left_out_where_the_model_shows_none() -> None:
    turn = turn_of(saying([Reasoning("Hm.")], [Text("Hello.")]))
    quiet = Client(wants=None, speaks_openai=False).manner(dialect="auto", reasoning="off")
    turn = Turn(
        replace(turn.plan, manner=quiet, answer=saying([Reasoning("Hm.")], [Text("Hello.")])),
        Nobody(),
        store=None,
        ttl=None,
        ids=random_id,
        clock=lambda: 0.0,
        seconds=1.0,
    )
    run(turn.run())
    assert [item.__struct_config__.tag for item in turn.response.output] == ["message"]


def _tools(name: str) -> Any:  # noqa: ANN401 - as a request takes them
    return [FunctionToolParam(name=name)]


def test_a_long_text_of_small_pieces_takes_little_more_than_itself() -> None:
    """A thousand streams are held at once; a piece of a few letters by itself takes ten times its size."""
    pieces = 20_000
    held: list[int] = []

    async def say() -> AsyncGenerator[Sequence[Output], None]:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(pieces):
            yield (Text(f" t{number:05}"),)
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0] - before)

    turn = turn_of(_Answer(say), Nobody())
    tracemalloc.start()
    try:
        run(turn.run())
    finally:
        tracemalloc.stop()
    assert len(turn.response.output_text) == 7 * pieces
    assert held[0] < 4 * 7 * pieces
