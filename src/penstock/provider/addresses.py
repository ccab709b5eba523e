"""Where well-known providers are, which API they speak there, and in which variables people keep the key.

The variables are only named here: to read the environment is the affair of the program that has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

__all__ = ["ADDRESSES", "DEFAULT_PROVIDERS", "Address"]


class Address(Struct, frozen=True):
    """One provider's API: `api` is the adapter's name, `keys` the environment variables, the first that is set wins."""

    base_url: str
    api: str
    keys: tuple[str, ...] = ()


ADDRESSES: Final[Mapping[str, Address]] = MappingProxyType(
    {
        "anthropic": Address("https://api.anthropic.com", "anthropic", ("ANTHROPIC_API_KEY",)),
        "cerebras": Address("https://api.cerebras.ai/v1", "chat-completions", ("CEREBRAS_API_KEY",)),
        "deepseek": Address("https://api.deepseek.com", "chat-completions", ("DEEPSEEK_API_KEY",)),
        "gemini": Address(
            "https://generativelanguage.googleapis.com/v1beta", "gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY")
        ),
        "groq": Address("https://api.groq.com/openai/v1", "chat-completions", ("GROQ_API_KEY",)),
        "lmstudio": Address("http://localhost:1234/v1", "chat-completions"),
        "mistral": Address("https://api.mistral.ai/v1", "chat-completions", ("MISTRAL_API_KEY",)),
        "ollama": Address("http://localhost:11434/v1", "chat-completions"),
        "openai": Address("https://api.openai.com/v1", "responses", ("OPENAI_API_KEY",)),
        "openrouter": Address("https://openrouter.ai/api/v1", "chat-completions", ("OPENROUTER_API_KEY",)),
        "together": Address("https://api.together.xyz/v1", "chat-completions", ("TOGETHER_API_KEY",)),
        "xai": Address("https://api.x.ai/v1", "chat-completions", ("XAI_API_KEY",)),
    }
)
"""Providers by the name people give them."""

DEFAULT_PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {"anthropic": "anthropic", "chat-completions": "openai", "gemini": "gemini", "responses": "openai"}
)
"""Whose API is meant where only its kind was named: the provider by the adapter's name."""
