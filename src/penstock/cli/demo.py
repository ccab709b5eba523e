"""`penstock demo`: a server is started, and asked by clients that know nothing of Penstock, while one watches.

Nothing is staged: the server is the one of `penstock serve`, on a free port of this machine; curl and the official
OpenAI SDK ask it over HTTP; and the linter judges the very bytes that curl was sent.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from penstock.cli.describe import count
from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.escape import one_line
from penstock.cli.extras import is_installed, need_server
from penstock.cli.screen import Screen, open_screen
from penstock.lint.linter import lint
from penstock.wire.sse import SSEDecoder

if TYPE_CHECKING:
    import openai

__all__ = ["run"]

START_SECONDS: Final = 20.0
"""How long the server may take to begin, on a machine that is busy."""
SHOWN_CHARACTERS: Final = 36
"""How much of the beginning, and of the end, of a line of data is shown: enough to see what it says."""

_WELCOME: Final = (
    "The server of `penstock serve` starts on a free port of this machine; the built-in demo answers, for there is no "
    "model here. Two clients that know nothing of Penstock ask it: curl, and the official OpenAI SDK."
)
_CUT: Final = " ... "
_QUESTION: Final = "What's the weather in Paris and in London?"
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city, e.g. Paris"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
_TRY: Final = (
    ("serve it yourself, and ask it anything", "penstock serve"),
    ("in front of a model", "penstock serve --upstream ollama --model qwen3"),
    ("one question from the terminal", 'penstock ask "think aloud, then cite 2 sources"'),
)


def _occupy_standard_streams() -> None:
    """Put nothing where a standard stream was closed: the event loop aborts when it closes a socket of that number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def run(arguments: argparse.Namespace) -> int:
    """Show the demo; return the exit code."""
    need_server("demo")
    _occupy_standard_streams()
    is_paced = not arguments.fast and sys.stdout is not None and sys.stdout.isatty()
    pace = " slowly" if is_paced else ""
    with open_screen(live=is_paced) as screen, _server() as url:
        screen.heading("A complete Open Responses endpoint", tone="good")
        screen.line(_WELCOME)
        screen.fact("serving", url)
        screen.refresh()
        is_sound = _with_curl(screen, url, f"count to 3{pace}")
        is_sound &= _with_sdk(screen, url, is_paced=is_paced)
        screen.heading("Try next", tone="good")
        for what, command in _TRY:
            screen.line(f"# {what}", "aside")
            screen.line(command)
    return FINE if is_sound else FAILED


@contextlib.contextmanager
def _server() -> Generator[str]:
    """Serve the built-in demo on a free port; return the address of its API."""
    from penstock.provider.demo import DemoProvider
    from penstock.server.app import App
    from penstock.server.run import Server, listening_socket

    is_up = threading.Event()
    with listening_socket("127.0.0.1", 0) as listener:
        server = Server(App(DemoProvider()), on_start=is_up.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            if not is_up.wait(START_SECONDS):
                raise CommandError(f"the server did not start within {START_SECONDS:g} seconds", FAILED)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)


# curl.


def _with_curl(screen: Screen, url: str, prompt: str) -> bool:
    """Ask with curl, show what it is sent, and judge it; return whether nothing was wrong."""
    body = json.dumps({"model": "demo", "input": prompt, "stream": True})
    command = ["curl", "-sSN", f"{url}/responses", "-H", "Content-Type: application/json", "-d", body]
    screen.heading("curl", aside=[f"-N {url}/responses -d '{body}'"], tone="good")
    if shutil.which("curl") is None:
        screen.line("There is no curl on this machine, so this part is left out.", "warning")
        return True
    data = b""
    decoder = SSEDecoder()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 65_536):
            data += chunk
            for frame in decoder.feed(chunk):
                _show_frame(screen, frame.event, frame.data)
            screen.refresh()
    if process.returncode:
        screen.line(f"curl ended with {process.returncode}", "bad")
        return False
    findings = list(lint(data))
    events = data.count(b"\nevent: ") + data.startswith(b"event: ")
    verdict = "nothing is wrong with it" if not findings else count(len(findings), "finding")
    screen.fact("lint", f"{count(events, 'event')}, {verdict}", "bad" if findings else "good")
    screen.refresh()
    return not findings


def _show_frame(screen: Screen, event: str | None, data: bytes) -> None:
    if event is not None:
        screen.line(f"event: {event}", "call")
    text = one_line(data.decode("utf-8", "replace"))
    if len(text) > 2 * SHOWN_CHARACTERS + len(_CUT):
        text = text[:SHOWN_CHARACTERS] + _CUT + text[-SHOWN_CHARACTERS:]
    screen.line(f"data: {text}", "aside")


# The OpenAI SDK.


def _with_sdk(screen: Screen, url: str, *, is_paced: bool) -> bool:
    """Ask with the OpenAI SDK, call the tools it asks for, and go on; return whether all went well."""
    screen.heading("The OpenAI SDK", aside=[f"OpenAI(base_url={url!r})"], tone="good")
    if not is_installed("openai"):
        screen.line("It is not installed, so this part is left out: pip install openai", "warning")
        return True
    import openai

    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        question: Any = [{"role": "user", "content": _QUESTION}]
        first = _streamed(screen, client, is_paced=is_paced, input=question, reasoning={"effort": "medium"})
        calls: list[Any] = [item for item in first.output if item.type == "function_call"]
        weather = ("sunny, 21 degrees", "rain, 14 degrees")
        outputs: Any = [
            {"type": "function_call_output", "call_id": call.call_id, "output": said}
            for call, said in zip(calls, weather, strict=False)
        ]
        second = _streamed(screen, client, is_paced=is_paced, input=outputs, previous_response_id=first.id)
    is_sound = len(calls) == len(weather) and bool(second.output_text)
    words = "two parallel calls, their results sent back, an answer" if is_sound else "something was missing"
    screen.fact("done", words, "good" if is_sound else "bad")
    screen.refresh()
    return is_sound


def _streamed(screen: Screen, client: openai.OpenAI, *, is_paced: bool, **asked: Any) -> Any:  # noqa: ANN401 - the SDK's types
    """Stream one response, showing it as it comes; return it."""
    with client.responses.stream(model="demo", tools=[_TOOL], **asked) as stream:  # type: ignore[list-item]
        for event in stream:
            match event.type:
                case "response.reasoning_summary_text.delta":
                    screen.text(event.delta, "reasoning")
                case "response.output_text.delta":
                    screen.text(event.delta)
                case "response.output_item.done" if event.item.type == "function_call":
                    screen.line(f"{event.item.name}({event.item.arguments})", "call")
                case _:
                    continue
            screen.refresh()
            if is_paced:
                time.sleep(_TICK)
        return stream.get_final_response()


_TICK: Final = 0.04
"""Seconds between pieces where somebody watches, a little less than a model would take."""
