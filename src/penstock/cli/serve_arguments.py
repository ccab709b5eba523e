"""The arguments of `penstock serve`, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from penstock.cli.model_arguments import add_model

__all__ = ["SERVE_COMMAND"]

# As in `names`, they stand here so that `--help` imports nothing.
_DIALECTS: Final = ("auto", "openresponses", "openai")
_REASONING: Final = ("auto", "raw", "summary", "off")

_SERVE: Final = """\
Serve Open Responses in front of any model: over HTTP with server-sent events,
and over WebSocket. Without an upstream the built-in demo answers.
"""

_SERVE_EPILOG: Final = """\
examples:
  penstock serve
  penstock serve --upstream ollama --model qwen3
  penstock serve --upstream http://localhost:8000/v1 --api chat-completions
  penstock serve --api anthropic --host 0.0.0.0 --api-key-file keys.txt
  penstock serve --config penstock.toml

The key for the provider is read from the environment: from the variable that
--key-env names, or from the provider's usual one (OPENAI_API_KEY ...). Flags
win over PENSTOCK_... variables, and those over the file. Requests are logged on
standard output, a line of JSON each. Ctrl-C lets streams end, a second one
does not.
"""


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="settings in TOML (default: penstock.toml, where it has any)")
    add_model(
        parser,
        api="what the provider speaks (default: chat-completions with --upstream URL, else demo)",
        model="the model, whatever clients ask for (default: what they ask for)",
    )
    server = parser.add_argument_group("the server")
    server.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    server.add_argument("--port", type=int, metavar="NUMBER", help="port to listen on; 0: a free one (default: 8080)")
    server.add_argument("--api-key-file", metavar="FILE", help="who is let in: a line `name: key` each")
    server.add_argument(
        "--store", metavar="URL", help="database for responses, or none (default: sqlite:///penstock.db)"
    )
    server.add_argument("--dialect", choices=_DIALECTS, help="how clients are answered; auto goes by who they are")
    server.add_argument("--reasoning", choices=_REASONING, help="how readable reasoning is shown (default: auto)")
    server.add_argument("--quiet", action="store_true", help="log no requests")


SERVE_COMMAND: Final[tuple[str, str, str, str, Callable[[argparse.ArgumentParser], None]]] = (
    "serve",
    "serve Open Responses in front of any model",
    _SERVE,
    _SERVE_EPILOG,
    _add_serve,
)
