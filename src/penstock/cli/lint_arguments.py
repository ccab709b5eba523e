"""The arguments of `lint`, `repair` and `rule`, and their help."""

from __future__ import annotations

import argparse
from typing import Final

from penstock.cli.names import DIALECTS

__all__ = ["LINT_COMMANDS", "LINT_DIALECTS", "LINT_FORMATS", "TRANSPORTS"]

# The names stand here, and not only where they are defined, so that `--help` need not import all that; a test compares.
LINT_DIALECTS: Final = (*DIALECTS, "2026-01-15")
LINT_FORMATS: Final = ("text", "json", "github", "sarif")
TRANSPORTS: Final = ("sse", "websocket", "jsonl")

_LINT: Final = """\
Say what is wrong with streams of Open Responses events: where, what was
expected, which clients break on it and how it is mended. Server-sent events,
JSON Lines and recorded WebSockets are told apart by their content.
"""

_LINT_EPILOG: Final = """\
examples:
  penstock lint recording.sse
  penstock lint --format github recordings/*.sse
  curl -sN https://... -d @request.json | penstock lint --request request.json -
  penstock lint http://127.0.0.1:8000/v1/responses --request request.json

Codes are those of `penstock rule --all`; OR3 stands for all that begin so, and
of two that fit a rule the longer one counts. A URL is fetched with GET, or,
where there is a --request, with POST and that request.

Settings of a project stand in pyproject.toml, or in penstock.toml as [lint]:

  [tool.penstock.lint]
  select = ["OR"]
  ignore = ["OR103"]
  fail-level = ["warning", "OR8=never"]
  dialect = "openai"

exit codes:
  0  nothing is wrong, or nothing of level error (see --fail-level)
  1  something is
  2  the command line is of no use, or an input is no stream: it cannot be read,
     is empty, or is neither server-sent events nor JSON
"""

_REPAIR: Final = """\
Mend a stream: what comes in is said again as it should have been said, event by
event, as soon as it can be. A valid stream comes out as it went in; no text,
call or item is lost, but where one was said in two ways what came first stands;
a stream that was cut short ends with response.failed.
"""

_REPAIR_EPILOG: Final = """\
examples:
  penstock repair broken.sse > mended.sse
  curl -sN https://... | penstock repair | penstock read
  penstock repair --report changes.json -o mended.sse broken.sse

What was changed is told on standard error, or as JSON in --report.

exit codes:
  0  a stream came out, whatever came in
  1  the input was empty, or broke off while it was read; what came was mended
  2  the command line or the input is of no use
"""

_RULE: Final = """\
Show what a rule holds, why it matters, what the specification says, and a bad
and a good example.
"""

_RULE_EPILOG: Final = """\
examples:
  penstock rule OR301
  penstock rule item-not-added
  penstock rule OR3
"""


def _add_lint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="*", help="file or URL to judge; - or nothing: standard input")
    parser.add_argument("--format", choices=LINT_FORMATS, default="text", help="how findings are told (default: text)")
    mending = parser.add_mutually_exclusive_group()
    mending.add_argument("--fix", action="store_true", help="mend the files in place; tell what is left")
    mending.add_argument("--diff", action="store_true", help="show how the files would be mended, and leave them")
    parser.add_argument("--select", metavar="CODES", action="append", help="judge by these rules only: OR3,OR501")
    parser.add_argument("--ignore", metavar="CODES", action="append", help="do not judge by these rules")
    parser.add_argument(
        "--fail-level",
        metavar="LEVEL",
        action="append",
        help="exit with 1 from this level on: error, warning, info, or never; OR4=warning: for some rules "
        "(default: error)",
    )
    parser.add_argument("--request", metavar="FILE", help="the create request (JSON) that is answered")
    parser.add_argument("--dialect", choices=LINT_DIALECTS, help="by whose practice to judge (default: openresponses)")
    parser.add_argument(
        "--resumed", action="store_true", help="the stream is the rest of one, taken up with starting_after"
    )
    parser.add_argument("--transport", choices=TRANSPORTS, help="how it was sent, where its form does not tell")
    parser.add_argument("--statistics", action="store_true", help="count findings by rule, instead of showing them")


def _add_repair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="file to mend; - or nothing: standard input")
    parser.add_argument("-o", "--output", metavar="OUT", help="file to write; - or nothing: standard output")
    parser.add_argument("--report", metavar="FILE", help="write what was changed as JSON; - is standard error")
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        default="openresponses",
        help="whose readers it is for (default: openresponses)",
    )


def _add_rule(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("code", metavar="CODE", nargs="?", help="a code, a name, or the beginning of a code")
    which.add_argument("--all", action="store_true", help="list all rules")


LINT_COMMANDS: Final = (
    ("lint", "say what is wrong with a stream", _LINT, _LINT_EPILOG, _add_lint),
    ("repair", "mend a stream", _REPAIR, _REPAIR_EPILOG, _add_repair),
    ("rule", "explain a rule", _RULE, _RULE_EPILOG, _add_rule),
)
"""Name, summary, description, epilog of each command, and what adds its arguments."""
