from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from penstock.cli import main, names
from penstock.spec.request import ReasoningEffort
from penstock.upstream.registry import UPSTREAM_NAMES
from penstock.wire.dialects import dialect_names
from tests.cli.commands import PENSTOCK, environment, run
from tests.cli.streams import INCOMPLETE, sse, written


def test_the_names_in_the_help_are_the_names_there_are() -> None:
    assert dialect_names() == names.DIALECTS
    assert UPSTREAM_NAMES == names.UPSTREAMS
    assert sorted([*UPSTREAM_NAMES, "demo"]) == [*names.APIS]
    assert get_args(ReasoningEffort) == names.EFFORTS


def test_version() -> None:
    shown = run("--version")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert shown.stdout.startswith(b"penstock ")


@pytest.mark.parametrize("command", [[], ["read"], ["convert"], ["ask"], ["demo"]])
def test_help_has_an_example_and_fits_on_eighty_columns(command: list[str]) -> None:
    shown = run(*command, "--help", COLUMNS="80", NO_COLOR="1")
    assert (shown.returncode, shown.stderr) == (0, b"")
    text = shown.stdout.decode()
    assert "example" in text
    assert f"penstock {' '.join(command)}".strip() in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_without_a_command_the_overview_is_shown() -> None:
    shown = run()
    assert (shown.returncode, shown.stdout) == (2, b"")
    assert b"commands:" in shown.stderr


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("penstock: argument COMMAND: invalid choice: 'raed'", ["raed"]),
        ("penstock: unrecognized arguments: --hlep", ["read", "--hlep"]),
        ("penstock read: argument --format: invalid choice: 'xml'", ["read", "--format", "xml"]),
        ("penstock convert: the following arguments are required: --from", ["convert"]),
        ("penstock convert: argument --seed: invalid int value: 'x'", ["convert", "--from", "chat-completions", "--seed", "x"]),
        ("penstock: nowhere.sse: no such file or directory", ["read", "nowhere.sse"]),
        ("penstock: nowhere.sse: no such file or directory", ["convert", "--from", "chat-completions", "nowhere.sse"]),
        ("penstock: nowhere.json: no such file or directory", ["convert", "--from", "chat-completions", "--request", "nowhere.json"]),
        ("penstock: FILE and --request cannot both be standard input", ["convert", "--from", "chat-completions", "--request", "-"]),
        ("penstock: standard input: empty, there is no stream", ["read"]),
        ("penstock: a\\x00b: embedded null byte", ["read", "a\0b"]),
    ],
)  # fmt: skip
def test_misuse_is_told_on_one_line(
    expected: str, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(expected)
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        ("empty, there is no stream", b""),
        ("empty, there is no stream", b" \n\n"),
        ("neither server-sent events nor JSON", b"<html>502 Bad Gateway</html>"),
        ("neither server-sent events nor JSON", bytes(range(1, 256)) * 9),
        ("not UTF-8", b"data: \xff\xfe\n\n"),
        ("not JSON", b'{"type": "resp'),
        ("a Chat Completions stream, not an Open Responses stream; try: penstock convert", b'data: {"object":"chat.completion.chunk"}\n\n'),
        ("an Anthropic Messages stream", b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'),
        ("a Gemini stream", b'data: {"candidates":[]}\n\n'),
    ],
)  # fmt: skip
def test_what_is_no_stream_is_told_on_one_line(expected: str, data: bytes) -> None:
    shown = run("read", data=data)
    assert (shown.returncode, shown.stdout) == (2, b"")
    said = shown.stderr.decode()
    assert said.startswith("penstock: standard input: ")
    assert expected in said
    assert said.count("\n") == 1
    assert len(said) < 400


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    shown = run("read", str(tmp_path))
    assert (2, f"penstock: {tmp_path}: is a directory\n") == (shown.returncode, shown.stderr.decode())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0)
    shown = run("read", str(file))
    assert (2, f"penstock: {file}: permission denied\n") == (shown.returncode, shown.stderr.decode())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["read"], ["convert", "--from", "chat-completions"], ["--help"], ["demo", "--fast"]]
)
def test_a_full_disk(arguments: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PENSTOCK, *arguments],
            input=sse(written(INCOMPLETE)) if arguments == ["read"] else b'{"choices":[]}',
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, b"penstock: cannot write: no space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
@pytest.mark.parametrize("command", ["read", "convert --from chat-completions", "demo", "--version"])
def test_closed_streams_are_no_disaster(closed: str, command: str) -> None:
    line = f"{' '.join(PENSTOCK)} {command} {closed}"
    done = subprocess.run(
        line, shell=True, input=b"data: x\n\n", capture_output=True, env=environment(), check=False, timeout=60
    )
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert done.returncode in {0, 1, 2}


def test_what_nobody_thought_of_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("penstock.cli.read.open_source", fail)
    assert main(["read", "x"]) == 1
    assert capsys.readouterr().err.startswith(
        "penstock: internal error, ZeroDivisionError: oh\\nno (PENSTOCK_TRACEBACK=1"
    )
    monkeypatch.setenv("PENSTOCK_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["read", "x"])
