"""Where well-known providers are."""

from __future__ import annotations

from penstock.provider.addresses import ADDRESSES, DEFAULT_PROVIDERS
from penstock.provider.network import NetworkProvider
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.responses import Responses


def test_every_address_can_be_asked() -> None:
    for address in ADDRESSES.values():
        assert repr(NetworkProvider(ChatCompletions(), address.base_url)).endswith(f"at {address.base_url})") or (
            repr(NetworkProvider(ChatCompletions(), address.base_url)).endswith(f"at {address.base_url}/)")
        )


def test_hosts_elsewhere_are_asked_over_tls() -> None:
    for address in ADDRESSES.values():
        assert address.base_url.startswith("http://localhost:" if not address.keys else "https://")


def test_each_api_has_a_provider_that_speaks_it_and_every_address_an_api() -> None:
    for api, name in DEFAULT_PROVIDERS.items():
        assert name in ADDRESSES
        assert ADDRESSES[name].api == api or name == "openai"
    assert {address.api for address in ADDRESSES.values()} <= DEFAULT_PROVIDERS.keys()
    assert {ChatCompletions.name, Responses.name} <= DEFAULT_PROVIDERS.keys()
