"""OpenAI's framework for agents: `openai-agents`."""

from __future__ import annotations

from typing import Any

import demo
import openai
from agents import (
    Agent,
    ModelSettings,
    Runner,
    SQLiteSession,
    function_tool,
    set_default_openai_responses_transport,
    set_tracing_disabled,
)
from agents.exceptions import ModelBehaviorError
from cases import Cases, equal, holds, once, weather
from openai.types.shared import Reasoning
from pydantic import BaseModel

cases = Cases("openai-agents", "openai")
set_tracing_disabled(disabled=True)  # which would go to OpenAI
asked: list[str] = []


class Person(BaseModel):
    name: str
    age: int


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    asked.append(city)
    return weather(city)


def agent(**more: Any) -> Agent[Any]:
    return Agent(name="Tester", model="demo", **more)


def reasoning_of(items: list[Any]) -> str:
    found = [item.raw_item for item in items if item.type == "reasoning_item"]
    return "".join(part.text for item in found for part in item.summary)


@cases.case("text")
async def text() -> None:
    equal((await Runner.run(agent(), demo.SAY)).final_output, demo.SAID, "the answer")


@cases.case("streaming")
async def streaming() -> None:
    result = Runner.run_streamed(agent(), demo.SAY)
    said = ""
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            said += event.data.delta
    equal((said, result.final_output), (demo.SAID, demo.SAID), "the deltas and the answer")


@cases.case("reasoning")
async def reasoning() -> None:
    settings = ModelSettings(reasoning=Reasoning(effort="low", summary="auto"))
    once(
        reasoning_of((await Runner.run(agent(model_settings=settings), demo.THINK)).new_items),
        demo.THOUGHT,
        "the reasoning",
    )
    result = Runner.run_streamed(agent(), demo.THINK)
    said = ""
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.reasoning_summary_text.delta":
            said += event.data.delta
    once(said, demo.THOUGHT, "the deltas")
    once(reasoning_of(result.new_items), demo.THOUGHT, "the reasoning of the stream")


@cases.case("refusal")
async def refusal() -> None:
    try:
        result = await Runner.run(agent(), demo.REFUSE)
    except Exception as error:  # noqa: BLE001 - newer versions raise a refusal
        holds(str(error), demo.REFUSAL, "the error")
    else:
        equal(result.raw_responses[0].output[0].content[0].refusal, demo.REFUSAL, "the refusal")


@cases.case("parallel calls")
@cases.case("tool results")
async def tools() -> None:
    for run in (Runner.run, streamed):
        asked.clear()
        result = await run(agent(tools=[get_weather]), demo.CALL)
        equal(sorted(asked), sorted(demo.CITIES), "the calls")
        for city in demo.CITIES:
            holds(result.final_output, weather(city), "the answer")


async def streamed(who: Agent[Any], prompt: str) -> Any:
    result = Runner.run_streamed(who, prompt)
    async for _ in result.stream_events():
        pass
    return result


@cases.case("conversation")
async def conversation() -> None:
    first = await Runner.run(agent(), demo.NAMED)
    second = await Runner.run(agent(), demo.NAME, previous_response_id=first.last_response_id)
    holds(second.final_output, "Alice", "the answer to a chained response")
    session = SQLiteSession("test")
    await Runner.run(agent(), demo.NAMED, session=session)
    holds((await Runner.run(agent(), demo.NAME, session=session)).final_output, "Alice", "the answer in a session")


@cases.case("failure")
async def failure() -> None:
    try:
        await Runner.run(agent(), demo.FAIL)
    except openai.RateLimitError as error:
        holds(str(error), demo.FAILURE, "the message")
    else:
        raise AssertionError("nothing was raised")
    try:
        await streamed(agent(), demo.FAIL)
    except ModelBehaviorError as error:
        holds(str(error), demo.FAILURE, "the message of the stream")
    else:
        raise AssertionError("nothing was raised by the stream")


@cases.case("WebSocket")
async def websocket() -> None:
    set_default_openai_responses_transport("websocket")
    try:
        who = agent(tools=[get_weather])
        for city in demo.CITIES:
            holds((await Runner.run(who, demo.CALL)).final_output, weather(city), "the answer")
            holds((await streamed(who, demo.CALL)).final_output, weather(city), "the answer of a stream")
    finally:
        set_default_openai_responses_transport("http")


@cases.case("structured output")
async def structured_output() -> None:
    result = await Runner.run(agent(output_type=Person), demo.PERSON)
    if not isinstance(result.final_output, Person):
        raise AssertionError(f"got {result.final_output!r}")


cases.run()
