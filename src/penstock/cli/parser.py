"""The arguments of all commands, and their help."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NoReturn

from penstock.cli.ask_arguments import ASK_COMMAND
from penstock.cli.errors import USAGE
from penstock.cli.lint_arguments import LINT_COMMANDS
from penstock.cli.model_arguments import add_option
from penstock.cli.names import DIALECTS, UPSTREAMS
from penstock.cli.serve_arguments import SERVE_COMMAND

__all__ = ["build_parser"]

_OVERVIEW: Final = """\
Streams of Open Responses (https://www.openresponses.org): reads anybody's, and
makes valid ones of what other APIs send.
"""

_EPILOG: Final = """\
examples:
  penstock demo
  penstock read recording.sse
  curl -sN URL | penstock read -
  penstock convert --from chat-completions chat.sse > responses.sse
  penstock ask --upstream ollama --model qwen3 "Why is the sky blue?"

exit codes:
  0  all went well
  1  the stream failed, was damaged or was cut short
  2  the command line or the input is of no use

`penstock COMMAND --help` tells more about a command.
"""

_READ: Final = """\
Fold a stream of Open Responses events into its response and show it: items in
order, text as it comes, calls, usage, how it ended, and what was strange about
the stream. Server-sent events, JSON Lines, a recorded WebSocket and a whole
response as JSON are told apart by their content.
"""

_READ_EPILOG: Final = """\
examples:
  penstock read recording.sse
  curl -sN URL -d @request.json | penstock read
  penstock read --format json recording.sse | jq .usage

On a terminal a stream that is piped in is shown live. Control characters in
its text are shown as escapes (\\x1b). The exit code is 1 where the stream
failed, was damaged or was cut short.
"""

_CONVERT: Final = """\
Make a valid Open Responses stream of what another API sends. Each event leaves
as soon as it can be said; whatever comes in, a terminal event comes out.
"""

_CONVERT_EPILOG: Final = """\
examples:
  penstock convert --from chat-completions chat.sse > responses.sse
  curl -sN URL | penstock convert --from chat-completions | penstock read
  penstock convert --from anthropic --seed 1 --to jsonl messages.sse

What could not be said in the new form is told on standard error, a line each.
The exit code is 1 where the reply failed or was cut short.
"""

_DEMO: Final = """\
Start the server on a free port of this machine, ask it with curl and with the
OpenAI SDK, and show what they are told while it comes.
"""

_DEMO_EPILOG: Final = """\
example:
  penstock demo --fast

Without a terminal the demo does not wait.
"""


_AS_WRITTEN: Final = argparse.RawDescriptionHelpFormatter


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; `command` is None where no command was given."""
    parser = _Parser(
        prog="penstock", description=_OVERVIEW, epilog=_EPILOG, formatter_class=_AS_WRITTEN, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"penstock {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=_Parser)
    for name, summary, description, epilog, add in (
        ("read", "show a stream", _READ, _READ_EPILOG, _add_read),
        ("convert", "make an Open Responses stream of another API's", _CONVERT, _CONVERT_EPILOG, _add_convert),
        *LINT_COMMANDS,
        ASK_COMMAND,
        SERVE_COMMAND,
        ("demo", "watch it work", _DEMO, _DEMO_EPILOG, _add_demo),
    ):
        add(
            commands.add_parser(
                name,
                help=summary,
                description=description,
                epilog=epilog,
                formatter_class=_AS_WRITTEN,
                allow_abbrev=False,
            )
        )
    return parser


def _version() -> str:
    try:
        return version("penstock")
    except PackageNotFoundError:
        return "(not installed, version unknown)"


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="file to read; - or nothing: standard input")


def _add_read(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text to look at, or the response as one JSON document (default: text)",
    )
    parser.add_argument(
        "--dialect",
        choices=("auto", *DIALECTS),
        default="auto",
        help="whose way of writing streams to expect (default: auto)",
    )


def _add_convert(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    parser.add_argument("--from", dest="upstream", choices=UPSTREAMS, required=True, help="the API that sent the input")
    add_option(parser.add_argument, "its sender")
    parser.add_argument(
        "--request", metavar="FILE", help="the Open Responses create request (JSON) that is answered, to be repeated"
    )
    parser.add_argument(
        "--to", choices=("sse", "jsonl"), default="sse", help="server-sent events, or one event a line (default: sse)"
    )
    parser.add_argument(
        "--dialect", choices=DIALECTS, default="openresponses", help="whose readers it is for (default: openresponses)"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="the model to name (default: the one the input or request names)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="NUMBER",
        help="make ids from NUMBER and stop the clock, so that the same input gives the same bytes",
    )


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="do not wait between events")
