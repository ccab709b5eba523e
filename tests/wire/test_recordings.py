"""What real providers sent, read and written again without the loss of a field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.spec.events import ExtensionEvent
from penstock.wire.codec import EventCodec, to_plain
from penstock.wire.requests import parse_create

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings" / "responses"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not beside the repository")


def bodies(path: Path) -> list[str]:
    """The data of each frame. (Recordings have one `data:` line a frame; other framings are for the tests of `sse`.)"""
    lines = path.read_text("utf-8").replace("\r\n", "\n").split("\n")
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [body for body in data if body != "[DONE]"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sse")), ids=lambda path: path.stem)
def test_every_event_is_read_and_written_as_it_was(path: Path) -> None:
    codec = EventCodec()
    for body in bodies(path):
        event = codec.decode(body)
        document = json.loads(body)
        assert json.loads(codec.encode(event) or b"") == document
        assert to_plain(event) == document
        assert event.event_type == document["type"]
        assert codec.decode(codec.encode(event) or b"") == event


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sse")), ids=lambda path: path.stem)
def test_events_of_the_specification_are_typed(path: Path) -> None:
    names = {
        EventCodec().decode(body).event_type
        for body in bodies(path)
        if isinstance(EventCodec().decode(body), ExtensionEvent)
    }
    hosted = (
        "response.web_search_call",
        "response.code_interpreter_call",
        "response.file_search_call",
        "response.mcp_",
    )
    dialect = ("response.reasoning_text", "response.reasoning_part", "keepalive", "response.compaction")
    assert not [name for name in names if not name.startswith(hosted + dialect)]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_request_is_understood_and_nothing_of_it_lost(path: Path) -> None:
    body = json.loads(path.read_bytes())["request"]
    assert to_plain(parse_create(json.dumps(body))) == body
