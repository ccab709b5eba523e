from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias

import pytest

import penstock
from penstock import CreateResponse, FunctionCall, Text, Usage
from penstock.provider.ahead import READ_AHEAD, read_ahead, read_ahead_in_thread
from penstock.provider.base import Answer
from penstock.provider.generator import GeneratorProvider
from penstock.stream.output import Failure, Output
from penstock.upstream.base import UnsupportedParameter

Anything: TypeAlias = Any
"""What a user may hand in by mistake."""
REQUEST = CreateResponse(model="m", input="Hi")
PATIENCE = 30.0
"""How long, in seconds, only a failing test ever waits."""


def answer(model: Anything) -> Answer:
    return GeneratorProvider(model).answer(REQUEST)


def said(model: Anything) -> list[Output]:
    async def listen() -> list[Output]:
        return [output async for batch in answer(model).batches() for output in batch]

    return asyncio.run(asyncio.wait_for(listen(), PATIENCE))


def failure(outputs: Sequence[Output]) -> Failure:
    last = outputs[-1]
    assert isinstance(last, Failure)
    return last


async def agen(request: CreateResponse) -> AsyncIterator[Output]:
    yield f"{request.input} "
    yield Text("there")


def gen(request: CreateResponse) -> Iterator[Output]:
    yield f"{request.input} "
    yield Text("there")


async def a_list(request: CreateResponse) -> list[Output]:
    return [f"{request.input} ", Text("there")]


def returning_agen(request: CreateResponse) -> AsyncIterator[Output]:
    return agen(request)


def returning_a_coroutine(request: CreateResponse) -> Awaitable[list[Output]]:
    return a_list(request)


class AsyncObject:
    async def __call__(self, request: CreateResponse) -> AsyncGenerator[Output, None]:
        async for output in agen(request):
            yield output


class SyncObject:
    def __call__(self, request: CreateResponse) -> Iterator[Output]:
        return gen(request)

    def method(self, request: CreateResponse) -> tuple[Output, ...]:
        return tuple(gen(request))


MODELS: dict[str, Callable[[CreateResponse], Any]] = {
    "an async generator": agen,
    "a generator": gen,
    "an async function that returns a list": a_list,
    "a function that returns an async generator": returning_agen,
    "a function that returns a coroutine": returning_a_coroutine,
    "a function that returns an iterator": lambda request: map(Text, ["Hi ", "there"]),
    "an object that is called like an async generator": AsyncObject(),
    "an object that is called like a generator": SyncObject(),
    "a method": SyncObject().method,
    "a partial": functools.partial(lambda prefix, request: gen(request), ""),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_may_be(kind: str) -> None:
    texts = [output if isinstance(output, str) else getattr(output, "text", None) for output in said(MODELS[kind])]
    assert texts == ["Hi ", "there"]


def test_one_output_is_enough() -> None:
    assert said(lambda request: "Hi") == ["Hi"]
    assert [FunctionCall("f")] == said(lambda request: FunctionCall("f"))
    assert said(lambda request: []) == []


def test_it_goes_through_the_writer() -> None:
    stream = penstock.ResponseStream(None, model="m")
    with stream:
        for output in said(agen):
            stream.send(output)
    assert stream.response.output_text == "Hi there"


# What goes wrong.


def broken_async(request: CreateResponse) -> AsyncIterator[Output]:
    async def model() -> AsyncIterator[Output]:
        yield "a"
        raise ValueError("the key is sk-secret")

    return model()


def broken_sync(request: CreateResponse) -> Generator[Output, None, None]:
    yield "a"
    raise ValueError("the key is sk-secret")


@pytest.mark.parametrize("model", [broken_async, broken_sync])
def test_an_exception_is_a_failure_that_tells_nobody_why(model: Anything, caplog: pytest.LogCaptureFixture) -> None:
    outputs = said(model)
    assert outputs[0] == "a"
    error = failure(outputs).error
    assert (error.type, error.code) == ("server_error", "server_error")
    assert "secret" not in error.message
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("penstock", logging.ERROR)
    assert "broken" in caplog.text
    assert "ValueError: the key is sk-secret" in caplog.text


def test_a_function_that_raises_at_once_fails_too() -> None:
    def model(request: CreateResponse) -> str:
        raise ValueError

    assert failure(said(model)).error.type == "server_error"


def test_a_model_that_cancels_itself_has_failed() -> None:
    async def model(request: CreateResponse) -> AsyncIterator[Output]:
        yield "a"
        raise asyncio.CancelledError

    assert [said(model)[0], failure(said(model)).error.type] == ["a", "server_error"]


def test_a_model_may_refuse_a_parameter_before_it_says_anything() -> None:
    async def refusing(request: CreateResponse) -> AsyncIterator[Output]:
        if request.input:
            raise UnsupportedParameter("temperature", "no")
        yield ""

    async def late(request: CreateResponse) -> AsyncIterator[Output]:
        yield "a"
        raise UnsupportedParameter("temperature", "no")

    with pytest.raises(UnsupportedParameter, match="temperature: no"):
        said(refusing)
    assert [said(late)[0], failure(said(late)).error.type] == ["a", "server_error"]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("the model yielded an object of type int; expected a str or an object of penstock.stream.output", ["a", 5]),
        ("the model yielded an object of type dict; ", [{"text": "a"}]),
        ("the model yielded an object of type bytes; ", [b"a"]),
        ("the model yielded nothing (None); ", [None]),
        ("the model yielded the function gen itself; ", [gen]),
        ("the model returned nothing (None); ", None),
        ("the model returned an object of type dict; ", {"text": "a"}),
        ("the model returned an object of type bytes; ", b"a"),
        ("the model returned an object of type int; ", 5),
    ],
)
def test_what_is_no_output_is_named(words: str, wrong: Anything, caplog: pytest.LogCaptureFixture) -> None:
    outputs = said(lambda request: wrong)
    error = failure(outputs).error
    assert error.code == "invalid_output"
    assert error.message.startswith(words)
    assert error.message in caplog.text
    if wrong == ["a", 5]:
        assert outputs[0] == "a"


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("expected a function that takes the request, got an object of type str", "Hi"),
        ("expected a function, and not what it returns, that takes the request, got .* generator", gen(REQUEST)),
    ],
)
def test_a_model_that_cannot_be_called_is_refused_at_once(words: str, wrong: Anything) -> None:
    with pytest.raises(TypeError, match=words):
        GeneratorProvider(wrong)


# Ahead, together, and closed.


def test_what_is_ready_together_leaves_together_and_at_once() -> None:
    async def listen() -> None:
        gate = asyncio.Event()

        async def model(request: CreateResponse) -> AsyncIterator[Output]:
            yield "a"
            yield "b"
            await gate.wait()
            yield "c"

        batches = answer(model).batches()
        assert await anext(batches) == ["a", "b"]
        gate.set()
        assert await anext(batches) == ["c"]
        await batches.aclose()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))


def test_a_fast_async_model_is_so_far_ahead_and_no_further() -> None:
    async def listen() -> None:
        made = 0

        async def model(request: CreateResponse) -> AsyncIterator[Output]:
            nonlocal made
            while True:
                made += 1
                yield "a"

        batches = answer(model).batches()
        batch = await anext(batches)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(batch) == READ_AHEAD
        assert made <= 2 * READ_AHEAD
        await batches.aclose()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))


def test_a_fast_thread_is_so_far_ahead_and_no_further() -> None:
    made = 0
    full = threading.Event()
    closed = threading.Event()

    def model(request: CreateResponse) -> Iterator[Output]:
        nonlocal made
        try:
            while True:
                made += 1
                if made == READ_AHEAD:
                    full.set()
                yield "a"
        finally:
            closed.set()

    async def listen() -> None:
        batches = answer(model).batches()
        await anext(batches)
        await asyncio.to_thread(full.wait, PATIENCE)
        assert made <= 2 * READ_AHEAD + 1
        await batches.aclose()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))
    assert closed.wait(PATIENCE)


def test_closing_the_answer_stops_a_model_that_waits() -> None:
    ended: list[str] = []

    async def model(request: CreateResponse) -> AsyncIterator[Output]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    async def listen() -> None:
        before = asyncio.all_tasks()
        batches = answer(model).batches()
        await anext(batches)
        await asyncio.sleep(0)
        await batches.aclose()
        assert ended == ["cleaned up"]
        assert before == asyncio.all_tasks()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))


def test_closing_the_answer_stops_a_model_that_will_not_hear_of_it() -> None:
    async def model(request: CreateResponse) -> AsyncIterator[Output]:
        yield "a"
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield "more"

    async def listen() -> None:
        before = asyncio.all_tasks()
        batches = answer(model).batches()
        await anext(batches)
        await asyncio.sleep(0)
        await batches.aclose()
        assert before == asyncio.all_tasks()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))


def test_a_listener_that_is_cancelled_stops_the_model() -> None:
    ended: list[str] = []

    async def model(request: CreateResponse) -> AsyncIterator[Output]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    async def listen() -> None:
        heard = asyncio.Event()

        async def listener() -> None:
            async for _ in answer(model).batches():
                heard.set()

        task = asyncio.create_task(listener())
        await heard.wait()
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))
    assert ended == ["cleaned up"]


def test_a_model_that_fails_while_it_is_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def model(request: CreateResponse) -> AsyncIterator[Output]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            raise ValueError("late")

    async def listen() -> None:
        batches = answer(model).batches()
        await anext(batches)
        await asyncio.sleep(0)
        await batches.aclose()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))
    assert "ValueError: late" in caplog.text


def test_a_thread_that_fails_while_it_is_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    go, gone = threading.Event(), threading.Event()

    def model() -> Iterator[str]:
        try:
            yield "a"
            go.wait(PATIENCE)
            yield "b"
        finally:
            gone.set()
            raise ValueError("late")

    async def listen() -> None:
        batches = read_ahead_in_thread(model)
        await anext(batches)
        await batches.aclose()

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))
    go.set()  # the event loop has ended by now
    assert gone.wait(PATIENCE)
    for thread in threading.enumerate():
        if thread.name == "penstock-model":
            thread.join(PATIENCE)
    assert "ValueError: late" in caplog.text


def test_an_iterator_without_a_way_to_close_it_is_read_like_any() -> None:
    class Two:
        left = 2

        def __aiter__(self) -> Two:
            return self

        async def __anext__(self) -> str:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return "a"

    async def listen() -> list[str]:
        return [output async for batch in read_ahead(Two()) for output in batch]

    assert asyncio.run(listen()) == ["a", "a"]


def test_a_thread_sees_the_context_of_the_listener() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

    def model(request: CreateResponse) -> Iterator[Output]:
        yield who.get()

    async def listen() -> list[Sequence[Output]]:
        who.set("Alice")
        return [batch async for batch in answer(model).batches()]

    assert asyncio.run(listen()) == [["Alice"]]


def test_a_blocking_model_leaves_the_others_their_turn() -> None:
    async def listen() -> None:
        gate = threading.Event()

        def model(request: CreateResponse) -> str:
            gate.wait(PATIENCE)
            return "a"

        first = asyncio.create_task(anext(answer(model).batches()))
        assert await anext(answer(lambda request: "b").batches()) == ["b"]
        gate.set()
        assert await first == ["a"]

    asyncio.run(asyncio.wait_for(listen(), PATIENCE))


def test_it_is_known_by_its_function_or_as_it_is_told() -> None:
    assert GeneratorProvider(agen).name == "agen"
    assert GeneratorProvider(AsyncObject()).name == "AsyncObject"
    provider = GeneratorProvider(agen, name="mine")
    assert [model.id for model in asyncio.run(provider.models())] == ["mine"]


def test_everything_a_model_can_say_may_be_yielded() -> None:
    assert [Usage(input_tokens=1, output_tokens=2)] == said(lambda request: Usage(input_tokens=1, output_tokens=2))
