"""Bodies that have no end, or begin with nothing: what is held of them has limits."""

from __future__ import annotations

import pytest

from penstock.stream.output import Failure, Output, Stop, Text
from penstock.upstream import body
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.base import Translation
from penstock.upstream.chat_completions import ChatCompletions

DOCUMENT = b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'
STREAM = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
SAID = [Text("a"), Stop("stop")]


def read(translation: Translation, *pieces: bytes) -> list[Output]:
    return [*(output for piece in pieces for output in translation.feed(piece)), *translation.close()]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("answer", [DOCUMENT, STREAM], ids=["document", "stream"])
@pytest.mark.parametrize("blank", [b"\n" * 5000, b"\r\n \r\n" * 900, b"\xef\xbb\xbf\n\n" + b" \n" * 900])
def test_any_number_of_blank_lines_may_keep_the_connection_before_an_answer(answer: bytes, blank: bytes) -> None:
    assert read(ChatCompletions().stream(), blank + answer) == SAID
    assert read(ChatCompletions().stream(), *byte_by_byte(blank + answer)) == SAID


@pytest.mark.parametrize("after", [b"", b"\n"])
def test_a_blank_line_without_end_begins_a_stream_and_is_not_held(after: bytes) -> None:
    blank = b" " * (body.MAX_BLANK_BYTES + 1) + after
    for pieces in ([blank + DOCUMENT], byte_by_byte(blank + DOCUMENT)):
        [failure] = read(ChatCompletions().stream(), *pieces)
        assert isinstance(failure, Failure)
        assert failure.error.code == "upstream_invalid_stream"
    assert read(ChatCompletions().stream(), b" " * body.MAX_BLANK_BYTES + DOCUMENT) == SAID


def test_a_byte_order_mark_stands_at_the_beginning_only() -> None:
    for pieces in ([b"\n\xef\xbb\xbf" + DOCUMENT], byte_by_byte(b"\n\xef\xbb\xbf" + DOCUMENT)):
        [failure] = read(ChatCompletions().stream(), *pieces)
        assert isinstance(failure, Failure)
        assert failure.error.code == "upstream_invalid_stream"
    assert read(ChatCompletions().stream(), *byte_by_byte(b"\xef\xbb\xbf" + DOCUMENT)) == SAID


def test_a_document_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_DOCUMENT_BYTES", len(DOCUMENT))
    assert read(ChatCompletions().stream(), DOCUMENT) == SAID
    for pieces in ([DOCUMENT + b" "], byte_by_byte(DOCUMENT + b" "), [DOCUMENT, b" ", b" "]):
        [failure] = read(ChatCompletions().stream(), *pieces)
        assert isinstance(failure, Failure)
        assert f"more than {len(DOCUMENT)} bytes" in failure.error.message


def test_of_losses_with_names_of_the_providers_own_a_number_is_told() -> None:
    translation = Anthropic().stream()
    for number in range(2 * body.MAX_LOSSES):
        translation.feed(b'data: {"type":"odd_%d"}\n\n' % number)
    assert [loss.param for loss in translation.losses] == [f"odd_{number}" for number in range(body.MAX_LOSSES)]
