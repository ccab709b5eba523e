"""Pydantic AI: `pydantic-ai`, over the Responses API."""

from __future__ import annotations

from typing import Any

import demo
from cases import Cases, equal, holds, once, weather
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPartDelta, ThinkingPart, ThinkingPartDelta
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings

cases = Cases("pydantic-ai-slim", "openai")
asked: list[str] = []


class Person(BaseModel):
    name: str
    age: int


def agent(**more: Any) -> Agent[None, Any]:
    return Agent(OpenAIResponsesModel("demo"), **more)


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    asked.append(city)
    return weather(city)


def thoughts(messages: list[Any]) -> str:
    return "".join(part.content for message in messages for part in message.parts if isinstance(part, ThinkingPart))


async def streamed(who: Agent[None, Any], prompt: str) -> tuple[Any, str, str]:
    """Return the result, and what was told of text and thoughts while it was made."""
    text = thought = ""
    async with who.iter(prompt) as run:
        async for node in run:
            if not Agent.is_model_request_node(node):
                continue
            async with node.stream(run.ctx) as stream:
                async for event in stream:
                    match event:
                        case PartStartEvent():
                            content = getattr(event.part, "content", "")
                            thought, text = (
                                (thought + content, text)
                                if isinstance(event.part, ThinkingPart)
                                else (thought, text + content)
                            )
                        case PartDeltaEvent(delta=TextPartDelta() as delta):
                            text += delta.content_delta
                        case PartDeltaEvent(delta=ThinkingPartDelta() as delta):
                            thought += delta.content_delta or ""
                        case _:
                            pass
    return run.result, text, thought


@cases.case("text")
async def text() -> None:
    equal((await agent().run(demo.SAY)).output, demo.SAID, "the answer")


@cases.case("streaming")
async def streaming() -> None:
    result, said, _ = await streamed(agent(), demo.SAY)
    equal((result.output, said), (demo.SAID, demo.SAID), "the answer and what was streamed")


@cases.case("reasoning")
async def reasoning() -> None:
    settings = OpenAIResponsesModelSettings(openai_reasoning_effort="low", openai_reasoning_summary="auto")
    once(thoughts((await agent(model_settings=settings).run(demo.THINK)).all_messages()), demo.THOUGHT, "the thoughts")
    result, _, thought = await streamed(agent(), demo.THINK)
    once(thought, demo.THOUGHT, "the thoughts while streaming")
    once(thoughts(result.all_messages()), demo.THOUGHT, "the thoughts after streaming")


@cases.case("refusal")
async def refusal() -> None:
    try:
        result = await agent().run(demo.REFUSE)
    except Exception as error:  # noqa: BLE001 - it takes a refusal for an error
        holds(str(error), demo.REFUSAL, "the error")
    else:
        holds(result.output, demo.REFUSAL, "the answer")


@cases.case("parallel calls")
@cases.case("tool results")
async def tools() -> None:
    for is_streamed in (False, True):
        asked.clear()
        who = agent(tools=[get_weather])
        result = (await streamed(who, demo.CALL))[0] if is_streamed else await who.run(demo.CALL)
        equal(sorted(asked), sorted(demo.CITIES), "the calls")
        for city in demo.CITIES:
            holds(result.output, weather(city), "the answer")


@cases.case("conversation")
async def conversation() -> None:
    first = await agent().run(demo.NAMED)
    second = await agent().run(demo.NAME, message_history=first.all_messages())
    holds(second.output, "Alice", "the answer to the whole conversation")
    settings = OpenAIResponsesModelSettings(openai_previous_response_id="auto")
    chained = await agent(model_settings=settings).run(demo.NAME, message_history=first.all_messages())
    holds(chained.output, "Alice", "the answer to a chained response")


@cases.case("failure")
async def failure() -> None:
    for ask in (lambda: agent().run(demo.FAIL), lambda: streamed(agent(), demo.FAIL)):
        try:
            await ask()
        except Exception as error:  # noqa: BLE001 - it has one for HTTP, and another one for streams
            holds(str(error), demo.FAILURE, "the error")
        else:
            raise AssertionError("nothing was raised")


@cases.case("structured output")
async def structured_output() -> None:
    for output in (Person, NativeOutput(Person)):
        result = await agent(output_type=output).run(demo.PERSON)
        if not isinstance(result.output, Person):
            raise AssertionError(f"got {result.output!r}")


cases.run()
