from __future__ import annotations

import asyncio

import pytest

from penstock import CreateResponse, Text
from penstock.provider.demo import DemoProvider
from penstock.stream.output import Output, Stop
from penstock.upstream.base import UnsupportedParameter
from penstock.wire.requests import parse_create


def said(request: CreateResponse, sleeps: list[float]) -> list[list[Output]]:
    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)

    async def listen() -> list[list[Output]]:
        return [[*batch] async for batch in DemoProvider(sleep=sleep).answer(request).batches()]

    return asyncio.run(listen())


def test_what_is_ready_together_leaves_together() -> None:
    sleeps: list[float] = []
    (batch,) = said(CreateResponse(model="m", input="count to 3"), sleeps)
    assert sleeps == [0.0]
    assert [output.text for output in batch if isinstance(output, Text)] == ["1", ", 2", ", 3", "."]


def test_the_pace_is_slept_before_each_token() -> None:
    sleeps: list[float] = []
    batches = said(CreateResponse(model="m", input="wait 2 seconds, then count to 3 every 250 ms"), sleeps)
    assert sleeps == [2.25, 0.25, 0.25, 0.25]
    assert [len(batch) for batch in batches] == [1, 1, 1, 3]
    assert Stop("stop") == batches[-1][-1]


def test_a_long_text_gives_others_their_turn_and_is_never_all_in_memory() -> None:
    sleeps: list[float] = []
    batches = said(CreateResponse(model="m", input="write 1000 words"), sleeps)
    assert max(map(len, batches)) == 64
    assert len(batches) == len(sleeps)


def test_what_the_demo_cannot_do_is_refused_before_anything_is_said() -> None:
    with pytest.raises(UnsupportedParameter, match="previous_response_id"):
        said(CreateResponse(model="m", input="Hi", previous_response_id="resp_1"), [])


def test_losses_are_there_with_the_first_batch() -> None:
    request = parse_create('{"model": "m", "input": "Hi", "tools": [{"type": "acme:search"}]}')

    async def listen() -> list[str]:
        answer = DemoProvider().answer(request)
        batches = answer.batches()
        await anext(batches)
        await batches.aclose()
        return [loss.param for loss in answer.losses]

    assert asyncio.run(listen()) == ["tools[0]"]


def test_it_answers_to_any_name_and_lists_its_own() -> None:
    provider = DemoProvider()
    assert provider.answer(CreateResponse(model="gpt-x")).model == "gpt-x"
    assert provider.answer(CreateResponse()).model == "demo"
    assert [model.id for model in asyncio.run(provider.models())] == ["demo"]
