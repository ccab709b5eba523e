"""Real replies of every API, cut at every byte there is; and what does the cutting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import penstock
from penstock.upstream.registry import UPSTREAM_NAMES, upstream_by_name
from penstock.upstream.relay import Relay
from tools.cuts import adapter_name, first_whole, main, statuses

FOLDER = Path(__file__).parents[1].parent / "shared" / "recordings"
MOST = None if os.environ.get("PENSTOCK_CUTS") == "all" else 2_600
"""How long a reply is at most that the tests cut everywhere; `PENSTOCK_CUTS=all` takes the long ones, too."""
RECORDINGS = [path for path in sorted(FOLDER.glob("*/*.sse")) if MOST is None or path.stat().st_size <= MOST]
NEAR_THE_END = 600
"""How many bytes at the end of every reply are cut into, through the writer: there it could pass for whole."""

CHAT = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"%b"}]}\n\ndata: [DONE]\n\n'

needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside the repository")


INCOMPLETE = b'"finish_reason":"length"'


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def allowed(cut: bytes) -> set[str]:
    """What may become of a reply of which only this came. One of them says itself that it is incomplete, and fails."""
    return {"failed", "incomplete"} if INCOMPLETE in cut else {"failed"}


@needs_recordings
@pytest.mark.parametrize("path", RECORDINGS, ids=name)
def test_a_reply_that_is_cut_anywhere_is_never_completed(path: Path) -> None:
    data, api = path.read_bytes(), adapter_name(path.parent.name)
    cut = list(statuses(api, data))[: first_whole(api, data)]
    assert all(status in allowed(data[:end]) for end, status in enumerate(cut))


@needs_recordings
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.sse")), ids=name)
def test_a_reply_that_lacks_its_end_becomes_a_response_that_failed(path: Path) -> None:
    data, api = path.read_bytes(), adapter_name(path.parent.name)
    whole = first_whole(api, data)
    for end in range(max(whole - NEAR_THE_END, 0), whole, 37 if len(data) > 50_000 else 7):
        stream = penstock.ResponseStream(None, model="m")
        Relay(upstream_by_name(api).stream(), stream).run([data[:end]])
        assert stream.response.status in allowed(data[:end]), end


@needs_recordings
def test_every_api_has_replies_that_are_cut_everywhere() -> None:
    assert {adapter_name(path.parent.name) for path in RECORDINGS} >= {"anthropic", "chat-completions", "gemini"}
    assert {adapter_name(path.parent.name) for path in FOLDER.glob("*/*.sse")} == set(UPSTREAM_NAMES)


def test_the_status_of_each_cut_is_told() -> None:
    data = CHAT % b"stop"
    assert list(statuses("chat-completions", data)) == ["failed"] * len(data) + ["completed"]
    data = CHAT % b"length"
    assert [status for status in statuses("chat-completions", data) if status != "failed"] == ["incomplete"] * 17


def test_what_adds_nothing_is_no_cut() -> None:
    assert first_whole("gemini", b"data: {}\r\n\r\n") == 11
    assert first_whole("anthropic", b"data: {}\n\n") == 10
    assert first_whole("responses", b"data: {}\n\ndata: [DONE]\n\n") == 10


def test_a_reply_that_passes_for_whole_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1  # nothing was tried
    (tmp_path / "chat_completions").mkdir()
    reply = tmp_path / "chat_completions" / "a.sse"
    reply.write_bytes(CHAT % b"stop")
    assert main([str(tmp_path), "gemini"]) == 1
    assert main([str(tmp_path), "chat_completions"]) == 0
    assert f"{len(CHAT) + 2:,} cuts, none completed" in capsys.readouterr().out
    reply.write_bytes(CHAT % b"stop" + b": what nobody needs\n\n")
    assert main([str(tmp_path)]) == 1
    assert "21 completed, the first at" in capsys.readouterr().out
