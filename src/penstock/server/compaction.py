"""`POST /responses/compact`: a conversation folded into one item that carries it over.

The model is asked to sum the conversation up; what it wrote, the last messages of the user as they stood, and open
calls are sealed into a compaction item. Sent back as input, it is opened again. Where the provider is one
that cannot (the demo), or the model says nothing, the conversation is carried over word for word instead.

Spec: "WebSocket Compaction", schema `CompactResource`. What compaction does to a conversation is left to servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from msgspec.structs import replace

from penstock.live import ResponseStream
from penstock.provider.base import Provider
from penstock.server.client import Manner
from penstock.server.context import seal_items
from penstock.server.errors import Refused
from penstock.server.service import Service
from penstock.spec.items import (
    CompactionItem,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    MessageItemParam,
)
from penstock.spec.request import CompactRequest, CreateResponse
from penstock.spec.response import NO_INPUT_DETAILS, NO_OUTPUT_DETAILS, CompactResponse, ResponseUsage
from penstock.upstream.base import UnsupportedParameter
from penstock.wire.codec import to_plain

__all__ = ["compact"]

KEPT_CHARACTERS: Final = 20_000
"""How much of what the user said last is kept word for word, in characters: some 5,000 tokens, enough for a task."""

_INSTRUCTIONS: Final = """\
Sum up the conversation so far for somebody who will go on with it in your place and has seen nothing of it. Keep what \
the user wants, what was decided and why, names, numbers, paths, identifiers and code that are still needed, what was \
tried and what came of it, what is open, and what was promised. Leave out what no longer matters. Write the summary \
only."""
_SUMMARY: Final = "This is a summary of the conversation so far; its earlier part is not shown any more.\n\n"
_NO_USAGE: Final = ResponseUsage(
    input_tokens=0,
    output_tokens=0,
    total_tokens=0,
    input_tokens_details=NO_INPUT_DETAILS,
    output_tokens_details=NO_OUTPUT_DETAILS,
)


async def compact(service: Service, asked: CompactRequest, owner: str, manner: Manner) -> object:  # noqa: ARG001
    """Return the compacted conversation, as plain JSON data. Raises Refused."""
    name, model = service.models.find(asked.model)
    context = service.context(owner)
    previous = asked.previous_response_id or ""
    before = await context.before(previous) if previous else []
    own = await context.own(asked.input)
    items = context.opened([*before, *own], first=len(before))
    if not items:
        raise Refused.because("input: is required, and absent", code="missing_required_parameter", param="input")
    summary, usage = "", _NO_USAGE
    if model.provider.sums_up:
        request = CreateResponse(model=model.upstream_name or name, instructions=asked.instructions, input=items)
        summary, usage = await _sum_up(service, model.provider, request)
    kept = _carried_over(items, summary) if summary else items
    item = CompactionItem(
        id=service.ids("cmp"), encrypted_content=seal_items(service.seals, owner, kept), status="completed"
    )
    resource = CompactResponse(
        id=service.ids("resp"),
        object="response.compaction",
        output=[item],
        created_at=int(service.clock()),
        usage=usage,
    )
    return to_plain(resource)


async def _sum_up(service: Service, provider: Provider, request: CreateResponse) -> tuple[str, ResponseUsage]:
    """Return what the model makes of a conversation, and what that cost. Raises Refused where it fails."""
    asked = MessageItemParam(role="user", content=_INSTRUCTIONS)
    items = request.input if isinstance(request.input, list) else []
    sent = replace(request, input=[*items, asked], store=False)
    writer = ResponseStream(None, model="", ids=service.ids, clock=service.clock)
    try:
        answer = provider.answer(sent)
        with writer:
            async with aclosing(answer.batches()) as batches:
                async for batch in batches:
                    for output in batch:
                        writer.send(output)
    except UnsupportedParameter as error:
        raise Refused.because(str(error), code="unsupported_parameter", param=error.param) from None
    response = writer.response
    if response.error is not None:
        raise Refused.because(response.error.message, code=response.error.code, error_type="model_error")
    return response.output_text, response.usage or _NO_USAGE


def _carried_over(items: Sequence[ItemParam], summary: str) -> list[ItemParam]:
    """Return what goes on of a conversation that was summed up."""
    answered = {item.call_id for item in items if isinstance(item, FunctionCallOutputItemParam)}
    open_calls = [item for item in items if isinstance(item, FunctionCallItemParam) and item.call_id not in answered]
    kept: list[ItemParam] = []
    left = KEPT_CHARACTERS
    for item in reversed(items):
        if isinstance(item, MessageItemParam) and item.role == "user":
            text = item.text
            left -= len(text)
            if left < 0:
                break
            kept.append(replace(item, content=text))
    first = MessageItemParam(role="developer", content=_SUMMARY + summary)
    return [first, *reversed(kept), *open_calls]
