"""Where well-known providers are."""

from __future__ import annotations

from penstock.provider.addresses import ADDRESSES, DEFAULT_PROVIDERS
from penstock.provider.network import NetworkProvider
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.base import UpstreamAPI
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.gemini import Gemini
from penstock.upstream.responses import Responses

APIS: dict[str, UpstreamAPI] = {api.name: api for api in (Anthropic(), ChatCompletions(), Gemini(), Responses())}


def test_every_address_can_be_asked() -> None:
    for address in ADDRESSES.values():
        network = NetworkProvider(APIS[address.api], address.base_url)
        assert address.base_url in repr(network)
        assert network.name == address.api


def test_hosts_elsewhere_are_asked_over_tls() -> None:
    for address in ADDRESSES.values():
        assert address.base_url.startswith("http://localhost:" if not address.keys else "https://")


def test_each_api_has_a_provider_that_speaks_it_and_every_address_an_api() -> None:
    for api, name in DEFAULT_PROVIDERS.items():
        assert name in ADDRESSES
        assert ADDRESSES[name].api == api or name == "openai"
    assert DEFAULT_PROVIDERS.keys() == APIS.keys()
