"""The Messages API of Anthropic, which others serve too."""

from penstock.upstream.anthropic.api import Anthropic
from penstock.upstream.anthropic.request import Options
from penstock.upstream.anthropic.stream import AnthropicTranslation

__all__ = ["Anthropic", "AnthropicTranslation", "Options"]
