"""Runs the official compliance suite against the server: `make compliance SUITE=path`.

The suite is a checkout of the specification's repository (https://github.com/openresponses/openresponses) in which
`npm install bun@1.4.5 zod@3.25.76` was done. It is run in front of every upstream, `--times` each; all tests have to
pass each time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.clients.serving import KEY, UPSTREAMS, served

SECONDS: Final = 300.0
"""How long one run of the suite may take; it takes a few seconds."""
LEAST: Final = 17
"""How many tests there were in November 2026: a suite with fewer is not the suite."""


def run(suite: Path, url: str) -> str:
    """Run the suite once; return what failed, empty where nothing did."""
    command = ["node_modules/.bin/bun", "run", "bin/compliance-test.ts", "--json"]
    command += ["--base-url", url, "--api-key", KEY, "--model", "demo"]
    done = subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=SECONDS, check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return f"the suite told no results: {done.stdout[-1000:]}{done.stderr[-1000:]}"
    failed = [f"{each['id']}: {each.get('errors')}" for each in told["results"] if each["status"] != "passed"]
    if not failed and (done.returncode or len(told["results"]) < LEAST):
        return f"{len(told['results'])} tests passed, and the exit code is {done.returncode}"
    return "\n  ".join(failed)


def main() -> int:
    """Run the suite; return the exit code."""
    parser = argparse.ArgumentParser(description="Run the official compliance suite against the server.")
    parser.add_argument("--suite", type=Path, required=True, help="checkout of the specification's repository")
    parser.add_argument("--times", type=int, default=1)
    arguments = parser.parse_args()
    is_failed = False
    for upstream in UPSTREAMS:
        with served(upstream) as url:
            for number in range(1, arguments.times + 1):
                failed = run(arguments.suite, url)
                is_failed = is_failed or bool(failed)
                print(f"{upstream}, run {number}: {failed or 'all passed'}", flush=True)
    return 1 if is_failed else 0


if __name__ == "__main__":
    sys.exit(main())
