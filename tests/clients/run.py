"""Tries real clients against the server: `python -m tests.clients.run`, or `make test-clients`.

Each client has a program of its own in `programs/`, which is told where the server is, and its key, and nothing else.
What is not installed is skipped, and that is said: the clients on Node.js need Node.js 20 and npm's registry. With
`--table FILE` the table in that page is written anew, of what was tried just now.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tests.clients.serving import KEY, UPSTREAMS, served

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
PROGRAMS: Final = HERE / "programs"
MODULES: Final = HERE / "node_modules"
PYTHON: Final = ROOT / ".venv-clients" / "bin" / "python"
LEAST_NODE: Final = 20
"""The oldest Node.js that all of the clients run on."""
SECONDS: Final = 120.0
"""How long one client may take; it takes a tenth of that."""
AT_ONCE: Final = 2
"""How many clients are tried at once."""
BEGIN, END = "<!-- tried: begin -->", "<!-- tried: end -->"


class Client(Struct, frozen=True):
    """A client: what people call it, and its program. `needs` is the npm package that has to be there."""

    name: str
    program: str
    needs: str = ""

    def command(self) -> list[str]:
        """Return what runs the program."""
        program = str(PROGRAMS / self.program)
        if self.program.endswith(".mjs"):
            return ["node", program]
        if self.needs:
            return [sys.executable, program, str(MODULES / ".bin" / self.needs.rsplit("/", 1)[-1])]
        return [str(PYTHON), program]

    def missing(self) -> str:
        """Return what is not there of what it needs; empty where all is."""
        if not self.needs:
            return "" if PYTHON.exists() else f"{PYTHON.relative_to(ROOT)} is not there"
        node = shutil.which("node")
        if node is None:
            return "there is no Node.js"
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        if int(said.removeprefix("v").partition(".")[0]) < LEAST_NODE:
            return f"Node.js is {said.strip()}, and {LEAST_NODE} is the oldest that will do"
        return "" if (MODULES / self.needs).exists() else f"the npm package {self.needs} is not installed"


CLIENTS: Final = (
    Client("OpenAI SDK for Python", "openai_sdk.py"),
    Client("OpenAI Agents SDK", "agents_sdk.py"),
    Client("LangChain", "langchain_openai_sdk.py"),
    Client("Pydantic AI", "pydantic_ai_agents.py"),
    Client("OpenAI SDK for JavaScript", "openai.mjs", "openai"),
    Client("AI SDK, OpenAI provider", "ai_sdk_openai.mjs", "@ai-sdk/openai"),
    Client("AI SDK, Open Responses provider", "ai_sdk_open_responses.mjs", "@ai-sdk/open-responses"),
    Client("Codex", "codex.py", "@openai/codex"),
)


class Result(Struct):
    """How a client fared in front of one upstream."""

    client: Client
    upstream: str
    versions: dict[str, str] = {}
    passed: list[str] = []
    lacks: dict[str, str] = {}
    failed: dict[str, str] = {}
    seconds: float = 0.0


def tried(client: Client, upstream: str, url: str) -> Result:
    """Run a client's program; return what it told."""
    result = Result(client, upstream)
    # Whatever else is set here for OpenAI's clients is none of theirs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "CODEX_"))}
    environment |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}
    began = time.monotonic()
    try:
        done = subprocess.run(
            client.command(), cwd=HERE, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        result.failed["everything"] = f"it took longer than {SECONDS:g} seconds"
        return result
    result.seconds = time.monotonic() - began
    for line in done.stdout.splitlines():
        _take(result, line)
    if not result.versions or not result.passed or (done.returncode and not result.failed):
        result.failed["everything"] = f"it ended with {done.returncode}: {done.stderr[-2000:]}"
    return result


def _take(result: Result, line: str) -> None:
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return  # what a client says of its own
    if "versions" in said:
        result.versions = said["versions"]
    elif "lacks" in said:
        result.lacks[said["case"]] = said["lacks"]
    elif "failed" in said:
        result.failed[said["case"]] = said["failed"]
    else:
        result.passed.append(said["case"])


def table(results: Sequence[Result], day: str) -> str:
    """Return the results as a table in Markdown, a row a client."""
    rows = ["| client | version | tried on | works | does not |", "| --- | --- | --- | --- | --- |"]
    for client in dict.fromkeys(result.client for result in results):
        of_client = [result for result in results if result.client is client]
        versions = ", ".join(f"`{name}` {version}" for name, version in of_client[0].versions.items())
        failed: dict[str, str] = {}
        for result in of_client:
            failed |= dict.fromkeys(result.failed, f"fails with {result.upstream}")
            failed |= result.lacks
        works = ", ".join(name for name in of_client[0].passed if name not in failed)
        rows.append(f"| {client.name} | {versions} | {day} | {works} | {_told(failed)} |")
    return "\n".join(rows)


def _told(failed: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in failed.items())


def main() -> int:
    """Try the clients; return the exit code."""
    parser = argparse.ArgumentParser(description="Try real clients against the server.")
    parser.add_argument("--only", metavar="NAME", default="", help="those with this in their name")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table in this page anew")
    arguments = parser.parse_args()
    there: list[Client] = []
    for client in CLIENTS:
        if arguments.only.lower() not in client.name.lower():
            continue
        missing = client.missing()
        if missing:
            print(f"skipped  {client.name}: {missing}")
        else:
            there.append(client)
    results: list[Result] = []
    for upstream in UPSTREAMS:
        with served(upstream) as url, ThreadPoolExecutor(AT_ONCE) as pool:
            for result in pool.map(lambda client: tried(client, upstream, url), there):  # noqa: B023 - used up in here
                results.append(result)
                _report(result)
    if arguments.table is not None and results:
        if len(there) < len(CLIENTS):
            print("the table is left alone, since not all clients were tried")
        else:
            _write(arguments.table, table(results, datetime.now(UTC).date().isoformat()))
    return 1 if not results or any(result.failed for result in results) else 0


def _report(result: Result) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    word = "FAILED" if result.failed else "passed"
    print(
        f"{word}  {result.client.name} ({versions}), upstream {result.upstream}: "
        f"{len(result.passed)} cases in {result.seconds:.1f} s"
    )
    for name, reason in result.lacks.items():
        print(f"        cannot: {name}: {reason}")
    for name, reason in result.failed.items():
        print(f"        FAILED: {name}: {reason}")


def _write(page: Path, made: str) -> None:
    text = page.read_text()
    page.write_text(re.sub(f"(?s)(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", lambda _: f"\n{made}\n\n", text))


if __name__ == "__main__":
    sys.exit(main())
