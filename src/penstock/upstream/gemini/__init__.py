"""The Gemini API: `generateContent` and `streamGenerateContent`, of Google's Gemini Developer API and of Vertex AI."""

from penstock.upstream.gemini.api import Gemini
from penstock.upstream.gemini.request import Options
from penstock.upstream.gemini.stream import GeminiTranslation

__all__ = ["Gemini", "GeminiTranslation", "Options"]
