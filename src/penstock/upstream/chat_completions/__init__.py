"""The Chat Completions API, as OpenAI made it and as a hundred others serve it."""

from penstock.upstream.chat_completions.api import ChatCompletions
from penstock.upstream.chat_completions.request import Options
from penstock.upstream.chat_completions.stream import ChatCompletionsTranslation

__all__ = ["ChatCompletions", "ChatCompletionsTranslation", "Options"]
