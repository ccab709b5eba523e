"""The official SDK for Python: `openai`."""

from __future__ import annotations

import json
from typing import Any

import demo
import openai
from cases import Cases, equal, holds, once, weather
from pydantic import BaseModel

cases = Cases("openai")
client = openai.OpenAI(max_retries=0)
TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": False,
    }
]


class Person(BaseModel):
    name: str
    age: int


def ask(prompt: Any, **more: Any) -> Any:
    return client.responses.create(model="demo", input=prompt, **more)


def deltas(events: list[Any], kind: str) -> str:
    return "".join(event.delta for event in events if event.type == kind)


@cases.case("text")
def text() -> None:
    response = ask(demo.SAY)
    equal((response.status, response.output_text), ("completed", demo.SAID), "the answer")
    equal(client.models.list().data[0].id, "demo", "the first model")


@cases.case("streaming")
def streaming() -> None:
    events = list(ask(demo.SAY, stream=True))
    equal(deltas(events, "response.output_text.delta"), demo.SAID, "the deltas")
    equal([event.sequence_number for event in events], list(range(len(events))), "the numbers")
    equal(events[-1].response.output_text, demo.SAID, "the final answer")


@cases.case("streaming, async")
async def async_streaming() -> None:
    async with openai.AsyncOpenAI(max_retries=0) as asynchronous:
        stream = await asynchronous.responses.create(model="demo", input=demo.SAY, stream=True)
        equal(deltas([event async for event in stream], "response.output_text.delta"), demo.SAID, "the deltas")


@cases.case("responses.stream")
def stream_helper() -> None:
    with client.responses.stream(model="demo", input=demo.THINK, tools=TOOLS) as stream:
        events = list(stream)
        final = stream.get_final_response()
    equal(deltas(events, "response.output_text.delta"), demo.SAID, "the deltas")
    once(deltas(events, "response.reasoning_summary_text.delta"), demo.THOUGHT, "the summary's deltas")
    equal(final.output_text, demo.SAID, "the final answer")


@cases.case("reasoning")
def reasoning() -> None:
    for more in ({}, {"reasoning": {"effort": "low", "summary": "auto"}}):
        item = ask(demo.THINK, **more).output[0]
        equal(item.type, "reasoning", "the first item")
        once("".join(part.text for part in item.summary), demo.THOUGHT, "the summary")


@cases.case("encrypted reasoning")
def encrypted_reasoning() -> None:
    asked = {"include": ["reasoning.encrypted_content"], "store": False}
    first = ask(demo.THINK, **asked)
    if not first.output[0].encrypted_content:
        raise AssertionError(f"the reasoning is not encrypted: {first.output[0]}")
    again = [{"role": "user", "content": demo.THINK}, *first.output, {"role": "user", "content": demo.SAY}]
    equal(ask(again, **asked).output_text, demo.SAID, "the second answer")


@cases.case("refusal")
def refusal() -> None:
    equal(ask(demo.REFUSE).output[0].content[0].refusal, demo.REFUSAL, "the refusal")
    with client.responses.stream(model="demo", input=demo.REFUSE) as stream:
        equal(deltas(list(stream), "response.refusal.delta"), demo.REFUSAL, "the deltas")


@cases.case("parallel calls")
def calls() -> None:
    with client.responses.stream(model="demo", input=demo.CALL, tools=TOOLS) as stream:
        events = list(stream)
        final = stream.get_final_response()
    cities = [json.loads(item.arguments)["city"] for item in final.output if item.type == "function_call"]
    equal(cities, demo.CITIES, "the calls")
    done = [event.arguments for event in events if event.type == "response.function_call_arguments.done"]
    equal([json.loads(arguments)["city"] for arguments in done], demo.CITIES, "the arguments of the events")


def results(response: Any) -> list[Any]:
    return [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": weather(json.loads(item.arguments)["city"]),
        }
        for item in response.output
        if item.type == "function_call"
    ]


@cases.case("tool results")
def tool_results() -> None:
    first = ask(demo.CALL, tools=TOOLS)
    chained = ask(results(first), tools=TOOLS, previous_response_id=first.id)
    whole = ask([{"role": "user", "content": demo.CALL}, *first.output, *results(first)], tools=TOOLS, store=False)
    for city in demo.CITIES:
        holds(chained.output_text, weather(city), "the answer to a chained response")
        holds(whole.output_text, weather(city), "the answer to a whole conversation")


@cases.case("conversation")
def conversation() -> None:
    first = ask(demo.NAMED)
    holds(ask(demo.NAME, previous_response_id=first.id).output_text, "Alice", "the answer")
    equal(client.responses.retrieve(first.id).output_text, first.output_text, "the stored response")
    equal(client.responses.input_items.list(first.id).data[0].content[0].text, demo.NAMED, "the stored input")
    client.responses.delete(first.id)
    try:
        client.responses.retrieve(first.id)
    except openai.NotFoundError as error:
        equal(error.code, "response_not_found", "the code")
    else:
        raise AssertionError("a deleted response is still there")


@cases.case("compaction")
def compaction() -> None:
    first = ask(demo.NAMED)
    compacted = client.responses.compact(model="demo", previous_response_id=first.id)
    again = [
        *(item.model_dump(exclude_unset=True) for item in compacted.output),
        {"role": "user", "content": demo.NAME},
    ]
    holds(ask(again).output_text, "Alice", "the answer")


@cases.case("failure")
def failure() -> None:
    try:
        ask(demo.FAIL)
    except openai.APIStatusError as error:
        equal((error.status_code, error.code), (429, "demo_failure"), "the error")
        holds(error.message, demo.FAILURE, "the message")
    else:
        raise AssertionError("nothing was raised")
    with client.responses.stream(model="demo", input=demo.FAIL) as stream:
        last = list(stream)[-1]
    equal(last.type, "response.failed", "the last event")
    equal((last.response.error.code, last.response.error.message), ("demo_failure", demo.FAILURE), "the error")


@cases.case("wrong requests")
def wrong_requests() -> None:
    try:
        ask("Hello", previous_response_id="resp_nobody")
    except openai.BadRequestError as error:
        equal((error.code, error.param), ("previous_response_not_found", "previous_response_id"), "the error")
    else:
        raise AssertionError("nothing was raised")
    try:
        ask("Hello", temperature="hot")
    except openai.BadRequestError as error:
        equal(error.param, "temperature", "the error's param")
    else:
        raise AssertionError("nothing was raised")
    try:
        openai.OpenAI(api_key="wrong", max_retries=0).models.list()
    except openai.AuthenticationError as error:
        equal(error.type, "authentication_error", "the error's type")
    else:
        raise AssertionError("a wrong key was taken")


@cases.case("incomplete")
def incomplete() -> None:
    response = ask("Write 50 words.", max_output_tokens=16)
    equal((response.status, response.incomplete_details.reason), ("incomplete", "max_output_tokens"), "the end")


@cases.case("structured output")
def structured_output() -> None:
    response = client.responses.parse(model="demo", input=demo.PERSON, text_format=Person)
    if not isinstance(response.output_parsed, Person):
        raise AssertionError(f"nothing was parsed: {response.output}")
    with client.responses.stream(model="demo", input=demo.PERSON, text_format=Person) as stream:
        list(stream)
        equal(stream.get_final_response().output_parsed, response.output_parsed, "what was parsed of the stream")


def turn(connection: Any, prompt: Any, **more: Any) -> list[Any]:
    connection.response.create(model="demo", input=prompt, **more)
    events = []
    while True:
        events.append(connection.recv())
        kind = events[-1].type
        if kind in ("response.completed", "response.failed", "response.incomplete", "error"):
            return events


@cases.case("WebSocket")
def websocket() -> None:
    with client.responses.connect() as connection:
        first = turn(connection, demo.CALL, tools=TOOLS, store=False)[-1].response
        events = turn(connection, results(first), tools=TOOLS, store=False, previous_response_id=first.id)
        holds(events[-1].response.output_text, weather("London"), "the answer")
        equal(deltas(events, "response.output_text.delta"), events[-1].response.output_text, "the deltas")
        wrong = turn(connection, "Hello", previous_response_id="resp_nobody")[-1]
        equal((wrong.type, wrong.error.code), ("error", "previous_response_not_found"), "the error")
        failed = turn(connection, demo.FAIL)[-1]
        equal((failed.type, failed.response.error.message), ("response.failed", demo.FAILURE), "the failure")
        equal(turn(connection, demo.SAY)[-1].response.output_text, demo.SAID, "the answer after the errors")


cases.run()
