"""The arguments that say which model is asked, for the commands that ask one."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from penstock.cli.names import APIS

__all__ = ["add_model", "add_option"]


def add_model(parser: argparse.ArgumentParser, *, api: str, model: str) -> None:
    """Add the arguments, as a group; `api` and `model` are the help of these two, which tells their defaults."""
    group = parser.add_argument_group("the model")
    group.add_argument("--upstream", metavar="URL", help="address of the provider's API, or its name: openai, ollama")
    group.add_argument("--api", choices=APIS, help=api)
    group.add_argument("--model", metavar="NAME", help=model)
    group.add_argument("--key-env", metavar="NAME", help="environment variable that holds the key for the provider")
    add_option(group.add_argument, "the provider")


def add_option(add_argument: Callable[..., object], who: str) -> None:
    """Add the argument that tells what is peculiar to `who`, by a parser's or a group's `add_argument`."""
    add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        help=f"in what {who} differs from others: sentinel=false if no [DONE] ends its streams (repeatable)",
    )
