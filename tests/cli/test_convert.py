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
from tests.cli.inside import Inside

DEMO = Path(penstock.__file__).parent / "data"
REPLY = (DEMO / "demo_chat_completions.sse").read_bytes()
CONVERT = ("convert", "--from", "chat-completions")


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    return Inside(capsys, monkeypatch)


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
    ("options", "code"), [([], 1), (["--option", "sentinel=false"], 0), (["--option", "sentinel=maybe"], 2)]
)
def test_a_reply_without_a_sentinel_is_whole_where_an_option_says_so(options: list[str], code: int) -> None:
    reply = b'data: {"model":"m","choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    done = run(*CONVERT, *options, data=reply)
    assert done.returncode == code
    if code == 2:
        assert done.stderr == b"penstock: --option: sentinel: Expected `bool`, got 'maybe'\n"


@pytest.mark.parametrize(
    ("expected", "arguments", "data"),
    [
        ("m-1", [], chunk(content="Hi")),
        ("mine", ["--model", "mine"], chunk(content="Hi")),
        ("m-1", [], b'data: {"model":"","choices":[]}\n\n' + chunk(content="Hi")),
        ("unknown", [], b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'),
        ("m-2", [], b'{"model":"m-2","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'),
        ("unknown", [], b"nonsense"),
    ],
)  # fmt: skip
def test_the_model_is_the_one_that_the_reply_names(expected: str, arguments: list[str], data: bytes) -> None:
    response = strictly_read(run(*CONVERT, *arguments, data=data).stdout).response
    assert response is not None
    assert expected == response.model


def test_what_there_is_to_say_does_not_wait_for_the_model_s_name() -> None:
    with Running(*CONVERT) as running:
        running.feed(b'data: {"choices":[{"index":0,"delta":{"content":"Good"}}]}\n\n')
        running.until('"delta":"Good"')
        running.feed(chunk(content=" evening") + b"data: [DONE]\n\n")
        assert running.end() == (0, "")
    response = strictly_read(running.seen).response
    assert response is not None
    assert (response.model, response.output_text) == ("unknown", "Good evening")


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


FOLDERS = {
    "anthropic": "anthropic_messages",
    "chat-completions": "chat_completions",
    "gemini": "gemini",
    "responses": "responses",
}
WORDS = {
    "anthropic": "an Anthropic Messages stream",
    "chat-completions": "a Chat Completions stream",
    "gemini": "a Gemini stream",
    "responses": "an Open Responses stream",
}


def recordings(api: str) -> list[Path]:
    folder = RECORDINGS / FOLDERS[api]
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    return sorted(folder.glob("*.sse"))


@pytest.mark.parametrize("api", FOLDERS)
def test_recordings_become_valid_streams(api: str, inside: Inside) -> None:
    for file in recordings(api):
        done = inside("convert", "--from", api, file)
        reader = strictly_read(done.out.encode())
        assert reader.is_done, file.name
        assert (reader.state is ResponseState.FAILED) == (done.code == 1), file.name
        assert reader.response is not None
        assert reader.response.model not in ("", "unknown"), file.name
        serious = [finding for finding in penstock.lint(done.out.encode()) if finding.level is not penstock.Level.INFO]
        assert not serious, file.name


@pytest.mark.parametrize("api", FOLDERS)
def test_recordings_of_other_apis_are_recognised(api: str, inside: Inside) -> None:
    other = "gemini" if api != "gemini" else "anthropic"
    for file in recordings(api):
        done = inside("convert", "--from", other, file)
        assert (done.code, done.out) == (2, ""), file.name
        expected = f"penstock: the input is {WORDS[api]}, not {WORDS[other]}; try --from {api}\n"
        assert done.err == expected


WHOLE = {
    "anthropic": b'{"type":"message","id":"msg_1","role":"assistant","model":"m-1","content":[{"type":"text","text":"Hi"}],'
    b'"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}',
    "chat-completions": b'{"model":"m-1","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}',
    "gemini": b'[{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"modelVersion":"m-1"}]',
    "responses": b'{"object":"response","id":"resp_1","status":"completed","model":"m-1","output":[{"type":"message",'
    b'"id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi"}]}]}',
}


@pytest.mark.parametrize("api", WHOLE)
def test_a_whole_reply_is_converted_too(api: str, inside: Inside) -> None:
    done = inside("convert", "--from", api, data=WHOLE[api])
    response = strictly_read(done.out.encode()).response
    assert response is not None
    assert (response.status, response.model, response.output_text) == ("completed", "m-1", "Hi")
    other = "gemini" if api != "gemini" else "responses"
    refused = inside("convert", "--from", other, data=WHOLE[api])
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.endswith(f"; try --from {api}\n")


@pytest.mark.parametrize("data", [b'{"error": {"message": "No"}}', b"[]", b"[1]", b'"text"', b"{" * 2_000_000])
def test_what_may_come_from_anybody_is_left_to_the_adapter(data: bytes, inside: Inside) -> None:
    done = inside(*CONVERT, data=data)
    assert done.code == 1
    assert strictly_read(done.out.encode()).state is ResponseState.FAILED


def test_what_is_no_event_is_passed_over_in_the_search_for_the_kind(inside: Inside) -> None:
    data = b": hello\n\nevent: ping\n\ndata: " + b'{"candidates": []}\n\n'
    done = inside(*CONVERT, data=data)
    assert (done.code, done.out) == (2, "")
    assert "the input is a Gemini stream" in done.err


def test_a_reply_that_comes_in_many_pieces_is_whole() -> None:
    with Running(*CONVERT, "--seed", "1") as running:
        for index in range(0, len(REPLY), 1000):
            running.feed(REPLY[index : index + 1000])
        assert running.end() == (0, "")
    assert run(*CONVERT, "--seed", "1", data=REPLY).stdout == running.seen
