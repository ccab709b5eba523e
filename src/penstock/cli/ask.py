"""`penstock ask`: one question to a model, its answer while it comes.

The answer goes the same way as in a server: what the provider says through the one writer, and what is shown is read
from the events by a reader that accepts no fault.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import msgspec

from penstock.cli.adapter import adapter
from penstock.cli.describe import count, failure_words
from penstock.cli.errors import FAILED, FINE, CommandError
from penstock.cli.escape import escaped_json
from penstock.cli.output import Output, tell
from penstock.cli.screen import Progress, Screen, open_screen, standard_output
from penstock.cli.show import ResponseView
from penstock.cli.source import read_document
from penstock.cli.turn import Turn
from penstock.live import ResponseStream
from penstock.provider.addresses import ADDRESSES, DEFAULT_PROVIDERS, Address
from penstock.provider.base import Answer, Provider
from penstock.provider.demo import DemoProvider
from penstock.spec.events import ResponseStreamEvent
from penstock.spec.request import CreateResponse, ReasoningParam
from penstock.stream.emitters import CallbackEmitter
from penstock.stream.output import Output as Said
from penstock.stream.states import ResponseState
from penstock.transport import SSEEmitter
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.relay import say
from penstock.wire.codec import encode_object
from penstock.wire.dialects import dialect_by_name

__all__ = ["run"]

_DEMO: Final = "demo"
_TICK: Final = 0.1
"""How often, in seconds, the status line moves while nothing comes."""
_MOST_MODELS: Final = 10
"""How many models are named to somebody who named none."""


def run(arguments: argparse.Namespace) -> int:
    """Ask, and show the answer; return the exit code."""
    if arguments.dialect is not None and not arguments.raw:
        raise CommandError("--dialect is for the events that --raw writes")
    prompt = _prompt(arguments.prompt)
    provider = _provider(arguments.upstream, arguments.api, arguments.key_env, arguments.option)
    return asyncio.run(_ask(provider, arguments, prompt))


async def _ask(provider: Provider, arguments: argparse.Namespace, prompt: str) -> int:
    try:
        request = await _request(provider, arguments, prompt)
        answer = provider.answer(request)
        if arguments.raw:
            stream = await _raw(answer, request, arguments.dialect or "openresponses")
        elif arguments.json:
            stream = await _json(answer, request)
        else:
            stream = await _shown(answer, request)
    except UnsupportedParameter as error:
        raise CommandError(str(error)) from error
    finally:
        await provider.aclose()
    tell("ask", "left out, ", [f"{loss.param}: {loss.reason}" for loss in answer.losses])
    is_failed = stream.state is ResponseState.FAILED
    if is_failed and (arguments.raw or arguments.json):
        tell("ask", "failed, ", [failure_words(stream.response)])
    return FAILED if is_failed else FINE


# ------------------------------------------------------------------------------------------------- what is asked, whom


def _prompt(words: Sequence[str]) -> str:
    """Return the question: the words, or standard input where they are a mere `-`."""
    if [*words] != ["-"]:
        return " ".join(words)
    try:
        prompt = read_document("-").decode()
    except UnicodeDecodeError as error:
        raise CommandError(f"standard input: not UTF-8 text (byte {error.start})") from error
    if not prompt.strip():
        raise CommandError("standard input: empty, there is no question")
    return prompt


def _provider(upstream: str | None, api: str | None, key_env: str | None, options: Sequence[str] | None) -> Provider:
    """Return whom to ask."""
    address = ADDRESSES.get(upstream or "")
    if upstream is None and api in (None, _DEMO):
        if key_env is not None:
            raise CommandError("the demo takes no key; --key-env goes with --upstream or --api")
        if options:
            raise CommandError("the demo has no options; --option goes with --upstream or --api")
        return DemoProvider()
    if api == _DEMO:
        raise CommandError("the demo is built in, and has no --upstream")
    if upstream is None:
        address = ADDRESSES[DEFAULT_PROVIDERS[str(api)]]
    elif address is None:
        address = Address(upstream, api or "chat-completions")
    return _network(msgspec.structs.replace(address, api=api or address.api), key_env, options)


def _network(address: Address, key_env: str | None, options: Sequence[str] | None) -> Provider:
    variables = address.keys if key_env is None else (key_env,)
    key = next((os.environ[name] for name in variables if os.environ.get(name)), None)
    if variables and key is None:
        raise CommandError(f"no key for {address.base_url}: {' or '.join(variables)} is not set")
    try:
        from penstock.provider.network import NetworkProvider
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise CommandError(
            "asking over the network needs aiohttp, of the extra `network`: pip install '.[network]' in a clone"
        ) from error
    try:
        return NetworkProvider(adapter(address.api, options), address.base_url, key=key)
    except ValueError as error:
        raise CommandError(str(error)) from error


async def _request(provider: Provider, arguments: argparse.Namespace, prompt: str) -> CreateResponse:
    model = arguments.model or provider.default_model or await _only_model(provider)
    request = CreateResponse(model=model, input=prompt, stream=True, store=False)
    if arguments.instructions is not None:
        request = msgspec.structs.replace(request, instructions=arguments.instructions)
    if arguments.effort is not None:
        # Responses servers show readable reasoning as a summary or not at all; the others do so unasked.
        reasoning = ReasoningParam(effort=arguments.effort)
        if provider.name == "responses":
            reasoning = msgspec.structs.replace(reasoning, summary="auto")
        request = msgspec.structs.replace(request, reasoning=reasoning)
    return request


async def _only_model(provider: Provider) -> str:
    """Return the one model there is; raise CommandError where there are several, or nobody knows."""
    from penstock.provider.network import Fault

    try:
        names = [model.id for model in await provider.models()]
    except Fault as fault:
        raise CommandError(f"--model is missing, and the provider's list could not be had: {fault}") from fault
    if len(names) == 1:
        return names[0]
    more = f" and {len(names) - _MOST_MODELS} more" if len(names) > _MOST_MODELS else ""
    known = f"; there are {', '.join(names[:_MOST_MODELS])}{more}" if names else ""
    raise CommandError(f"--model is missing{known}")


# ------------------------------------------------------------------------------------------------ how the answer comes


async def _told(answer: Answer, stream: ResponseStream, after: Callable[[], None]) -> None:
    """Tell the writer what the model says; call `after` whenever all that came was told."""
    batches: AsyncGenerator[Sequence[Said], None] = answer.batches()
    try:
        async for batch in batches:
            if not stream.is_started:
                stream.start()
            say(batch, stream)
            after()
            if stream.state.is_terminal:
                break
    finally:
        # At once, whatever ended this: a model that nobody listens to costs money.
        await batches.aclose()
    with stream:
        pass
    after()


async def _raw(answer: Answer, request: CreateResponse, name: str) -> ResponseStream:
    output = Output()
    dialect = dialect_by_name(name)
    emitter = SSEEmitter(output.write, dialect=dialect)
    stream = ResponseStream(emitter, model=str(request.model), request=request)
    await _told(answer, stream, output.send)
    emitter.done()
    output.send()
    tell("ask", "", dialect.notes)
    return stream


async def _json(answer: Answer, request: CreateResponse) -> ResponseStream:
    stream = ResponseStream(None, model=str(request.model), request=request)
    await _told(answer, stream, lambda: None)
    out = standard_output()
    out.write(escaped_json(msgspec.json.format(encode_object(stream.response), indent=2).decode()) + "\n")
    out.flush()
    return stream


async def _shown(answer: Answer, request: CreateResponse) -> ResponseStream:
    began = time.monotonic()
    turn = Turn(strict=True)
    with open_screen(live=True) as screen:
        view = ResponseView(turn.reader, screen)

        def progress() -> Progress:
            words = [f"{time.monotonic() - began:.1f} s", count(turn.events, "event"), turn.token_words]
            return Progress([*words, str(request.model)], view.drafts())

        def emit(event: ResponseStreamEvent) -> None:
            turn.feed(event)
            view.feed(event)

        screen.progress = progress
        stream = ResponseStream(CallbackEmitter(emit), model=str(request.model), request=request)
        ticking = asyncio.create_task(_tick(screen)) if screen.is_live else None
        try:
            await _told(answer, stream, screen.refresh)
        finally:
            screen.progress = None
            if ticking is not None:
                ticking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ticking
        view.finish()
        turn.sum_up(screen, seconds=time.monotonic() - began if screen.is_live else None)
    return stream


async def _tick(screen: Screen) -> None:
    while True:
        await asyncio.sleep(_TICK)
        screen.refresh()
