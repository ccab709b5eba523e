"""LangChain: `langchain-openai`, over the Responses API."""

from __future__ import annotations

from typing import Any

import demo
import openai
from cases import Cases, equal, holds, once, weather
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

cases = Cases("langchain-openai", "langchain-core", "openai")


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return weather(city)


def model(**more: Any) -> ChatOpenAI:
    return ChatOpenAI(model="demo", use_responses_api=True, max_retries=0, **more)


def whole(chunks: list[Any]) -> Any:
    message = chunks[0]
    for chunk in chunks[1:]:
        message += chunk
    return message


def told(message: Any, kind: str, key: str) -> str:
    return "".join(block.get(key) or "" for block in message.content_blocks if block["type"] == kind)


@cases.case("text")
async def text() -> None:
    message = model().invoke(demo.SAY)
    equal(message.text, demo.SAID, "the answer")
    equal((await model().ainvoke(demo.SAY)).text, demo.SAID, "the answer, async")
    if not message.usage_metadata["output_tokens"]:
        raise AssertionError(f"no usage: {message.usage_metadata}")


@cases.case("streaming")
def streaming() -> None:
    chunks = list(model().stream(demo.SAY))
    if sum(1 for chunk in chunks if chunk.text) < 2:
        raise AssertionError("the text did not come in pieces")
    equal(whole(chunks).text, demo.SAID, "the text")


@cases.case("reasoning")
def reasoning() -> None:
    for asked in ({}, {"reasoning": {"effort": "low", "summary": "auto"}}):
        once(told(model(**asked).invoke(demo.THINK), "reasoning", "reasoning"), demo.THOUGHT, "the reasoning")
        streamed = whole(list(model(**asked).stream(demo.THINK)))
        once(told(streamed, "reasoning", "reasoning"), demo.THOUGHT, "the reasoning of a stream")
        equal(streamed.text, demo.SAID, "the answer")


@cases.case("refusal")
def refusal() -> None:
    for message in (model().invoke(demo.REFUSE), whole(list(model().stream(demo.REFUSE)))):
        said = [part for part in message.content if part.get("type") == "refusal"]
        equal("".join(part["refusal"] for part in said), demo.REFUSAL, "the refusal")


@cases.case("parallel calls")
def calls() -> None:
    bound = model().bind_tools([get_weather])
    for message in (bound.invoke(demo.CALL), whole(list(bound.stream(demo.CALL)))):
        equal([call["args"] for call in message.tool_calls], [{"city": city} for city in demo.CITIES], "the calls")


@cases.case("tool results")
def tool_results() -> None:
    for more in ({}, {"use_previous_response_id": True}, {"store": False}, {"output_version": "v1"}):
        bound = model(**more).bind_tools([get_weather])
        first = whole(list(bound.stream(demo.CALL)))
        results = [
            ToolMessage(content=weather(call["args"]["city"]), tool_call_id=call["id"]) for call in first.tool_calls
        ]
        second = bound.invoke([HumanMessage(demo.CALL), first, *results])
        for city in demo.CITIES:
            holds(second.text, weather(city), f"the answer with {more}")


@cases.case("conversation")
def conversation() -> None:
    first = model().invoke(demo.NAMED)
    chained = model().invoke(demo.NAME, previous_response_id=first.response_metadata["id"])
    holds(chained.text, "Alice", "the answer to a chained response")
    using = model(use_previous_response_id=True)
    holds(
        using.invoke([HumanMessage(demo.NAMED), first, HumanMessage(demo.NAME)]).text,
        "Alice",
        "the answer with the id found",
    )
    holds(
        model().invoke([HumanMessage(demo.NAMED), first, HumanMessage(demo.NAME)]).text,
        "Alice",
        "the whole conversation",
    )


@cases.case("failure")
def failure() -> None:
    try:
        model().invoke(demo.FAIL)
    except openai.RateLimitError as error:
        holds(str(error), demo.FAILURE, "the message")
    else:
        raise AssertionError("nothing was raised")
    try:
        list(model().stream(demo.FAIL))
    except ValueError as error:
        holds(str(error), demo.FAILURE, "the message of the stream")
    else:
        raise AssertionError("nothing was raised by the stream")


@cases.case("structured output")
def structured_output() -> None:
    for method in ("json_schema", "function_calling"):
        got = model().with_structured_output(Person, method=method).invoke(demo.PERSON)
        if not isinstance(got, Person):
            raise AssertionError(f"{method}: got {got!r}")


cases.run()
