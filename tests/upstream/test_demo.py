"""What the demo says to what: every direction, tools, structured output, reasoning, memory, usage, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import penstock
from penstock.spec.content import OutputTextContent, ReasoningTextContent, SummaryTextContent, UrlCitation
from penstock.spec.items import FunctionCallItem, MessageItem, ReasoningItem
from penstock.spec.response import Response
from penstock.stream.output import Arguments, Failure, FunctionCall, Stop, Usage
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.demo import perform
from penstock.upstream.demo.directions import DIRECTIONS, MAX_CITATIONS, MAX_PAUSE, MAX_WORDS, read_directions
from penstock.upstream.demo.sealed import seal, unseal
from penstock.upstream.demo.stage import BATCH
from penstock.upstream.demo.tokens import count_tokens, tokens
from penstock.upstream.relay import say
from penstock.wire.requests import parse_create

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}
TIME = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def answer(body: object, **more: object) -> Response:
    """Return the response to a prompt or to an input; the stream of it is without a finding, with its request."""
    given = body if isinstance(body, dict) else {"input": body}
    request = parse_create(cast("dict[str, object]", {"model": "demo", **given, **more}))
    frames: list[bytes] = []
    emitter = penstock.SSEEmitter(frames.append)
    stream = penstock.ResponseStream(emitter, model="demo", request=request)
    stream.start()
    for step in perform(request).steps:
        assert 0 < len(step.outputs) <= BATCH
        say(step.outputs, stream)
    if not stream.state.is_terminal:
        stream.finish()
    emitter.done()
    findings = penstock.lint(frames, request=request)
    assert not [finding for finding in findings if finding.level is not penstock.Level.INFO]
    return stream.response


def text(body: object, **more: object) -> str:
    return answer(body, **more).output_text


def calls(body: object, **more: object) -> list[tuple[str, object]]:
    return [(call.name, json.loads(call.arguments)) for call in answer(body, **more).function_calls]


def user(words: str) -> dict[str, object]:
    return {"role": "user", "content": words}


def assistant(words: str) -> dict[str, object]:
    return {"role": "assistant", "content": words}


# ----------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("expected", "prompt"),
    [
        ("first", "Reply with exactly: first"),
        ("OK", "Remember the code word: cobalt. Reply with OK."),
        ("recovered", "The chain could not continue. Start a new response and reply with exactly: recovered"),
        ("two words", 'Say "two words" and stop'),
        ("a: b\nc", "Repeat: a: b\nc"),
        ("it's", "say exactly: “it's”"),
        ("1, 2, 3, 4, 5.", "Count from 1 to 5."),
        ("3, 2, 1.", "count from 3 to 1"),
        ("1, 2.", "please count up to 2"),
        ("Hello! This is", "Say hello in exactly 3 words."),
        ("Hello!", "hi, in one word"),
        ("I said: You", "in 3 words, what did you say?"),
        ("The water comes down", "write four words"),
        ("You said: What is the matter?\n\nI am a demo without a model, and leave it at that.", "What is the matter?"),
    ],
)  # fmt: skip
def test_the_text_is(expected: str, prompt: str) -> None:
    history = [user("Hi"), assistant("You said it.")] if "did you say" in prompt else []
    assert text([*history, user(prompt)]) == expected


def test_a_greeting_says_what_to_try() -> None:
    assert text("Hello") == text("say hello") == text("") == text({}) == text("Hey there!")
    assert text("Hello").startswith("Hello! This is the demo of Penstock.")


def test_a_short_answer_is_stretched_to_the_words_that_are_asked_for() -> None:
    assert len(text([user("My name is Al."), user("What is my name? In 9 words")]).split()) == 9


def test_a_long_text_has_its_words_and_paragraphs() -> None:
    said = text("write 1,250 words")
    assert (len(said.split()), said.count("\n\n")) == (1250, 12)


def test_a_very_long_text_is_said_bit_by_bit() -> None:
    request = parse_create('{"model": "demo", "input": "write 999,999,999 words"}')
    steps = perform(request).steps
    assert len(next(steps).outputs) == BATCH
    assert read_directions("write 999,999,999 words").words == MAX_WORDS


def test_citations_are_where_they_are_said_to_be() -> None:
    (message,) = answer("Cite 2 sources").output
    assert isinstance(message, MessageItem)
    (part,) = message.content
    assert isinstance(part, OutputTextContent)
    cited = [part.text[note.start_index : note.end_index] for note in part.annotations if isinstance(note, UrlCitation)]
    assert cited == ["Source 1 says so.", "Source 2 says so."]
    assert read_directions("cite a source").citations == 1
    assert read_directions("cite 999 sources").citations == MAX_CITATIONS


def test_a_commentary_comes_before_the_final_answer() -> None:
    first, second = answer("comment first, then say exactly: Done").output
    assert isinstance(first, MessageItem)
    assert isinstance(second, MessageItem)
    assert [(first.phase, first.text), (second.phase, second.text)] == [("commentary", "Let me see."), ("final_answer", "Done")]  # fmt: skip


def test_a_refusal_is_a_refusal() -> None:
    assert (answer("Please refuse.").refusal, text("Please refuse.")) == ("I'm sorry, but I can't help with that.", "")


def test_log_probabilities_are_there_where_they_are_asked_for() -> None:
    (message,) = answer("say exactly: a b", top_logprobs=2).output
    assert isinstance(message, MessageItem)
    (part,) = message.content
    assert isinstance(part, OutputTextContent)
    assert isinstance(part.logprobs, list)
    assert [(entry.token, [top.token for top in entry.top_logprobs]) for entry in part.logprobs] == [
        ("a", ["a", "a1"]),
        (" b", [" b", " b1"]),
    ]
    (message,) = answer("say exactly: a", include=["message.output_text.logprobs"]).output
    assert isinstance(message, MessageItem)
    (part,) = message.content
    assert isinstance(part, OutputTextContent)
    assert isinstance(part.logprobs, list)
    assert part.logprobs[0].top_logprobs == []


# --------------------------------------------------------------------------------------------------------------- memory

ALICE = [user("My name is Alice."), assistant("Hello Alice!")]


@pytest.mark.parametrize(
    ("expected", "talk"),
    [
        ("Your name is Alice.", [*ALICE, user("What is my name?")]),
        ("Alice", [*ALICE, user("What's my name? Only the name.")]),
        ("You have not told me your age.", [*ALICE, user("What is my age?")]),
        ("cobalt", [user("Remember the code word: cobalt."), assistant("OK"), user("What is the code word? Reply with only the code word.")]),
        ("four", [assistant("I should answer."), assistant("The number is four."), user("Repeat only the number.")]),
        ("Your colour is blue.", [user("my colour is red"), user("my colour is blue"), user("what was my colour?")]),
        ("You said: My name is Alice.", [*ALICE, user("What did I say before?")]),
        ("You said: one", [user("one"), user("two"), user("What have I said first?")]),
        ("You said: two", [user("one"), user("two"), user("What did I just say?")]),
        ("This is the first thing you say.", [user("What did I say?")]),
        ("I said: Hello Alice!", [*ALICE, user("What did you say?")]),
        ("I have not said anything yet.", [user("What did you say?")]),
        ("No reasoning of mine came back.", [user("What did you think?")]),
        ("You said: What is the answer?\n\nI am a demo without a model, and leave it at that.", [user("What is the answer?")]),
    ],
)  # fmt: skip
def test_the_demo_remembers(expected: str, talk: list[object]) -> None:
    assert text(talk) == expected


# ---------------------------------------------------------------------------------------------------------------- calls


def test_the_fitting_tool_is_called_as_a_model_would() -> None:
    tools = [TIME, WEATHER]
    assert calls("What's the weather like in San Francisco?", tools=tools) == [("get_weather", {"location": "San Francisco"})]  # fmt: skip
    assert calls("What time is it?", tools=tools) == [("get_time", {})]
    assert calls("Does it rain in Rome? Tell me the current weather.", tools=tools) == [("get_weather", {"location": "Rome"})]  # fmt: skip
    assert calls('Weather in "New York, NY"', tools=tools) == [("get_weather", {"location": "New York, NY"})]
    assert calls("I'd like the weather", tools=tools) == [("get_weather", {"location": "location"})]
    assert calls("How are you?", tools=tools) == []
    assert calls("What is my name?", tools=tools) == []


def test_several_places_are_several_calls_where_that_is_allowed() -> None:
    three = "What's the weather in Paris, London and Rome?"
    places = [{"location": place} for place in ("Paris", "London", "Rome")]
    assert calls(three, tools=[WEATHER]) == [("get_weather", place) for place in places]
    assert calls(three, tools=[WEATHER], parallel_tool_calls=False) == [("get_weather", places[0])]
    assert calls(three, tools=[WEATHER], max_tool_calls=2) == [("get_weather", place) for place in places[:2]]


def test_calls_that_the_prompt_names_are_made() -> None:
    tools = [TIME, WEATHER]
    assert calls('call get_weather with {"location": "Oslo", "x": [1, "}"]}', tools=tools) == [
        ("get_weather", {"location": "Oslo", "x": [1, "}"]})
    ]
    assert calls("call `get_time` and get_weather", tools=tools) == [("get_time", {}), ("get_weather", {"location": "location"})]  # fmt: skip
    assert calls('Call get_time with {} twice, get_weather: {"location": "A"}, and get_time.', tools=tools) == [
        ("get_time", {}),
        ("get_time", {}),
        ("get_weather", {"location": "A"}),
        ("get_time", {}),
    ]
    assert calls("please call all tools", tools=tools) == [("get_time", {}), ("get_weather", {"location": "location"})]
    assert calls("call get_time 3 times", tools=tools) == [("get_time", {})] * 3
    assert len(calls("call get_time 999 times", tools=tools)) == 100
    assert calls("call get_time with {broken", tools=tools) == [("get_time", {})]
    assert calls("use snake_case and call the police", tools=tools) == []


def test_what_may_not_be_called_is_not_and_it_says_so() -> None:
    tools = [TIME, WEATHER]
    allowed = {"type": "allowed_tools", "tools": [{"type": "function", "name": "get_time"}]}
    assert text("call get_rich", tools=tools) == "I cannot call get_rich: the request does not offer it."
    # What is not there is not called by another name, least of all where a tool runs what it is told.
    assert (
        text('call weather with {"city": "Rome"}', tools=tools)
        == "I cannot call weather: the request does not offer it."
    )
    assert text("call get_time", tools=tools, tool_choice="none") == "I cannot call get_time: tool_choice is none."
    assert text("call get_weather", tools=tools, tool_choice=allowed) == "I cannot call get_weather: tool_choice does not allow it."  # fmt: skip
    assert calls("call get_weather and get_time", tools=tools, tool_choice=allowed) == [("get_time", {})]
    assert calls("call get_time twice", tools=tools, parallel_tool_calls=False) == [("get_time", {})]
    assert calls("What's the weather in Rome?", tools=tools, tool_choice=allowed) == []
    assert calls("What's the weather in Rome?", tools=tools, tool_choice="none") == []


def test_what_must_be_called_is_called() -> None:
    tools = [TIME, WEATHER]
    named = {"type": "function", "name": "get_weather"}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_time"}]}
    for prompt in ("Hello", "say exactly: Hi", "call get_rich", "cite a source", "refuse"):
        assert len(calls(prompt, tools=tools, tool_choice="required")) == 1
        assert [name for name, _ in calls(prompt, tools=tools, tool_choice=named)] == ["get_weather"]
        assert calls(prompt, tools=tools, tool_choice=allowed) == [("get_time", {})]
    done = [user("x"), {"type": "function_call_output", "call_id": "c", "output": "1"}]
    assert len(calls(done, tools=tools, tool_choice="required")) == 1


def test_parallel_calls_may_come_in_turns() -> None:
    prompt = 'call get_weather with {"location": "a b c"} and get_weather with {"location": "d"}, interleaved'
    request = parse_create(cast("dict[str, object]", {"input": prompt, "tools": [WEATHER]}))
    outputs = [output for step in perform(request).steps for output in step.outputs]
    assert [type(output) for output in outputs[:2]] == [FunctionCall, FunctionCall]
    pieces = [output.call for output in outputs if isinstance(output, Arguments)]
    assert pieces[:4] == ["call 0", "call 1"] * 2
    assert calls(prompt, tools=[WEATHER]) == [
        ("get_weather", {"location": "a b c"}),
        ("get_weather", {"location": "d"}),
    ]


@pytest.mark.parametrize(
    "parameters",
    [None, {}, {"type": "object"}, {"properties": {"q": {"type": "string"}}}, {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, {"properties": [], "type": "object", "required": []}, {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "required": ["b"]}}}, {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]}],
)  # fmt: skip
def test_arguments_fit_the_tool(parameters: dict[str, Any] | None) -> None:
    tool = {"type": "function", "name": "ring_bell", "parameters": parameters, "strict": True}
    ((_, arguments),) = calls("Ring Bob 5 times", tools=[tool])
    if parameters is not None and parameters.get("properties") != []:
        Draft202012Validator(parameters).validate(cast("Any", arguments))


def test_a_text_that_is_not_required_is_given_too() -> None:
    tool = {"type": "function", "name": "search", "parameters": {"properties": {"q": {"type": "string"}}}}
    assert calls("search for Ada Lovelace", tools=[tool]) == [("search", {"q": "Ada Lovelace"})]


def test_results_are_answered_in_text() -> None:
    talk = [
        user("What's the weather in Rome?"),
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "Sunny"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x" * 300}]},
    ]
    assert text(talk, tools=[WEATHER]) == f"get_weather says: Sunny\nA call I know nothing of says: {'x' * 200}…"
    talk += [assistant("It is sunny."), user("call get_weather")]
    assert [name for name, _ in calls(talk, tools=[WEATHER])] == ["get_weather"]


# ----------------------------------------------------------------------------------------------------------------- form


def test_structured_output_fits_its_schema() -> None:
    form = {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}
    assert json.loads(text("What is the matter?", text=form)) == {"city": "city"}
    assert json.loads(text("x", text={"format": {"type": "json_schema", "name": "a"}})) == "text"
    assert json.loads(text("say exactly: Hi", text={"format": {"type": "json_object"}})) == {"answer": "Hi"}
    assert text("say exactly: Hi", text={"format": {"type": "text"}, "verbosity": "low"}) == "Hi"
    assert answer("refuse", text=form).refusal
    assert calls("call get_weather", text=form, tools=[WEATHER]) != []


@pytest.mark.parametrize(
    ("param", "more"),
    [
        ("previous_response_id", {"previous_response_id": "resp_1"}),
        ("background", {"background": True}),
        ("tool_choice", {"tool_choice": "required"}),
        ("tool_choice", {"tools": [{"type": "acme:search"}], "tool_choice": "required"}),
        ("tool_choice.name", {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "other"}}),
        ("tool_choice.type", {"tools": [WEATHER], "tool_choice": {"type": "acme:search"}}),
        ("text.format.type", {"text": {"format": {"type": "acme:yaml"}}}),
        ("text.format.schema", {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "odd"}}}}),
        ("tools[1].parameters", {"input": "call odd", "tools": [TIME, {"type": "function", "name": "odd", "parameters": {"not": {}}}]}),
        ("input[0].type", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        ("input[0].type", {"input": [{"type": "compaction", "encrypted_content": "x"}]}),
    ],
)  # fmt: skip
def test_what_the_demo_cannot_do_is_refused_by_name(param: str, more: dict[str, object]) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        answer({"input": "Hi", **more})
    assert caught.value.param == param


def test_what_has_no_part_in_the_answer_is_a_loss() -> None:
    request = parse_create(
        '{"input": [{"type": "acme:note", "id": "1"}], "tools": [{"type": "acme:search"}, {"type": "web_search"}]}'
    )
    assert [loss.param for loss in perform(request).losses] == ["input[0]", "tools[0]", "tools[1]"]


def test_images_files_and_videos_are_acknowledged() -> None:
    parts = [
        {"type": "input_text", "text": "What do you see?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0K"},
        {"type": "input_image", "image_url": None},
        {"type": "input_image", "image_url": "data:,abc"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "AAAA"},
        {"type": "input_file", "file_url": "https://example.com/" + "a" * 60},
        {"type": "input_video", "video_url": "https://example.com/v"},
        {"type": "acme:sketch"},
    ]
    assert text([{"role": "user", "content": parts}]) == (
        "I see an image (image/png, 8 characters of data). I see an image (nothing in it). "
        "I see an image (data, 3 characters of data). I see a file (a.pdf). "
        "I see a file (80 characters of data). I see a video (https://example.com/v). "
        "I see something the demo does not know. I have no eyes to look closer."
    )
    shown = {
        "type": "function_call_output",
        "call_id": "c",
        "output": [{"type": "input_image", "image_url": "http://x/1"}],
    }
    said = [
        {"role": "system", "content": "x"},
        user("look"),
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]},
        user("what did you say?"),
    ]
    assert text(said) == "I said: No"
    assert text([user("look"), shown]).endswith(" says: \nI see an image (http://x/1).")


# ------------------------------------------------------------------------------------------------------------ reasoning


def reasoning(body: object, **more: object) -> ReasoningItem | None:
    first = answer(body, **more).output[0]
    return first if isinstance(first, ReasoningItem) else None


def raw(item: ReasoningItem | None) -> str:
    parts = item.content if item is not None and isinstance(item.content, list) else []
    return "".join(part.text for part in parts if isinstance(part, ReasoningTextContent))


def summaries(item: ReasoningItem | None) -> list[str]:
    return [part.text for part in item.summary if isinstance(part, SummaryTextContent)] if item is not None else []


def test_reasoning_is_as_the_request_asks() -> None:
    assert reasoning("Hi") is None
    assert reasoning("Hi", reasoning={"effort": "none", "summary": "auto"}) is None
    low, high = (reasoning("Hi", reasoning={"effort": effort}) for effort in ("low", "xhigh"))
    assert raw(low) == 'The user says: "Hi". I shall answer in words.'
    assert len(raw(high)) > len(raw(low))
    assert summaries(low) == []
    for mode, parts in (("auto", 1), ("concise", 1), ("detailed", 2)):
        item = reasoning("Hi", reasoning={"effort": "low", "summary": mode})
        assert (len(summaries(item)), raw(item)) == (parts, "")
    assert summaries(reasoning("Hi", reasoning={"summary": "auto"})) != []


def test_the_prompt_may_ask_for_reasoning() -> None:
    assert raw(reasoning("think, then refuse")) == 'The user says: "think, then refuse". I shall refuse.'
    item = reasoning("think aloud and call get_time", tools=[TIME], reasoning={"summary": "auto", "effort": "low"})
    assert "I shall call get_time." in raw(item)
    assert summaries(item) != []


def test_sealed_reasoning_is_known_again() -> None:
    item = reasoning("Hi", include=["reasoning.encrypted_content"])
    assert item is not None
    assert (raw(item), item.summary) == ("", [])
    assert isinstance(item.encrypted_content, str)
    assert unseal(item.encrypted_content) == 'The user says: "Hi". I shall answer in words.'
    back = {"type": "reasoning", "summary": [], "encrypted_content": item.encrypted_content}
    strange = {
        "type": "reasoning",
        "summary": [],
        "encrypted_content": "gAAAA",
        "content": [{"type": "reasoning_text", "text": "a b"}, {"type": "acme:thought"}],
    }
    talk = [user("Hi"), back, assistant("Hello"), user("What did you think?")]
    assert text(talk) == 'This came back to me: The user says: "Hi". I shall answer in words.'
    assert (
        text([user("Hi"), strange, {"type": "reasoning", "summary": []}, user("What did you think?")])
        == "Reasoning came back that I cannot open, 1 times."
    )
    thought = raw(reasoning([user("Hi"), back, strange, user("Again")], reasoning={"effort": "low"}))
    assert "I thought before: The user says" in thought
    assert "Reasoning came back that I cannot open." in thought


@pytest.mark.parametrize(
    "changed",
    [
        lambda sealed: sealed[:-4] + "####",  # no base64
        lambda sealed: sealed[:-1],  # cut
        lambda sealed: sealed.replace(".", ".f", 1),  # another checksum
        lambda sealed: sealed.replace("demo", "omed"),
        lambda sealed: "",
    ],
)
def test_what_is_sealed_is_not_opened_once_it_was_changed(changed: Callable[[str], str]) -> None:
    sealed = seal("I shall answer in words.")
    assert unseal(sealed) == "I shall answer in words."
    assert unseal(changed(sealed)) is None


@given(st.text(max_size=40))
def test_what_is_sealed_can_be_opened_and_nothing_else(words: str) -> None:
    sealed = seal(words)
    assert unseal(sealed) == words.encode("utf-8", "replace").decode()
    assert unseal(sealed[:-4] + "####") is None
    assert unseal(sealed.replace(".", ".f", 1)) is None
    assert unseal(words) is None


# ------------------------------------------------------------------------------------------------- the end, and the pace


def test_the_answer_is_cut_where_the_limit_is() -> None:
    response = answer("write 100 words", max_output_tokens=16)
    assert (response.status, len(response.output_text.split())) == ("incomplete", 16)
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None
    assert response.usage.output_tokens == 16
    assert answer("write 16 words", max_output_tokens=16).status == "completed"
    for body in (
        {"input": "call get_weather with {\"location\": \"" + "word " * 40 + "\"}", "tools": [WEATHER]},
        {"input": "x " * 60, "reasoning": {"effort": "low"}},
        {"input": "x " * 60, "reasoning": {"effort": "low", "summary": "auto"}},
        {"input": "x", "text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "string", "minLength": 400}}}},
    ):  # fmt: skip
        assert answer(body, max_output_tokens=16).status == "incomplete"


def test_the_content_filter_ends_the_answer() -> None:
    for prompt in (
        "trip the content filter",
        "Trip the content filter. Call get_time",
        "trip the content filter and refuse",
    ):
        response = answer(prompt, tools=[TIME])
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "content_filter"


def failed(prompt: str, **more: object) -> Response:
    response = answer(prompt, **more)
    assert response.status == "failed"
    assert response.error is not None
    assert response.error.code == "demo_failure"
    return response


def test_it_fails_where_it_is_told_to() -> None:
    assert failed("fail").output == []
    assert failed("count to 9 and fail after 3 tokens").output_text == "1, 2, 3"
    assert failed("count to 2, then fail after 99 tokens").output_text == "1, 2."
    assert failed("count to 9. Fail while writing").output_text == "1"
    thinking = failed("fail while thinking", reasoning={"effort": "low"}).output
    assert [raw(item) for item in thinking if isinstance(item, ReasoningItem)] == ["The"]
    calling = failed('call get_weather with {"location": "a b"}; fail while calling', tools=[WEATHER]).output
    assert [item.arguments for item in calling if isinstance(item, FunctionCallItem)] == ['{"location":']
    assert failed("please fail while calling").output_text != ""
    assert answer("Why does my build fail?").status == "completed"


def test_it_fails_as_it_is_told_to() -> None:
    request = parse_create('{"input": "Fail with too_many_requests after two words"}')
    *_, last = (output for step in perform(request).steps for output in step.outputs)
    assert isinstance(last, Failure)
    assert last.error.type == "too_many_requests"


@pytest.mark.parametrize(
    ("pause", "wait", "prompt"),
    [
        (0.1, 0, "count to 3 slowly"),
        (0.25, 0, "count to 3 every 250 ms"),
        (2, 0, "count to 3, every 2 seconds"),
        (0, 90, "Wait 1.5 minutes, then say hi"),
        (0, MAX_PAUSE, "wait for 9999 s"),
        (0, 0, "I cannot wait 5 seconds"),
        (0, 0, "count to 3"),
    ],
)
def test_the_pace_is_as_the_prompt_asks(pause: float, wait: float, prompt: str) -> None:
    directions = read_directions(prompt)
    assert (directions.pause, directions.wait) == (pause, wait)
    request = parse_create(
        cast("dict[str, object]", {"input": prompt, "reasoning": {"effort": "low", "summary": "auto"}})
    )
    steps = [*perform(request).steps]
    said = sum(output.output_tokens for step in steps for output in step.outputs if isinstance(output, Usage))
    assert sum(step.delay for step in steps) == pytest.approx(wait + pause * said)


def test_usage_follows_the_rule() -> None:
    response = answer(
        [user("one two"), assistant("three"), user("say exactly: x")],
        instructions="four five six",
        tools=[TIME],
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "a", "schema": {}}},
    )
    usage = response.usage
    assert usage is not None
    tool = count_tokens('["get_time","",{"type":"object","properties":{}}]')
    assert usage.input_tokens == 2 + 1 + 3 + 3 + tool
    thought = count_tokens(raw(cast("ReasoningItem", response.output[0])))
    assert usage.output_tokens_details.reasoning_tokens == thought
    assert usage.output_tokens == thought + 1
    schema = answer("x", text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}).usage
    assert schema is not None
    assert schema.input_tokens == 1 + count_tokens(json.dumps(SCHEMA, separators=(",", ":")))
    image = answer([{"role": "user", "content": [{"type": "input_image", "image_url": "http://x"}]}]).usage
    assert image is not None
    assert image.input_tokens == 100


@given(st.text(max_size=80))
def test_tokens_are_the_text(words: str) -> None:
    assert "".join(tokens(words)) == words
    assert count_tokens(words) == len([*tokens(words)])


# ------------------------------------------------------------------------------------------------------------- at large

phrases = st.sampled_from(
    ["say exactly: Hi", "count to 3", "write 70 words", "in 4 words", "cite 2 sources", "comment first", "think", "think aloud", "call get_weather", "call get_time twice", "call all tools", "interleaved", "refuse", "trip the content filter", "fail", "fail after 3 tokens", "fail while thinking", "slowly", "what did I say before?", "what is my name?", "what did you think?", "What's the weather in Paris and Rome?", "\x00\ud800", "äöü 中文 🙂", "call get_rich", 'call get_weather with {"location": "']
)  # fmt: skip
prompts = st.lists(phrases | st.text(max_size=12), max_size=4).map(", then ".join)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.lists(st.sampled_from([WEATHER, TIME]), max_size=2, unique_by=lambda tool: cast("str", tool["name"])),
        "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "function", "name": "get_time"}, {"type": "allowed_tools", "tools": [{"type": "function", "name": "get_time"}]}]),
        "parallel_tool_calls": st.booleans(),
        "max_tool_calls": st.integers(1, 3),
        "max_output_tokens": st.integers(16, 40),
        "top_logprobs": st.integers(0, 3),
        "reasoning": st.fixed_dictionaries({}, optional={"effort": st.sampled_from(["none", "low", "high"]), "summary": st.sampled_from(["auto", "concise", "detailed"])}),
        "include": st.lists(st.sampled_from(["reasoning.encrypted_content", "message.output_text.logprobs"]), unique=True),
        "text": st.sampled_from([{"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}, {"format": {"type": "json_object"}}]),
        "instructions": st.text(max_size=9),
    },
)  # fmt: skip


@given(st.lists(prompts, min_size=1, max_size=3), bodies)
@settings(max_examples=250)
def test_every_answer_is_a_stream_without_a_finding(talk: list[str], body: dict[str, object]) -> None:
    told = [user(prompt.replace("\ud800", "\ufffd")) for prompt in talk]
    offered = {tool["name"] for tool in cast("list[dict[str, object]]", body.get("tools", []))}
    choice = body.get("tool_choice", "auto")
    if choice not in ("auto", "none") and not (offered if choice == "required" else "get_time" in offered):
        with pytest.raises(UnsupportedParameter, match="tool_choice"):
            answer({"input": told, **body})
        return
    response = answer({"input": told, **body})
    form = cast("dict[str, dict[str, object]]", body.get("text", {})).get("format", {})
    if form and response.status == "completed" and response.output_text:
        value = json.loads(response.output_text)
        if form["type"] == "json_schema":
            Draft202012Validator(SCHEMA).validate(value)


@given(st.lists(prompts, min_size=1, max_size=2), bodies)
@settings(max_examples=50)
def test_the_same_request_gets_the_same_answer(talk: list[str], body: dict[str, object]) -> None:
    request = parse_create(
        cast("dict[str, object]", {"input": [user(prompt.replace("\ud800", "")) for prompt in talk], **body})
    )
    try:
        first = [*perform(request).steps]
    except UnsupportedParameter:
        return
    assert first == [*perform(request).steps]
    assert isinstance(first[-1].outputs[-1], Stop | Failure)


def test_a_text_of_megabytes_is_read_in_no_time() -> None:
    for long in (
        "\n" * 1_000_000,
        "say " * 1_000_000,
        'say "' * 500_000,
        "my a is b. " * 50_000,
        "call x_y and " * 50_000,
    ):
        perform(parse_create(cast("dict[str, object]", {"input": [user(long), user(long + " what is my a?")]})))


def test_every_direction_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "demo.md").read_text("utf-8")
    for said, meaning in DIRECTIONS:
        assert f"| `{said}` | {meaning} |" in page
