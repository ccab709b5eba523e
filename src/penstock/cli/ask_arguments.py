"""The arguments of `penstock ask`, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from penstock.cli.model_arguments import add_model
from penstock.cli.names import DIALECTS, EFFORTS

__all__ = ["ASK_COMMAND"]

_ASK: Final = """\
Ask a model one question, and show the answer while it comes: reasoning, text
and calls. Without an upstream the built-in demo answers, which is no model.
"""

_ASK_EPILOG: Final = """\
examples:
  penstock ask "count to 5 slowly"
  penstock ask --upstream ollama --model qwen3 "Why is the sky blue?"
  penstock ask --upstream http://localhost:8000/v1 --model m --raw Hello
  penstock ask --api anthropic --model claude-sonnet-5 - < question.txt

The key for the provider is read from the environment: from the variable that
--key-env names, or from the provider's usual one (OPENAI_API_KEY ...); to an
address of your own none is sent unless you name one. Ctrl-C stops the model.
The exit code is 1 where the answer failed.
"""


def _add_ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar="PROMPT", nargs="+", help="the question; - reads it from standard input")
    add_model(
        parser,
        api="what the provider speaks (default: what it is known for, or chat-completions; demo without --upstream)",
        model="the model to ask",
    )
    question = parser.add_argument_group("the question")
    question.add_argument("--instructions", metavar="TEXT", help="what the model is told first")
    question.add_argument("--effort", choices=EFFORTS, help="how much it should reason, where it can")
    answer = parser.add_argument_group("the answer").add_mutually_exclusive_group()
    answer.add_argument("--raw", action="store_true", help="write the events, as server-sent events")
    answer.add_argument("--json", action="store_true", help="write the response at the end, as one JSON document")
    parser.add_argument("--dialect", choices=DIALECTS, help="whose readers --raw is for (default: openresponses)")


ASK_COMMAND: Final[tuple[str, str, str, str, Callable[[argparse.ArgumentParser], None]]] = (
    "ask",
    "ask a model one question",
    _ASK,
    _ASK_EPILOG,
    _add_ask,
)
"""Name, summary, description, epilog of the command, and what adds its arguments."""
