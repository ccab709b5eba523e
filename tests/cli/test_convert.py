from __future__ import annotations

import json
from pathlib import Path

import pytest

import penstock
from penstock.cli import main
from penstock.stream.reader import ResponseReader
from penstock.stream.states import ResponseState
from penstock.wire.dialects import openai
from penstock.wire.formats import read_events
from penstock.wire.sse import read_sse
from tests.cli.commands import RECORDINGS, Running, run

DEMO = Path(penstock.__file__).parent / "data"
REPLY = (DEMO / "demo_chat_completions.sse").read_bytes()
CONVERT = ("convert", "--from", "chat-completions")


def chunk(**delta: object) -> bytes:
    return b"data: " + json.dumps({"model": "m-1", "choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def strictly_read(data: bytes) -> ResponseReader:
    return ResponseReader(strict=True).feed_all(read_events([data]))


def test_a_valid_stream_comes_out() -> None:
    done = run(*CONVERT, data=REPLY)
    assert (done.returncode, done.stderr) == (0, b"")
    reader = strictly_read(done.stdout)
    assert ResponseState.COMPLETED is reader.state
    assert done.stdout.endswith(b"data: [DONE]\n\n")
    response = reader.response
    assert response is not None
    assert (response.model, [c.name for c in response.function_calls]) == ("gatekeeper-1", ["read_gauge", "get_gate"])


def test_the_same_seed_gives_the_same_bytes() -> None:
    one = run(*CONVERT, "--seed", "1", data=REPLY).stdout
    assert one == run(*CONVERT, "--seed", "1", data=REPLY).stdout
    other = run(*CONVERT, "--seed", "2", data=REPLY).stdout
    assert len(one) == len(other)
    assert one != other
    assert one != run(*CONVERT, data=REPLY).stdout


def test_jsonl_holds_the_same_events() -> None:
    frames = run(*CONVERT, "--seed", "1", data=REPLY).stdout
    lines = run(*CONVERT, "--seed", "1", "--to", "jsonl", data=REPLY).stdout
    assert list(read_sse([frames])) == list(read_events([lines]))
    assert all(json.loads(line)["type"] for line in lines.splitlines())


def test_a_request_is_repeated_in_the_response() -> None:
    done = run(*CONVERT, "--request", str(DEMO / "demo_request.json"), data=REPLY)
    assert (done.returncode, done.stderr) == (0, b"")
    response = strictly_read(done.stdout).response
    assert response is not None
    assert [getattr(tool, "name", None) for tool in response.tools] == ["read_gauge", "get_gate"]


@pytest.mark.parametrize(
    ("expected", "arguments", "data"),
    [
        ("m-1", [], chunk(content="Hi")),
        ("mine", ["--model", "mine"], chunk(content="Hi")),
        ("m-1", [], b'data: {"model":"","choices":[]}\n\n' + chunk(content="Hi")),
        ("unknown", [], b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n' + chunk(content="Hi")),
        ("m-2", [], b'{"model":"m-2","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'),
        ("unknown", [], b"nonsense"),
    ],
)  # fmt: skip
def test_the_model_is_the_one_that_the_reply_names(expected: str, arguments: list[str], data: bytes) -> None:
    response = strictly_read(run(*CONVERT, *arguments, data=data).stdout).response
    assert response is not None
    assert expected == response.model


def test_each_event_leaves_as_soon_as_it_can_be_said() -> None:
    with Running(*CONVERT) as running:
        running.feed(chunk(content="Good"))
        running.until('"delta":"Good"')
        running.feed(chunk(content=" evening"))
        running.until('"delta":" evening"')
        running.feed(b"data: [DONE]\n\n")
        assert running.end() == (0, "")
        assert running.seen.endswith(b"data: [DONE]\n\n")


def test_a_dialect_is_written_and_what_it_cannot_say_is_told() -> None:
    done = run(*CONVERT, "--dialect", "openai", data=chunk(reasoning_content="Hm") + b"data: [DONE]\n\n")
    assert done.returncode == 0
    assert b"response.reasoning_text.delta" in done.stdout
    assert b"[DONE]" not in done.stdout
    ResponseReader(strict=True).feed_all(read_sse([done.stdout], dialect=openai()))
    done = run(*CONVERT, "--dialect", "vtcode", data=chunk(refusal="No") + b"data: [DONE]\n\n")
    assert done.returncode == 0
    notes = done.stderr.decode().splitlines()
    assert notes
    assert all(note.startswith("penstock convert: VT Code ") for note in notes)


def test_what_the_adapter_cannot_say_is_told(tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text('{"model": "m", "input": "Hi", "max_tool_calls": 3}')
    data = b'data: {"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}\n\ndata: [DONE]\n\n'
    done = run(*CONVERT, "--request", str(request), data=data)
    assert done.returncode == 0
    first, second = done.stderr.decode().splitlines()
    assert first.startswith("penstock convert: request, max_tool_calls: ")
    assert second.startswith("penstock convert: left out, choices[1]: ")


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        ("upstream_truncated", b""),
        ("upstream_truncated", chunk(content="Half a")),
        ("upstream_invalid_stream", b"<html>502 Bad Gateway</html>"),
        ("upstream_invalid_stream", bytes(range(256)) * 9),
        ("slow_down", b'{"error":{"message":"Slow\\ndown","code":"slow_down"}}'),
        (
            "slow_down",
            chunk(content="a") + b'data: {"error":{"message":"Slow \\u001b[2J down","code":"slow_down"}}\n\n',
        ),
    ],
)
def test_whatever_comes_in_a_terminal_event_comes_out(expected: str, data: bytes) -> None:
    done = run(*CONVERT, data=data)
    assert done.returncode == 1
    reader = strictly_read(done.stdout)
    assert ResponseState.FAILED is reader.state
    assert reader.error is not None
    assert expected == reader.error.code
    said = done.stderr.decode()
    assert said.startswith(f"penstock convert: the reply failed, {expected}: ")
    assert said.count("\n") == 1
    assert said.rstrip("\n").isprintable()


def test_an_input_that_breaks_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    class Broken:
        """A standard input that breaks after a chunk."""

        def __init__(self) -> None:
            self.buffer = self
            self.left = [chunk(content="Half a")]

        def isatty(self) -> bool:
            return False

        def read(self, size: int) -> bytes:
            if self.left:
                return self.left.pop()
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stdin", Broken())
    assert main(CONVERT) == 1
    said = capfdbinary.readouterr()
    assert said.err == b"penstock convert: cut short, standard input: input/output error\n"
    reader = strictly_read(said.out)
    assert reader.error is not None
    assert reader.error.code == "upstream_interrupted"
    broken = Broken()
    broken.left.clear()
    monkeypatch.setattr("sys.stdin", broken)
    assert main(CONVERT) == 2
    assert tuple(capfdbinary.readouterr()) == (b"", b"penstock: standard input: input/output error\n")


@pytest.mark.parametrize(
    ("expected", "content"),
    [
        ("empty, not a request", ""),
        ("not JSON", "hello"),
        ("expected a JSON object", "[1]"),
        ("it has `messages`, as Chat Completions requests have", '{"model": "m", "messages": []}'),
        ("it has `contents`, as Gemini requests have", '{"contents": []}'),
        ("it is a response", '{"object": "response", "output": []}'),
        ("it has none of the keys of one", '{"a": 1}'),
        ("temperature: ", '{"model": "m", "input": "Hi", "temperature": "hot"}'),
    ],
)
def test_a_request_that_is_none_is_refused(expected: str, content: str, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(content)
    done = run(*CONVERT, "--request", str(file), data=REPLY)
    assert (done.returncode, done.stdout) == (2, b"")
    said = done.stderr.decode()
    assert said.startswith(f"penstock: {file}: ")
    assert expected in said
    assert said.count("\n") == 1


def test_recordings_become_valid_streams() -> None:
    folder = RECORDINGS / "chat_completions"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    for file in sorted(folder.glob("*.sse")):
        done = run(*CONVERT, str(file))
        reader = strictly_read(done.stdout)
        assert reader.is_done, file.name
        assert (reader.state is ResponseState.FAILED) == (done.returncode == 1), file.name
        assert b"internal error" not in done.stderr
        shown = run("read", data=done.stdout)
        assert done.returncode == shown.returncode
        assert b"strange" not in shown.stdout, file.name


@pytest.mark.parametrize(
    ("expected", "api"),
    [
        ("an Open Responses stream", "responses"),
        ("an Anthropic Messages stream", "anthropic_messages"),
        ("a Gemini stream", "gemini"),
    ],
)
def test_recordings_of_other_apis_are_recognised(expected: str, api: str) -> None:
    folder = RECORDINGS / api
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    for file in sorted(folder.glob("*.sse")):
        done = run(*CONVERT, str(file))
        assert (done.returncode, done.stdout) == (2, b""), file.name
        assert done.stderr.decode().startswith(f"penstock: the input is {expected}")


def test_a_reply_that_comes_in_many_pieces_is_whole() -> None:
    with Running(*CONVERT, "--seed", "1") as running:
        for index in range(0, len(REPLY), 1000):
            running.feed(REPLY[index : index + 1000])
        assert running.end() == (0, "")
    assert run(*CONVERT, "--seed", "1", data=REPLY).stdout == running.seen
