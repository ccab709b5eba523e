"""An answer over the network: what is asked, what is said, and how it is let go of."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import socket
import zlib

import pytest

from penstock.provider.network import NetworkProvider, Retries, Timeouts
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output, Stop, Text, Usage
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.gemini import Gemini
from tests.provider.asking import (
    ANSWER,
    ASKED,
    AT_ONCE,
    END,
    KEY,
    SAID,
    ask,
    failure,
    frame,
    hang,
    heard,
    provider,
    said_by_model,
    too_many,
)
from tests.provider.loopback import STREAM, Asked, chunk, loopback, run, streamed, whole

# An answer, and what is asked.


def test_an_answer_is_said_and_the_request_is_the_adapters() -> None:
    said, asked = run(ask(streamed(*ANSWER)))
    assert said == SAID
    assert [entry.line for entry in asked] == ["POST /v1/chat/completions HTTP/1.1"]
    assert json.loads(asked[0].body) == ChatCompletions().request(ASKED).body
    sent = asked[0].headers
    assert sent["authorization"] == f"Bearer {KEY}"
    assert sent["content-type"] == "application/json"
    assert sent["accept"] == "text/event-stream"
    assert sent["accept-encoding"] == "identity"
    assert "cookie" not in sent


def test_what_comes_together_is_one_batch_and_comes_as_soon_as_it_is_there() -> None:
    async def work() -> None:
        more = asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(STREAM + chunk(ANSWER[0] + ANSWER[1]))
            await more.wait()
            await asked.send(chunk(END) + chunk(b""))

        async with loopback(handler) as server, contextlib.aclosing(provider(server)) as network:
            answer = network.answer(ASKED)
            batches = answer.batches()
            assert await anext(batches) == [Text("Hel"), Text("lo")]
            assert answer.model == "m-1"
            more.set()
            assert await anext(batches) == [Stop("stop")]
            with pytest.raises(StopAsyncIteration):
                await anext(batches)

    run(work())


def test_losses_of_the_request_are_known_before_the_first_batch_and_those_of_the_reply_after_the_last() -> None:
    async def work() -> None:
        other = frame({"choices": [{"index": 1, "delta": {"content": "other"}}]})
        async with (
            loopback(streamed(ANSWER[0] + other, *ANSWER[1:])) as server,
            contextlib.aclosing(provider(server)) as network,
        ):
            answer = network.answer(CreateResponse(model="m", input="Hi", truncation="auto"))
            batches = answer.batches()
            await anext(batches)
            assert [loss.param for loss in answer.losses] == ["truncation"]
            async for _ in batches:
                pass
            assert [loss.param for loss in answer.losses] == ["truncation", "choices[1]"]

    run(work())


def test_what_cannot_be_asked_is_refused_before_anything_is_sent() -> None:
    async def work() -> None:
        async with loopback(streamed(*ANSWER)) as server:
            with pytest.raises(UnsupportedParameter, match="previous_response_id"):
                await heard(provider(server), CreateResponse(model="m", input="Hi", previous_response_id="resp_1"))
            assert server.asked == []

    run(work())


def test_what_cannot_be_asked_can_be_known_before() -> None:
    answer = provider("http://nowhere.invalid").answer(CreateResponse(model="m", input="Hi", truncation="auto"))
    answer.prepare()
    answer.prepare()
    assert [loss.param for loss in answer.losses] == ["truncation"]
    with pytest.raises(UnsupportedParameter, match="background"):
        provider("http://nowhere.invalid").answer(CreateResponse(model="m", input="Hi", background=True)).prepare()
    with pytest.raises(UnsupportedParameter, match="model"):
        provider("http://nowhere.invalid", api=Gemini()).answer(CreateResponse(model="a?b", input="Hi")).prepare()


def test_headers_and_query_of_ones_own_are_sent() -> None:
    async def work() -> list[Asked]:
        async with loopback(streamed(*ANSWER)) as server:
            network = provider(
                f"{server.url}/chat/completions?api-version=7", headers={"X-Title": "t", "authorization": "other"}
            )
            assert await heard(network) == SAID
            return server.asked

    asked = run(work())
    assert asked[0].line == "POST /v1/chat/completions?api-version=7 HTTP/1.1"
    assert asked[0].headers["x-title"] == "t"
    assert asked[0].headers["authorization"] == "other"


def test_a_whole_reply_is_read_where_no_stream_was_asked_for_and_where_one_was() -> None:
    reply = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
    handler = whole(reply, headers={"Content-Type": "application/json"})
    said, asked = run(ask(handler, stream=False))
    assert said == [Text("Hello"), Stop("stop")]
    assert asked[0].headers["accept"] == "application/json"
    assert "stream" not in json.loads(asked[0].body)
    assert run(ask(handler))[0] == said


def test_an_error_in_a_whole_reply_is_a_failure() -> None:
    reply = json.dumps({"error": {"message": "No such model", "code": "model_not_found"}})
    said, _ = run(ask(whole(reply, headers={"Content-Type": "application/json"})))
    assert (failure(said).type, failure(said).message) == ("not_found", "No such model")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
def test_chunks_may_be_cut_anywhere(size: int) -> None:
    data = b"".join(ANSWER)
    said, _ = run(ask(streamed(*(data[at : at + size] for at in range(0, len(data), size)))))
    assert said == SAID


def test_the_chunks_own_framing_may_be_cut_anywhere() -> None:
    data = STREAM + b"".join(map(chunk, [*ANSWER, b""]))

    async def handler(asked: Asked) -> None:
        for at in range(0, len(data), 11):
            await asked.send(data[at : at + 11])
            await asyncio.sleep(0)

    assert run(ask(handler))[0] == SAID


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_stream_is_read(encoding: str) -> None:
    packed = gzip.compress(b"".join(ANSWER)) if encoding == "gzip" else zlib.compress(b"".join(ANSWER))
    said, _ = run(ask(whole(packed, headers={"Content-Encoding": encoding})))
    assert said == SAID


def test_a_compressed_stream_that_is_damaged_is_a_failure() -> None:
    packed = bytearray(gzip.compress(b"".join(ANSWER)))
    packed[12:24] = bytes(12)
    said, _ = run(ask(whole(bytes(packed), headers={"Content-Encoding": "gzip"})))
    assert failure(said).code == "upstream_disconnected"


def test_usage_that_comes_after_the_end_is_not_lost() -> None:
    usage = frame({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    finish, done = END.split(b"\n\n")[:2]
    said, _ = run(ask(streamed(*ANSWER[:2], finish + b"\n\n", usage, done + b"\n\n")))
    assert said == [*SAID[:2], Usage(input_tokens=3, output_tokens=2, total_tokens=5), Stop("stop")]


# Letting go.


def test_closing_the_answer_closes_the_connection() -> None:
    async def work() -> None:
        gone = asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(STREAM, chunk(ANSWER[0]))
            await asked.gone()
            gone.set()

        async with loopback(handler) as server, contextlib.aclosing(provider(server)) as network:
            batches = network.answer(ASKED).batches()
            await anext(batches)
            await batches.aclose()
            await gone.wait()

    run(work())


@pytest.mark.parametrize("sent", [b"", STREAM, STREAM + chunk(ANSWER[0])])
def test_cancelling_whoever_listens_closes_the_connection(sent: bytes) -> None:
    async def work() -> None:
        here, gone = asyncio.Event(), asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(sent)
            here.set()
            await asked.gone()
            gone.set()

        async with loopback(handler) as server, contextlib.aclosing(provider(server)) as network:

            async def listen() -> None:
                async with contextlib.aclosing(network.answer(ASKED).batches()) as batches:
                    async for _ in batches:
                        pass

            task = asyncio.create_task(listen())
            await here.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()

    run(work())


def test_cancelling_ends_the_wait_for_another_try() -> None:
    async def work() -> None:
        here = asyncio.Event()

        async def handler(asked: Asked) -> None:
            await too_many("50")(asked)
            here.set()

        async with loopback(handler) as server, contextlib.aclosing(provider(server, retries=Retries())) as network:
            task = asyncio.ensure_future(anext(network.answer(ASKED).batches()))
            await here.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(server.asked) == 1

    run(work())


def test_closing_the_provider_ends_what_is_under_way() -> None:
    async def work() -> None:
        async def handler(asked: Asked) -> None:
            await asked.send(STREAM, chunk(ANSWER[0]))
            await hang(asked)

        async def another(asked: Asked) -> None:
            asked_again.set()
            await hang(asked)

        asked_again = asyncio.Event()
        async with loopback(handler, another) as server:
            network = provider(server, retries=AT_ONCE)
            listening, busy, waiting = (network.answer(ASKED).batches() for _ in range(3))
            assert await anext(listening) == [Text("Hel")]
            listener = asyncio.ensure_future(anext(listening))
            waiter = asyncio.ensure_future(anext(waiting))
            await asked_again.wait()
            await network.aclose()
            assert failure(await listener).code == "upstream_disconnected"
            assert failure(await waiter).code == "upstream_disconnected"
            with pytest.raises(RuntimeError, match="was closed"):
                await anext(busy)
            await network.aclose()

    run(work())


def test_a_connection_that_nobody_uses_is_let_go_of_in_time() -> None:
    async def work() -> None:
        gone = asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(STREAM, *map(chunk, [*ANSWER, b""]))
            await asked.gone()
            gone.set()

        async with loopback(handler) as server:
            network = provider(server, timeouts=Timeouts(idle=0.05))
            assert [output async for batch in network.answer(ASKED).batches() for output in batch] == SAID
            await gone.wait()
            await network.aclose()

    run(work())


def test_a_busy_listener_finds_the_provider_closed() -> None:
    async def work() -> None:
        async def handler(asked: Asked) -> None:
            await asked.send(STREAM, chunk(ANSWER[0]))
            await hang(asked)

        async with loopback(handler) as server:
            network = provider(server)
            batches = network.answer(ASKED).batches()
            await anext(batches)
            await network.aclose()
            assert failure(await anext(batches)).code == "upstream_disconnected"

    run(work())


def test_a_provider_that_is_closed_in_the_pause_does_not_ask_again() -> None:
    async def work() -> None:
        pausing = asyncio.Event()

        class Watch(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                pausing.set()

        logger, watch = logging.getLogger("penstock.provider.line"), Watch()
        logger.addHandler(watch)
        logger.setLevel(logging.INFO)
        try:
            async with loopback(too_many("0.1")) as server:
                network = provider(server, retries=Retries())
                task = asyncio.ensure_future(anext(network.answer(ASKED).batches()))
                await pausing.wait()
                await network.aclose()
                assert failure(await task).message == "Slow down"
                assert len(server.asked) == 1
        finally:
            logger.removeHandler(watch)
            logger.setLevel(logging.NOTSET)

    run(work())


# Connections.


def test_a_connection_is_used_again() -> None:
    async def work() -> None:
        async with loopback(streamed(*ANSWER)) as server, contextlib.aclosing(provider(server)) as network:
            for _ in range(3):
                said = [output async for batch in network.answer(ASKED).batches() for output in batch]
                assert said == SAID
            assert [asked.connection for asked in server.asked] == [1, 1, 1]

    run(work())


def test_many_are_answered_at_a_time() -> None:
    async def work() -> None:
        together = asyncio.Barrier(20)

        async def handler(asked: Asked) -> None:
            await together.wait()
            await streamed(*ANSWER)(asked)

        async with loopback(handler) as server, contextlib.aclosing(provider(server)) as network:

            async def listen() -> list[Output]:
                return [output async for batch in network.answer(ASKED).batches() for output in batch]

            assert await asyncio.gather(*(listen() for _ in range(20))) == [SAID] * 20

    run(work())


def test_one_provider_serves_several_event_loops() -> None:
    kept: list[NetworkProvider] = []

    async def work(url: str) -> list[Output]:
        if not kept:
            kept.append(provider(url))
        network = kept[0]
        said = [output async for batch in network.answer(ASKED).batches() for output in batch]
        await network._line._pool().session.close()
        return said

    async def both() -> None:
        async with loopback(streamed(*ANSWER)) as server:
            assert await work(server.url) == SAID
            assert await asyncio.to_thread(lambda: asyncio.run(work(server.url))) == SAID

    run(both())


def test_nothing_is_read_ahead_of_a_busy_listener() -> None:
    async def work() -> None:
        piece = chunk(said_by_model("x" * 4000))
        count = 10_000
        done = asyncio.Event()

        async def handler(asked: Asked) -> None:
            await asked.send(STREAM)
            for _ in range(count):
                await asked.send(piece)
            await asked.send(chunk(END), chunk(b""))
            done.set()

        async with loopback(handler) as server, contextlib.aclosing(provider(server)) as network:
            batches = network.answer(ASKED).batches()
            first = await anext(batches)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await done.wait()
            rest = [output async for batch in batches for output in batch]
            assert len(first) + len(rest) == count + 1
            assert rest[-1] == Stop("stop")

    run(work())


def test_cookies_are_not_kept() -> None:
    async def work() -> list[Asked]:
        async with (
            loopback(whole(b"".join(ANSWER), headers={"Set-Cookie": "who=me"})) as server,
            contextlib.aclosing(provider(server)) as network,
        ):
            for _ in range(2):
                assert [batch async for batch in network.answer(ASKED).batches()]
            return server.asked

    assert "cookie" not in run(work())[1].headers


def test_a_proxy_is_asked_where_one_is_named() -> None:
    async def work() -> None:
        async with loopback(streamed(*ANSWER)) as server:
            network = provider("http://nowhere.invalid/v1", proxy=server.url)
            assert await heard(network) == SAID
            assert server.asked[0].line == "POST http://nowhere.invalid/v1/chat/completions HTTP/1.1"

    run(work())


def test_a_proxy_that_is_not_there_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        proxy = f"http://user:hidden-password@{place}"
        error = failure(run(heard(provider("http://nowhere.invalid/v1", proxy=proxy))))
    assert error.code == "upstream_unreachable"
    assert error.message == f"the proxy {place} could not be reached: connection refused"
