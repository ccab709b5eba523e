"""Who is asking, by what real clients say of themselves (November 2026)."""

from __future__ import annotations

import pytest

from penstock.server.client import client_of


@pytest.mark.parametrize(
    "agent",
    [
        "OpenAI/Python 3.52.0",
        "AsyncOpenAI/Python 3.52.0",
        "OpenAI/JS 6.49.0",
        "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)",
        "ai/6.0.326 ai-sdk/provider-utils/4.0.66 runtime/node.js/v20.20.2",
        "ai-sdk/openai/3.0.141 ai-sdk/provider-utils/4.0.66 runtime/node.js/v20.20.2",
        "ai-sdk/open-responses/1.0.39 ai-sdk/provider-utils/4.0.50 runtime/node.js/v20.20.2",
        "litellm/1.80.0",
    ],
)
def test_clients_that_read_openais_dialect_are_known_by_name(agent: str) -> None:
    manner = client_of({"user-agent": agent}).manner(dialect="auto", reasoning="auto")
    assert (manner.name, manner.view.reasoning) == ("openai", False)


@pytest.mark.parametrize("agent", ["Agents/Python 0.24.0", "pydantic-ai/2.68.0"])
def test_clients_built_on_openais_sdks_are_known_by_its_headers(agent: str) -> None:
    assert not client_of({"user-agent": agent}).speaks_openai
    assert client_of({"user-agent": agent, "x-stainless-lang": "python"}).speaks_openai


@pytest.mark.parametrize("headers", [{}, {"user-agent": "curl/8.5.0"}, {"user-agent": "my-openai/1.0"}])
def test_everybody_else_is_told_the_specifications_names(headers: dict[str, str]) -> None:
    manner = client_of(headers).manner(dialect="auto", reasoning="auto")
    assert (manner.name, manner.view.reasoning) == ("openresponses", True)
