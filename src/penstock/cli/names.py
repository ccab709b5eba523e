"""The names that arguments may have.

They stand here, and not only where they are defined, so that `--help` need not import all that; a test compares.
"""

from __future__ import annotations

from typing import Final

__all__ = ["APIS", "DIALECTS", "EFFORTS", "UPSTREAMS"]

UPSTREAMS: Final = ("anthropic", "chat-completions", "gemini", "responses")
"""The APIs of providers."""
APIS: Final = ("anthropic", "chat-completions", "demo", "gemini", "responses")
"""The same and the demo: whatever can be asked."""
DIALECTS: Final = ("openresponses", "openai", "vtcode")
EFFORTS: Final = ("none", "low", "medium", "high", "xhigh")
