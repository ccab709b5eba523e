"""What a provider says of the conversation is told by the place in the request that the client sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from penstock import Text
from penstock.provider.base import Answer
from penstock.server.app import App
from penstock.server.told import Told
from penstock.spec.items import MessageItemParam
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from penstock.upstream.base import Loss, UnsupportedParameter
from tests.server.direct import ask, run, started
from tests.server.serving import ScriptedProvider


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


class Picky(ScriptedProvider):
    """Refuses to be told anything that is wrong, `late` when it is asked already, and loses what is odd."""

    def __init__(self, *, late: bool = False) -> None:
        super().__init__([Text("Hello.")])
        self._late = late

    def answer(self, request: CreateResponse) -> Answer:
        answer = super().answer(request)
        for number, item in enumerate(request.input if isinstance(request.input, list) else ()):
            text = item.text if isinstance(item, MessageItemParam) else ""
            if "wrong" in text and not self._late:
                raise UnsupportedParameter(f"input[{number}].content", "nobody says so")
            if "odd" in text:
                answer.losses.append(Loss(f"input[{number}].content[0].oddity", "nobody knows it"))
        return answer

    async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
        for number, item in enumerate(request.input if isinstance(request.input, list) else ()):
            if isinstance(item, MessageItemParam) and "wrong" in item.text:
                raise UnsupportedParameter(f"input[{number}].content", "nobody says so")
        async for batch in super().say(request):
            yield batch


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("It is wrong.", "input"),
        ([user("It is wrong.")], "input[0].content"),
        ([user("Hi."), user("It is wrong.")], "input[1].content"),
        (["compacted", user("It is wrong.")], "input[1].content"),
    ],
)
def test_what_is_wrong_has_its_place_in_the_request_whatever_came_before(given: Any, place: str, *, late: bool) -> None:  # noqa: ANN401 - an input
    async def work() -> None:
        async with started(App(Picky(late=late))) as app:
            first = (await ask(app, {"model": "m", "input": [user("Hi."), user("Who is there?")]})).json
            compact = {"model": "m", "input": [user("1"), user("2"), user("3")]}
            (compacted,) = (await ask(app, compact, path="/v1/responses/compact")).json["output"]
            items = [compacted if item == "compacted" else item for item in given] if isinstance(given, list) else given
            reply = await ask(app, {"model": "m", "input": items, "previous_response_id": first["id"]})
            assert (reply.status, reply.error["param"]) == (400, place)
            assert reply.error["message"] == f"{place}: nobody says so"

    run(work())


def test_what_is_lost_has_its_place_in_the_request_too() -> None:
    async def work() -> None:
        async with started(App(Picky())) as app:
            first = (await ask(app, {"model": "m", "input": [user("Hi."), user("That is odd.")]})).json
            assert [loss["param"] for loss in first["penstock_losses"]] == ["input[1].content[0].oddity"]
            compact = {"model": "m", "input": [user("1"), user("How odd.")]}
            (compacted,) = (await ask(app, compact, path="/v1/responses/compact")).json["output"]
            items = [user("Well."), compacted, user("So odd!")]
            later = (await ask(app, {"model": "m", "input": items, "previous_response_id": first["id"]})).json
            assert [loss["param"] for loss in later["penstock_losses"]] == [
                "previous_response_id",
                "input[1].encrypted_content",
                "input[2].content[0].oddity",
            ]

    run(work())


def test_an_output_without_its_call_has_its_place_behind_what_was_compacted() -> None:
    async def work() -> None:
        async with started(App(Picky())) as app:
            compact = {"model": "m", "input": [user("1"), user("2")]}
            (compacted,) = (await ask(app, compact, path="/v1/responses/compact")).json["output"]
            output = {"type": "function_call_output", "call_id": "c", "output": ""}
            reply = await ask(app, {"model": "m", "input": [compacted, output]})
            assert (reply.error["code"], reply.error["param"]) == ("tool_call_not_found", "input[1].call_id")

    run(work())


@pytest.mark.parametrize("param", ["tools[0].name", "input", "input[2].content", "input[x]", "text.input[0]"])
def test_other_paths_stay_as_they_are(param: str) -> None:
    items = [MessageItemParam(role="user", content="Hi.")] * 2
    assert Told(items, ["previous_response_id", "input[0]"]).place(param) == param
