"""`POST /responses/compact`: a conversation folded into one item that carries it over.

The model is asked to sum the conversation up; what it wrote, the last messages of the user as they stood, and open
calls are sealed into a compaction item. Sent back as input, it is opened again. Where the provider is one
that cannot (the demo), or the model says nothing, the conversation is carried over word for word instead.

Spec: "WebSocket Compaction", schema `CompactResource`. What compaction does to a conversation is left to servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace
from starlette.types import Receive

from penstock.server.client import Client
from penstock.server.context import seal_items
from penstock.server.errors import Refused
from penstock.server.service import Service, answered
from penstock.server.turn import Nobody, Plan, run_for
from penstock.spec.items import (
    CompactionItem,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    ItemParam,
    MessageItemParam,
)
from penstock.spec.request import CompactRequest, CreateResponse
from penstock.spec.response import NO_INPUT_DETAILS, NO_OUTPUT_DETAILS, CompactResponse, ResponseUsage
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


async def compact(service: Service, asked: CompactRequest, owner: str, client: Client, receive: Receive) -> object:
    """Return the compacted conversation, as plain JSON data. Raises Refused.

    Where the `client` goes away, as `receive` tells, the model is let go.
    """
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
        request = CreateResponse(model=name, instructions=asked.instructions, input=asked.input, store=False)
        sent = replace(
            request,
            model=model.upstream_name,
            input=[*items, MessageItemParam(role="user", content=_INSTRUCTIONS)],
            prompt_cache_key=asked.prompt_cache_key,
        )
        plan = Plan(
            request=request,
            model=name,
            owner=owner,
            input=own,
            previous=None,
            context=items,
            answer=answered(model, sent),
            manner=service.manner(client, model),
        )
        summary, usage = await _sum_up(service, plan, receive)
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


async def _sum_up(service: Service, plan: Plan, receive: Receive) -> tuple[str, ResponseUsage]:
    """Return what the model makes of a conversation, and what that cost. Raises Refused where it fails."""
    with service.turn(plan, Nobody()) as turn:
        await run_for(turn, receive)
    if turn.error is not None:
        raise Refused(turn.error)
    return turn.response.output_text, turn.response.usage or _NO_USAGE


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
