"""Results of calls follow them at once, whatever the request has between them, in all APIs that want it so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import JsonObject
from penstock.spec.request import CreateResponse
from penstock.upstream.base import Loss, UpstreamRequest
from penstock.upstream.registry import upstream_by_name
from penstock.upstream.results import results_at_once
from penstock.wire.requests import parse_create

APIS = ["chat-completions", "anthropic", "gemini"]
every = pytest.mark.parametrize("name", APIS)


def item(kind: str, name: str) -> JsonObject:
    match kind:
        case "call":
            return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}
        case "output":
            return {"type": "function_call_output", "call_id": name, "output": f"output {name}"}
        case "reasoning":
            return {"type": "reasoning", "summary": [{"type": "summary_text", "text": name}]}
        case _:
            return {"type": "message", "role": kind, "content": f"{kind} {name}"}


def asking(*told: str) -> CreateResponse:
    """A request of items as `"call a"`."""
    items = [item(*words.split()) for words in told]
    return parse_create({"model": "m", "input": items, "tools": [{"type": "function", "name": "f", "parameters": {}}]})


def order(*told: str) -> tuple[list[str], list[Loss]]:
    losses: list[Loss] = []
    items = asking(*told).input
    assert isinstance(items, list)
    moved = results_at_once(items, lambda param, reason: losses.append(Loss(param, reason)))
    assert all(items[number] is each for number, each in moved)
    return [told[number] for number, _ in moved], losses


# The order.


@pytest.mark.parametrize(
    ("told", "expected", "moved"),
    [
        ("call a, output a, user x", "call a, output a, user x", []),
        ("call a, user x, output a", "call a, output a, user x", [2]),
        ("call a, developer x, output a", "call a, output a, developer x", [2]),
        # Outputs of one turn that come apart from each other, and outputs of two turns that are mixed.
        (
            "call a, call b, output a, user x, output b",
            "call a, call b, output a, output b, user x",
            [4],
        ),
        (
            "call a, call b, output a, call c, output b, output c",
            "call a, call b, output a, output b, call c, output c",
            [4],
        ),
        ("call a, user x, call b, output b, output a", "call a, output a, user x, call b, output b", [4]),
        # They keep their own order, and wait for the end of the turn.
        ("call a, call b, output b, output a", "call a, call b, output b, output a", []),
        (
            "call a, assistant x, reasoning y, call b, output a",
            "call a, assistant x, reasoning y, call b, output a",
            [],
        ),
        # Of calls with equal ids the last before it is meant.
        (
            "call a, output a, user x, call a, user y, output a",
            "call a, output a, user x, call a, output a, user y",
            [5],
        ),
        # What has no call before it stays.
        ("output a, user x, call a", "output a, user x, call a", []),
        ("call a, user x", "call a, user x", []),
    ],
)
def test_outputs_move_to_the_turn_of_their_calls(told: str, expected: str, moved: list[int]) -> None:
    made, losses = order(*told.split(", "))
    assert made == expected.split(", ")
    assert [loss.param for loss in losses] == [f"input[{number}]" for number in moved]


# What providers are sent.


def pairs(name: str, made: UpstreamRequest) -> list[tuple[list[str], list[str]]]:
    """The calls of each message of the model, and the results that follow it at once; fails for any other result."""
    found: list[tuple[list[str], list[str]]] = []
    may_follow = False
    for message in made.body["contents" if name == "gemini" else "messages"]:
        calls, results, others = parts(name, message)
        if calls or (others and not results):
            found.append((calls, []))
            may_follow = bool(calls)
        if results:
            assert may_follow, "a result apart from its calls"
            assert set(results) <= set(found[-1][0])
            found[-1][1].extend(results)
            may_follow = name == "chat-completions"
    return found


def parts(name: str, message: JsonObject) -> tuple[list[str], list[str], int]:
    """The ids of the calls and of the results in a message, and how many parts are neither."""
    if name == "chat-completions":
        results = [message["tool_call_id"]] if message["role"] == "tool" else []
        return [call["id"] for call in message.get("tool_calls", [])], results, not results
    if name == "anthropic":
        blocks = message["content"]
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert [block["type"] for block in blocks[: len(results)]] == ["tool_result"] * len(results)
    else:
        calls = [part["functionCall"]["id"] for part in message["parts"] if "functionCall" in part]
        results = [part["functionResponse"]["id"] for part in message["parts"] if "functionResponse" in part]
        blocks = message["parts"]
    return calls, results, len(blocks) - len(calls) - len(results)


@every
@pytest.mark.parametrize("between", ["user x", "developer x", "user x, assistant y"])
def test_what_comes_between_a_call_and_its_output_follows_them(name: str, between: str) -> None:
    made = upstream_by_name(name).request(asking("call a", "call b", "output a", *between.split(", "), "output b"))
    assert pairs(name, made)[0] == (["a", "b"], ["a", "b"])
    assert f"input[{3 + len(between.split(', '))}]" in [loss.param for loss in made.losses]
    assert all(words in json.dumps(made.body) for words in (*between.split(", "), "output a", "output b"))


@st.composite
def conversations(draw: st.DrawFn) -> list[str]:
    """Items in any order, but that an output comes somewhere after its call, and once."""
    told: list[str] = []
    waiting: list[str] = []
    for number in range(draw(st.integers(0, 12))):
        kinds = ["user", "developer", "assistant", "reasoning", "call", "call", *["output"] * (3 * bool(waiting))]
        kind = draw(st.sampled_from(kinds))
        name = f"n{number:02}"
        if kind == "call":
            waiting.append(name)
        elif kind == "output":
            name = waiting.pop(draw(st.integers(0, len(waiting) - 1)))
        told.append(f"{kind} {name}")
    told += [f"output {name}" for name in draw(st.permutations(waiting))]
    return [*told, "user end"]


@every
@given(told=conversations())
def test_every_result_follows_its_calls_and_nothing_is_lost(name: str, told: list[str]) -> None:
    made = upstream_by_name(name).request(asking(*told))
    found = pairs(name, made)
    called = [call for calls, _ in found for call in calls]
    assert called == [words.split()[1] for words in told if words.startswith("call")]
    assert all(sorted(calls) == sorted(results) for calls, results in found)
    for _, results in found:
        places = [told.index(f"output {call}") for call in results]
        assert places == sorted(places)
    whole = json.dumps(made.body)
    for kind in ("user", "developer", "assistant"):
        places = [whole.find(words) for words in told if words.startswith(kind)]
        assert -1 not in places
        assert places == sorted(places)
    assert all(words in whole for words in told if words.startswith("output"))
