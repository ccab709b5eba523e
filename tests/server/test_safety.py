"""Who is let in, what is sealed, who is answered how: keys, seals, dialects, padding."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock import FunctionCall, OutputTextDelta, Reasoning, ReasoningSummary, Refusal, ResponseCompleted, Text
from penstock.server.client import client_of
from penstock.server.errors import Refused, status_of
from penstock.server.keys import ANYONE, KeyFileError, Keys, is_loopback
from penstock.server.obfuscation import BLOCK, ObfuscatingEmitter
from penstock.server.sealing import MAX_OPENED, PREFIX, SealError, Seals
from penstock.spec.events import ResponseStreamEvent
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import Output
from penstock.transport import JSONLEmitter
from tests.stream.samples import RESPONSE

KEY, OTHER = "a" * 20, "b" * 20
SECRET = "s" * 32


# Keys.


def test_keys_are_known_by_name_hash_or_themselves() -> None:
    digest = hashlib.sha256(OTHER.encode()).hexdigest()
    keys = Keys.from_text(f"# ours\n\nada: {KEY}\n  bob: sha256:{digest}\n{'c' * 20}\nada: {'d' * 20}\n")
    assert keys
    assert [keys.owner(f"Bearer {key}") for key in (KEY, OTHER, "d" * 20)] == ["ada", "bob", "ada"]
    assert keys.owner(f"bearer  {'c' * 20} ").startswith("key-")
    assert Keys.from_text(f"sha256:{digest}").owner(f"Bearer {OTHER}").startswith("key-")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {OTHER}", KEY])
def test_nobody_else_is_let_in(header: str | None) -> None:
    with pytest.raises(Refused) as refused:
        Keys([("ada", KEY)]).owner(header)
    assert (refused.value.status, refused.value.headers) == (401, {"WWW-Authenticate": "Bearer"})
    assert KEY not in str(refused.value)


def test_without_keys_everybody_is_let_in() -> None:
    assert not Keys()
    assert Keys().owner(None) == Keys().owner("Basic x") == ANYONE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no key in it"),
        ("# nothing\n", "there is no key in it"),
        ("\nada: short", "line 2 (ada): shorter than 16"),
        (f"a b: {KEY}", "line 1: the name"),
        (f"ada:{KEY}", "line 1: expected 'name: key'"),
        (f"ada: {KEY}\nbob: {KEY}", "line 2 (bob): it is the key of ada already"),
    ],
)
def test_a_list_of_keys_that_is_wrong_is_refused_by_the_line_and_never_tells_a_key(text: str, words: str) -> None:
    with pytest.raises(KeyFileError) as error:
        Keys.from_text(text)
    assert words in str(error.value)
    assert KEY not in str(error.value)


def test_a_file_of_keys_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(KeyFileError, match="UTF-8"):
        Keys.from_file(path)
    path.write_text(f"ada: {KEY}\n", encoding="utf-8")
    assert Keys.from_file(path).owner(f"Bearer {KEY}") == "ada"


def test_the_keys_of_two_places_are_let_in_together() -> None:
    both = Keys([("ada", KEY)]) | Keys([("bob", OTHER), ("ada", KEY)])
    assert [both.owner(f"Bearer {key}") for key in (KEY, OTHER)] == ["ada", "bob"]
    with pytest.raises(KeyFileError, match="the key of ada already"):
        Keys([("ada", KEY)]) | Keys([("bob", KEY)])


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("a.example", False),
        (None, False),
    ],
)
def test_this_machine_is_told_from_others(host: str | None, *, is_ours: bool) -> None:
    assert is_loopback(host) == is_ours


# Seals.


@given(st.text(max_size=20) | st.lists(st.integers(-9, 9)))
def test_what_is_sealed_is_opened_by_the_same_secret_for_the_same_client(value: object) -> None:
    text = Seals(SECRET).seal("reasoning", "ada", value)
    assert Seals.is_sealed(text)
    assert Seals(SECRET).open("reasoning", "ada", text) == value


def test_two_seals_of_the_same_are_different() -> None:
    seals = Seals(SECRET)
    assert seals.seal("x", "ada", 1) != seals.seal("x", "ada", 1)


@pytest.mark.parametrize(
    ("secret", "purpose", "owner", "change"),
    [
        ("t" * 32, "x", "ada", lambda text: text),
        (None, "x", "ada", lambda text: text),
        (SECRET, "y", "ada", lambda text: text),
        (SECRET, "x", "bob", lambda text: text),
        (SECRET, "x", "ada", lambda text: text[:-4] + "AAA="),
        (SECRET, "x", "ada", lambda text: text[:-1]),
        (SECRET, "x", "ada", lambda text: text + text),
        (SECRET, "x", "ada", lambda text: PREFIX),
        (SECRET, "x", "ada", lambda text: PREFIX + "AAAA"),
        (SECRET, "x", "ada", lambda text: PREFIX + "é"),
        (SECRET, "x", "ada", lambda text: "theirs"),
    ],
)
def test_nothing_else_is_opened(secret: str | None, purpose: str, owner: str, change: Any) -> None:  # noqa: ANN401
    text = change(Seals(SECRET).seal("x", "ada", {"a": 1}))
    with pytest.raises(SealError):
        Seals(secret).open(purpose, owner, text)


def test_a_seal_that_holds_too_much_is_not_unpacked() -> None:
    text = Seals(SECRET).seal("x", "ada", "x" * (MAX_OPENED + 1))
    with pytest.raises(SealError, match="more than"):
        Seals(SECRET).open("x", "ada", text)


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Seals("short")


# Dialects.


@pytest.mark.parametrize(
    ("headers", "dialect"),
    [
        ({}, "openresponses"),
        ({"user-agent": "curl/8"}, "openresponses"),
        ({"user-agent": "OpenAI/Python 3.52.0"}, "openai"),
        ({"user-agent": "AsyncOpenAI/Python 3.52.0"}, "openai"),
        ({"user-agent": "my-app ai-sdk/openai/3"}, "openai"),
        ({"user-agent": "codex_cli_rs/0.1"}, "openai"),
        ({"x-stainless-lang": "js"}, "openai"),
        ({"x-stainless-lang": "js", "penstock-dialect": " OpenResponses "}, "openresponses"),
        ({"penstock-dialect": "openai"}, "openai"),
        ({"penstock-dialect": "auto", "user-agent": "curl/8"}, "openresponses"),
    ],
)
def test_clients_are_answered_in_what_they_understand(headers: dict[str, str], dialect: str) -> None:
    assert client_of(headers).manner(dialect="auto", reasoning="auto").name == dialect


def test_the_client_s_own_choice_goes_before_the_server_s() -> None:
    assert client_of({}).manner(dialect="openai", reasoning="auto").name == "openai"
    chosen = client_of({"penstock-dialect": "openresponses"})
    assert chosen.manner(dialect="openai", reasoning="auto").name == "openresponses"
    # Who leaves it to the server does so also where the server is set.
    assert (
        client_of({"x-stainless-lang": "js"}).manner(dialect="openresponses", reasoning="auto").name == "openresponses"
    )


@pytest.mark.parametrize("name", ["latin", "", "openai,openresponses"])
def test_a_dialect_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        client_of({"penstock-dialect": name})
    assert (refused.value.status, refused.value.payload.param) == (400, "penstock-dialect")


@pytest.mark.parametrize(
    ("dialect", "reasoning", "raw", "shown"),
    [
        ("openresponses", "auto", True, True),
        ("openai", "auto", False, True),
        ("openai", "raw", True, True),
        ("openresponses", "summary", False, True),
        ("openresponses", "off", False, False),
    ],
)
def test_reasoning_is_shown_as_it_is_set(dialect: Any, reasoning: Any, *, raw: bool, shown: bool) -> None:  # noqa: ANN401
    manner = client_of({}).manner(dialect=dialect, reasoning=reasoning)
    assert (manner.view.reasoning, manner.shows_reasoning) == (raw, shown)


def test_over_a_websocket_no_error_event_announces_a_failure() -> None:
    for websocket in (False, True):
        manner = client_of({}, websocket=websocket).manner(dialect="auto", reasoning="auto")
        assert manner.view.errors == (not websocket)


# Padding, errors.


@given(st.text(max_size=100))
def test_deltas_are_padded_to_the_length_of_others(text: str) -> None:
    emitter = ListStreamEmitter()
    padding = ObfuscatingEmitter(emitter)
    delta = OutputTextDelta(sequence_number=4, item_id="msg_1", output_index=0, content_index=0, delta=text)
    padding.emit(delta)
    padding.deltas(delta)(5, text)
    padding.emit(ResponseCompleted(sequence_number=6, response=RESPONSE))
    told: list[ResponseStreamEvent] = list(emitter.events)
    assert [event.sequence_number for event in told] == [4, 5, 6]
    for event in told[:2]:
        assert isinstance(event, OutputTextDelta)
        assert isinstance(event.obfuscation, str)
        assert event.obfuscation
        assert (len(event.delta.encode()) + len(event.obfuscation)) % BLOCK == 0


@pytest.mark.parametrize(
    "output",
    [Text("Hi"), Refusal("No."), Reasoning("Hm."), ReasoningSummary("Hm."), FunctionCall("f", "{}")],
    ids=lambda output: type(output).__name__,
)
def test_whatever_is_said_can_be_padded_as_far_as_the_specification_has_it(output: Output) -> None:
    lines: list[bytes] = []
    with penstock.ResponseStream(ObfuscatingEmitter(JSONLEmitter(lines.append)), model="m") as stream:
        stream.send(output)
    assert penstock.lint(b"".join(lines)) == []
    (delta,) = [event for event in map(json.loads, lines) if "delta" in event]
    assert ("obfuscation" in delta) == (not isinstance(output, Refusal))


def test_the_padding_can_be_chosen() -> None:
    emitter = ListStreamEmitter()
    delta = OutputTextDelta(sequence_number=0, item_id="msg_1", output_index=0, content_index=0, delta="Hi")
    ObfuscatingEmitter(emitter, lambda length: "x" * length).emit(delta)
    (padded,) = emitter.events
    assert isinstance(padded, OutputTextDelta)
    assert padded.obfuscation == "x" * (BLOCK - 2)


def test_an_error_of_an_unknown_type_is_the_server_s() -> None:
    assert (status_of("invalid_request"), status_of("acme_error")) == (400, 500)
