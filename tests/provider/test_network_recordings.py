"""Real replies over a real connection: what arrives is what was sent, for every provider's API."""

from __future__ import annotations

import contextlib
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest

import penstock
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output
from penstock.upstream.base import UpstreamAPI
from tests.provider.asking import provider
from tests.provider.loopback import loopback, run, streamed

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings"
APIS = {
    "anthropic_messages": ("penstock.upstream.anthropic", "Anthropic"),
    "chat_completions": ("penstock.upstream.chat_completions", "ChatCompletions"),
    "gemini": ("penstock.upstream.gemini", "Gemini"),
    "responses": ("penstock.upstream.responses", "Responses"),
}
RECORDINGS = sorted(FOLDER.glob("*/*.sse"))
ASKED = CreateResponse(model="m", input="Hi")
PIECE = 1000
"""Bytes a chunk: it divides frames, and characters."""

pytestmark = pytest.mark.skipif(not RECORDINGS, reason="the recordings of providers are not beside this repository")


def api_of(recording: Path) -> UpstreamAPI:
    module, name = APIS[recording.parent.name]
    api = getattr(import_module(module), name)()
    assert isinstance(api, UpstreamAPI)
    return api


def response(said: list[Output]) -> penstock.Response:
    numbers = count()
    stream = penstock.ResponseStream(None, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 0.0)
    with stream:
        for output in said:
            stream.send(output)
    return stream.response


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recording_is_the_same_response_over_the_network(recording: Path) -> None:
    api, data = api_of(recording), recording.read_bytes()
    translation = api.stream(ASKED)
    pure = [*translation.feed(data), *translation.close()]

    async def work() -> list[Output]:
        async with loopback(streamed(*(data[at : at + PIECE] for at in range(0, len(data), PIECE)))) as server:
            network = provider(server, api=api)
            async with contextlib.aclosing(network):
                answer = network.answer(ASKED)
                said = [output async for batch in answer.batches() for output in batch]
                assert answer.model == translation.model
                assert [loss.param for loss in answer.losses[len(api.request(ASKED).losses) :]] == [
                    loss.param for loss in translation.losses
                ]
                return said

    assert response(run(work())) == response(pure)


def test_every_folder_has_an_adapter() -> None:
    assert {path.parent.name for path in RECORDINGS} == APIS.keys()
