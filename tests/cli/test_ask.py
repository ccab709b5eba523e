from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penstock import Arguments, CreateResponse
from penstock.cli import main
from penstock.provider.generator import GeneratorProvider
from penstock.stream.reader import ResponseReader
from penstock.upstream.base import UnsupportedParameter
from penstock.wire.dialects import openai
from penstock.wire.formats import read_events
from penstock.wire.sse import read_sse
from tests.cli.commands import PATIENCE, Running, run
from tests.cli.inside import Ended, Inside
from tests.cli.terminal import Terminal


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    return Inside(capsys, monkeypatch)


class Provider(ThreadingHTTPServer):
    """A provider on this machine: it answers what it is told to, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = b""
        self.hangs = False
        self.bodies: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.gone = threading.Event()
        self.listing: bytes | None = b'{"object": "list", "data": [{"id": "m-1"}]}'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        listing = self.server.listing
        self.send_response(200 if listing is not None else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(listing or b'{"error": {"message": "Who are you?"}}')

    def do_POST(self) -> None:
        provider = self.server
        provider.keys.append(self.headers.get("Authorization"))
        provider.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(provider.reply)
        self.wfile.flush()
        if provider.hangs:
            self.connection.settimeout(PATIENCE)
            if self.rfile.read(1) == b"":
                provider.gone.set()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.reply = chunk(reasoning_content="Hm.") + chunk(content="Good ") + chunk(content="evening") + END
        yield server
        server.shutdown()
        thread.join()


def chunk(**delta: object) -> bytes:
    return b"data: " + json.dumps({"model": "m-1", "choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


END = b'data: {"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def test_alone_it_asks_the_demo(inside: Inside) -> None:
    done = inside("ask", "count", "to", "5")
    assert (done.code, done.err) == (0, "")
    assert "[0] message\n  1, 2, 3, 4, 5.\n\ncompleted  demo  resp_" in done.out


def test_reasoning_text_and_calls_are_shown(inside: Inside) -> None:
    done = inside("ask", "--effort", "low", "comment first, then refuse")
    assert done.code == 0
    assert "[0] reasoning\n  The user says" in done.out
    assert "[1] message  commentary\n  Let me see.\n" in done.out
    assert "· refusal\n" in done.out


def test_an_incomplete_answer_is_fine_and_a_failed_one_is_not(inside: Inside) -> None:
    done = inside("ask", "trip the content filter")
    assert (done.code, "incomplete, content_filter" in done.out) == (0, True)
    done = inside("ask", "fail after 2 tokens with model_error")
    assert (done.code, done.err) == (1, "")
    assert "failed, demo_failure: The demo fails, as the prompt asks it to." in done.out


def test_raw_writes_the_events(inside: Inside) -> None:
    done = inside("ask", "--raw", "say exactly: Hi")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("data: [DONE]\n\n")
    reader = ResponseReader(strict=True).feed_all(read_events([done.out.encode()]))
    assert reader.response is not None
    assert reader.response.output_text == "Hi"


def test_raw_writes_them_for_the_readers_that_are_asked_for(inside: Inside) -> None:
    done = inside("ask", "--raw", "--dialect", "openai", "think")
    assert "response.reasoning_text.delta" in done.out
    ResponseReader(strict=True).feed_all(read_sse([done.out.encode()], dialect=openai()))
    done = inside("ask", "--raw", "--dialect", "vtcode", "refuse")
    assert done.err.startswith("penstock ask: VT Code ")


def test_json_writes_the_response(inside: Inside) -> None:
    done = inside("ask", "--json", "--instructions", "Be brief.", "say exactly: Hi\x1b[2J")
    response = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (response["instructions"], response["status"], response["store"]) == ("Be brief.", "completed", False)
    assert response["output"][0]["content"][0]["text"] == "Hi\x1b[2J"
    assert "\x1b" not in done.out


@pytest.mark.parametrize("form", ["--raw", "--json"])
def test_what_the_document_tells_of_a_failure_is_told_to_people_too(form: str, inside: Inside) -> None:
    done = inside("ask", form, "fail")
    assert (done.code, done.err) == (
        1,
        "penstock ask: failed, demo_failure: The demo fails, as the prompt asks it to.\n",
    )


def test_the_question_comes_from_standard_input(inside: Inside) -> None:
    assert "1, 2, 3." in inside("ask", "-", data=b"count to 3\n").out


# Who is asked.


def test_a_provider_is_asked(provider: Provider, inside: Inside) -> None:
    done = inside("ask", "--upstream", provider.url, "--model", "m-1", "--instructions", "Be brief.", "Hello")
    assert (done.code, done.err) == (0, "")
    assert "[0] reasoning\n  Hm.\n\n[1] message\n  Good evening\n\ncompleted  m-1" in done.out
    (body,) = provider.bodies
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert (body["model"], body["messages"]) == ("m-1", messages)
    assert provider.keys == [None]


def test_the_key_is_sent_that_is_named(provider: Provider, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-1")
    assert inside("ask", "--upstream", provider.url, "--model", "m", "--key-env", "MY_KEY", "Hi").code == 0
    assert provider.keys == ["Bearer sk-1"]


def test_in_what_the_provider_differs_is_told_by_options(provider: Provider, inside: Inside) -> None:
    options = ["--option", "max-tokens-field=max_tokens", "--option", "stream-usage=false"]
    assert inside("ask", "--upstream", provider.url, "--model", "m", *options, "Hi").code == 0
    assert "stream_options" not in provider.bodies[0]


def test_what_the_provider_cannot_be_asked_is_told(provider: Provider, inside: Inside) -> None:
    provider.reply = chunk(content="a") + b'data: {"choices":[{"index":1,"delta":{"content":"b"}}]}\n\n' + END
    done = inside("ask", "--upstream", provider.url, "--model", "m", "Hi")
    assert done.code == 0
    assert done.err.startswith("penstock ask: left out, choices[1]: ")


def test_the_effort_goes_along_and_a_summary_is_asked_for_where_there_is_nothing_else(
    provider: Provider, inside: Inside
) -> None:
    ask = ("ask", "--upstream", provider.url, "--model", "m", "--effort", "high")
    assert inside(*ask, "Hi").code == 0
    assert provider.bodies[0]["reasoning_effort"] == "high"
    provider.reply = run("ask", "--raw", "Hello").stdout
    assert inside(*ask, "--api", "responses", "Hi").code == 0
    assert provider.bodies[1]["reasoning"] == {"effort": "high", "summary": "auto"}


def test_the_only_model_need_not_be_named(provider: Provider, inside: Inside) -> None:
    assert inside("ask", "--upstream", provider.url, "Hi").code == 0
    assert provider.bodies[0]["model"] == "m-1"


@pytest.mark.parametrize(
    ("expected", "listing"),
    [
        ("--model is missing; there are a, b", b'{"data": [{"id": "a"}, {"id": "b"}]}'),
        ("--model is missing", b'{"data": []}'),
        ("and 2 more", json.dumps({"data": [{"id": f"m{n}"} for n in range(12)]}).encode()),
        ("--model is missing, and the provider's list could not be had: ", None),
    ],
)
def test_without_a_model_the_models_are_named(
    expected: str, listing: bytes | None, provider: Provider, inside: Inside
) -> None:
    provider.listing = listing
    done = inside("ask", "--upstream", provider.url, "Hi")
    assert (done.code, done.out, provider.bodies) == (2, "", [])
    assert done.err.startswith("penstock: --model is missing")
    assert expected in done.err


def test_a_reply_no_stream_can_tell_has_failed(provider: Provider, inside: Inside) -> None:
    provider.reply = b"<html>"
    done = inside("ask", "--upstream", provider.url, "--model", "m", "Hi")
    assert (done.code, "failed, upstream_invalid_stream" in done.out) == (1, True)


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("--dialect is for the events that --raw writes", ["--dialect", "openai", "Hi"]),
        ("the demo takes no key; --key-env goes with --upstream or --api", ["--key-env", "X", "Hi"]),
        ("the demo has no options; --option goes with --upstream or --api", ["--option", "a=b", "Hi"]),
        ("--option: expected NAME=VALUE, such as sentinel=false, got 'a'", ["--upstream", "ollama", "--option", "a", "Hi"]),
        ("the demo is built in, and has no --upstream", ["--api", "demo", "--upstream", "http://x", "Hi"]),
        ("no key for https://api.openai.com/v1: OPENAI_API_KEY is not set", ["--upstream", "openai", "Hi"]),
        ("no key for https://api.anthropic.com: ANTHROPIC_API_KEY is not set", ["--api", "anthropic", "Hi"]),
        ("no key for http://localhost:1/v1: MY_KEY is not set", ["--upstream", "http://localhost:1/v1", "--key-env", "MY_KEY", "Hi"]),
        ("standard input: empty, there is no question", ["-"]),
    ],
)  # fmt: skip
def test_misuse_is_told_on_one_line(
    expected: str, arguments: list[str], inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert inside("ask", *arguments) == Ended(2, "", f"penstock: {expected}\n")


def test_an_address_that_is_none_is_refused(inside: Inside) -> None:
    done = inside("ask", "--upstream", "nowhere", "--model", "m", "Hi")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_a_question_must_be_text(inside: Inside) -> None:
    assert inside("ask", "-", data=b"\xff") == Ended(2, "", "penstock: standard input: not UTF-8 text (byte 0)\n")


def test_without_aiohttp_it_says_what_to_install(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("aiohttp", "penstock.provider.network"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("exchange", "line", "listing"):
        monkeypatch.delitem(sys.modules, f"penstock.provider.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    done = inside("ask", "--upstream", "http://localhost:1/v1", "--model", "m", "Hi")
    words = "asking over the network needs aiohttp, of the extra `network`: pip install '.[network]' in a clone"
    assert done == Ended(2, "", f"penstock: {words}\n")


def test_what_the_upstream_cannot_do_is_told_by_its_name(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def model(request: CreateResponse) -> str:
        raise UnsupportedParameter("reasoning.effort", "no model of theirs reasons")

    monkeypatch.setattr("penstock.cli.ask.DemoProvider", lambda: GeneratorProvider(model))
    done = inside("ask", "--model", "m", "--effort", "low", "Hi")
    assert done == Ended(2, "", "penstock: reasoning.effort: no model of theirs reasons\n")


def test_what_no_stream_can_tell_ends_as_a_failure(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.cli.ask.DemoProvider", lambda: GeneratorProvider(lambda request: Arguments("{}")))
    done = inside("ask", "--model", "m", "Hi")
    assert (done.code, "failed, upstream_invalid_output" in done.out) == (1, True)


# While it comes.


def test_ctrl_c_stops_the_upstream_at_once(provider: Provider) -> None:
    provider.hangs = True
    provider.reply = chunk(content="Good")
    with Running("ask", "--upstream", provider.url, "--model", "m", "Hi") as running:
        running.until("Good")
        running.process.send_signal(signal.SIGINT)
        assert provider.gone.wait(PATIENCE)
        code, errors = running.end()
    assert (code, errors) == (130, "")


def test_it_ends_when_it_is_terminated() -> None:
    with Running("ask", "wait 600 seconds, then say hello") as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.end() in ((143, ""), (-signal.SIGTERM, ""))


def test_text_is_shown_as_it_arrives_and_stays_when_it_is_over() -> None:
    with Running("ask", "count to 3 every 50 ms", terminal=Terminal(60)) as running:
        shown = running.until("completed")
        assert running.end() == (0, "")
    assert "1, 2, 3." in shown
    assert running.terminal is not None
    assert running.terminal.is_cursor_shown


def test_it_is_the_same_code_that_is_run_as_a_process() -> None:
    assert run("ask", "say exactly: Hi").returncode == main(["ask", "say exactly: Hi"])
