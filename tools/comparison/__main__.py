"""The command `python -m tools.comparison`: asks the checkers, and writes the page."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.comparison.checkers import Checker, NotRun, checkers
from tools.comparison.page import Asked, page
from tools.comparison.streams import Sample, samples, write_samples

PAGE = Path(__file__).parents[2] / "docs/comparison.md"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.comparison", description="Compare checkers of streams.")
    parser.add_argument("--suite", metavar="DIR", type=Path, help="a checkout of the official suite's repository")
    parser.add_argument("--streams", metavar="DIR", type=Path, help="only write the streams there, and ask nobody")
    parser.add_argument("--output", metavar="FILE", type=Path, default=PAGE, help="the page (docs/comparison.md)")
    options = parser.parse_args(argv)
    streams = samples()
    if options.streams is not None:
        write_samples(options.streams, streams)
        return 0
    asked = [ask(checker, streams) for checker in checkers(options.suite)]
    options.output.write_text(page(streams, asked, datetime.now(UTC).date().isoformat()), "utf-8")
    return 0


def ask(checker: Checker, streams: Sequence[Sample]) -> Asked:
    print(f"asking {checker.name} ...", file=sys.stderr, flush=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how others get on with their own libraries is not the question
            return Asked(checker, checker.ask(streams))
    except NotRun as reason:
        print(f"  not run: {reason}", file=sys.stderr)
        return Asked(checker, None, str(reason))


if __name__ == "__main__":
    sys.exit(main())
