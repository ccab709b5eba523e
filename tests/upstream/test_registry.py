from __future__ import annotations

import subprocess
import sys

import pytest

from penstock.upstream.base import UpstreamAPI
from penstock.upstream.registry import UPSTREAM_NAMES, UnknownOption, UnknownUpstream, read_options, upstream_by_name


@pytest.mark.parametrize("name", UPSTREAM_NAMES)
def test_every_adapter_answers_to_its_own_name(name: str) -> None:
    if name in {"anthropic", "gemini"}:
        pytest.importorskip(f"penstock.upstream.{name}")
    api = upstream_by_name(name)
    assert isinstance(api, UpstreamAPI)
    assert name == api.name


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownUpstream, match="no upstream API 'x'; there are anthropic, chat-completions"):
        upstream_by_name("x")


@pytest.mark.parametrize(
    ("name", "given", "field", "expected"),
    [
        ("chat-completions", {"sentinel": "false"}, "sentinel", False),
        ("chat-completions", {"sentinel": False}, "sentinel", False),
        ("chat-completions", {"max-tokens-field": "max_tokens"}, "max_tokens_field", "max_tokens"),
        ("chat-completions", {"reasoning_field": "reasoning"}, "reasoning_field", "reasoning"),
        ("anthropic", {"max-tokens": "10"}, "max_tokens", 10),
        ("anthropic", {"betas": "a,b"}, "betas", ("a", "b")),
        ("gemini", {"modalities": ["TEXT", "IMAGE"]}, "modalities", ("TEXT", "IMAGE")),
        ("gemini", None, "modalities", ()),
        ("gemini", {}, "modalities", ()),
        ("responses", {"others-reasoning": "send"}, "others_reasoning", "send"),
    ],
)
def test_options_are_given_by_name(name: str, given: dict[str, object] | None, field: str, expected: object) -> None:
    assert getattr(upstream_by_name(name, given).options, field) == expected  # type: ignore[attr-defined] # of three


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        (
            "chat-completions",
            {"sentinal": True},
            "no option 'sentinal' of chat-completions; there are reasoning-field, ",
        ),
        ("chat-completions", {"sentinel": "maybe"}, "sentinel: Expected `bool`, got 'maybe'"),
        ("chat-completions", {"max-tokens-field": "most"}, "max-tokens-field: Invalid enum value 'most'"),
        ("anthropic", {"betas": 3}, "betas: Expected `array`, got 3"),
        ("responses", {"sentinel": True}, "no option 'sentinel' of responses; there are others-reasoning"),
    ],
)
def test_an_option_that_is_wrong_is_answered_with_what_was_expected(
    name: str, given: dict[str, object], words: str
) -> None:
    with pytest.raises(UnknownOption) as error:
        upstream_by_name(name, given)
    assert str(error.value).startswith(words)


def test_options_are_read_from_words() -> None:
    assert read_options(["sentinel=false", "betas=a,b", "version="]) == {
        "sentinel": "false",
        "betas": "a,b",
        "version": "",
    }
    for word in ("sentinel", "=false", ""):
        with pytest.raises(UnknownOption, match=f"expected NAME=VALUE, such as sentinel=false, got '{word}'"):
            read_options([word])


def test_an_adapter_is_loaded_only_when_it_is_asked_for() -> None:
    code = (
        "import sys, penstock.upstream.registry as r; r.upstream_by_name('chat-completions');"
        "print([n for n in sys.modules if n.startswith('penstock.upstream.responses')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"
