"""What nobody but the provider may see."""

from __future__ import annotations

import pytest

from penstock.provider.secrets import HIDDEN, Secrets
from penstock.spec.base import Extra
from penstock.spec.response import ErrorPayload

KEY = "sk-0123456789"


def test_the_representation_names_headers_only() -> None:
    assert repr(Secrets({"Authorization": f"Bearer {KEY}", "X-Title": "t"})) == "Secrets(Authorization, X-Title)"


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "X-Goog-Api-Key", "Cookie", "X-Auth-Token"])
def test_values_of_telling_names_are_hidden(name: str) -> None:
    secrets = Secrets({name: f"Bearer {KEY}"})
    assert secrets.hide(f"a Bearer {KEY} b {KEY}") == f"a {HIDDEN} b {HIDDEN}"


def test_other_values_are_not() -> None:
    assert Secrets({"X-Title": "my-application"}).hide("my-application") == "my-application"


def test_a_word_given_for_a_key_keeps_its_meaning() -> None:
    secrets = Secrets({"Authorization": "Bearer ollama"}, more={"key": "ollama", "password": None})
    assert secrets.hide("ollama has no model") == "ollama has no model"


def test_secrets_are_found_wherever_in_an_error() -> None:
    secrets = Secrets({}, more={"key": KEY, "longer key": f"{KEY}-more"})
    error = ErrorPayload(
        type=KEY, code=KEY, message=f"{KEY}-more", param=KEY, extra=Extra({KEY: [{KEY: KEY}, 7], "n": 7})
    )
    assert secrets.hide_in(error) == ErrorPayload(
        type=HIDDEN,
        code=HIDDEN,
        message=HIDDEN,
        param=HIDDEN,
        extra=Extra({HIDDEN: [{HIDDEN: HIDDEN}, 7], "n": 7}),
    )


def test_what_holds_no_secret_stays() -> None:
    error = ErrorPayload(type="a", code=None, message="b", param=None)
    assert Secrets({}).hide_in(error) is error
    assert Secrets({"x-api-key": KEY}).hide_in(error) == error
