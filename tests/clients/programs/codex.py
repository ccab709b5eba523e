"""OpenAI's command line: `@openai/codex`, with a shell tool that really runs.

Codex is told of the server by the file it has for that, over HTTP and over WebSocket; and, as a provider of its own, by
the base URL alone.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import demo

COMMAND = sys.argv[1]
SECONDS = 60
WRITTEN = "penstock was here"
CALL = (
    f'Call exec_command with {{"cmd": "echo {WRITTEN} | tee proof.txt"}} and exec_command with {{"cmd": "echo twice"}}.'
)
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # an image of one pixel
CONFIG = """
model = "demo"
model_provider = "penstock"

[model_providers.penstock]
name = "Penstock"
base_url = "{url}"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
supports_websockets = {websockets}
"""


def tell(**said: object) -> None:
    print(json.dumps(said), flush=True)


def codex(folder: Path, home: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run Codex; return the events it tells of."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "CODEX_HOME": str(home),
        "CODEX_API_KEY": os.environ["OPENAI_API_KEY"],
    }
    done = subprocess.run(
        [COMMAND, "exec", "--json", "--skip-git-repo-check", "--sandbox", "danger-full-access", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def items(events: list[dict[str, Any]], kind: str, key: str) -> list[Any]:
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item[key] for item in done if item["type"] == kind]


def settled(*, websockets: bool) -> str:
    return CONFIG.format(url=os.environ["OPENAI_BASE_URL"], websockets=str(websockets).lower())


def a_tool_call(config: str, arguments: Sequence[str] = ()) -> None:
    """Have the shell run two commands, and their output told; then go on with the conversation."""
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place, "work"), Path(place, "home")
        folder.mkdir()
        home.mkdir()
        (home / "config.toml").write_text(config)
        events = codex(folder, home, *arguments, f"Think aloud. {CALL}")
        assert (folder / "proof.txt").read_text().strip() == WRITTEN, f"the command did not run: {events}"
        assert items(events, "command_execution", "exit_code") == [0, 0], events
        assert any("The user says" in text for text in items(events, "reasoning", "text")), events
        assert any(WRITTEN in text for text in items(events, "agent_message", "text")), events
        assert events[-1]["type"] == "turn.completed", events
        events = codex(folder, home, *arguments, "resume", "--last", "What did I say before?")
        assert any("exec_command" in text for text in items(events, "agent_message", "text")), events


def a_schema() -> None:
    """Have the answer in a form that was asked for."""
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "config.toml").write_text(settled(websockets=False))
        (folder / "schema.json").write_text(json.dumps(schema))
        events = codex(folder, folder, "--output-schema", "schema.json", "Ada.")
        assert "name" in json.loads(items(events, "agent_message", "text")[-1]), events


def a_failure() -> None:
    """Have the answer fail. Codex would ask five times more, a second apart and longer."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "config.toml").write_text(f"{settled(websockets=False)}stream_max_retries = 1\n")
        events = codex(folder, folder, "Fail after 3 tokens with server_error.")
        assert events[-1]["type"] == "turn.failed", events
        assert "The demo fails" in events[-1]["error"]["message"], events


def an_image() -> None:
    """Have the model look at an image, which is what a tool returns then."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "config.toml").write_text(settled(websockets=False))
        (folder / "dot.png").write_bytes(base64.b64decode(DOT))
        call = f"Call view_image with {json.dumps({'path': str(folder / 'dot.png')})}."
        events = codex(folder, folder, call)
        assert any("I see an image (image/png" in text for text in items(events, "agent_message", "text")), events


def a_compaction(arguments: Sequence[str]) -> None:
    """Have the conversation compacted, which Codex leaves to the server where that is the built-in provider's."""
    compacting = (*arguments, "-c", "model_auto_compact_token_limit=100")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        codex(folder, folder, *compacting, demo.NAMED)
        events = codex(folder, folder, *compacting, "resume", "--last", demo.NAME)
        assert events[-1]["type"] == "turn.completed", events
        assert any("Alice" in text for text in items(events, "agent_message", "text")), events


def main() -> int:
    """Run all cases, and say how they went, as `cases.py` does."""
    said = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    tell(versions={"@openai/codex": said.split()[-1]})
    tell(case="refusal", lacks="it shows none")
    built_in = ("-m", "demo", "-c", f"openai_base_url={json.dumps(os.environ['OPENAI_BASE_URL'])}")
    cases: dict[str, Callable[[], None]] = {
        "shell calls, reasoning, a resumed conversation": lambda: a_tool_call(settled(websockets=False)),
        "WebSocket": lambda: a_tool_call(settled(websockets=True)),
        "the base URL alone": lambda: a_tool_call("", built_in),
        "images of tools": an_image,
        "compaction": lambda: a_compaction(built_in),
        "failure": a_failure,
        "structured output": a_schema,
    }
    failed = 0
    for name, case in cases.items():
        try:
            case()
        except (AssertionError, LookupError, OSError, ValueError, subprocess.SubprocessError) as error:
            failed = 1
            tell(case=name, failed=f"{type(error).__name__}: {error}")
        else:
            tell(case=name)
    return failed


if __name__ == "__main__":
    sys.exit(main())
