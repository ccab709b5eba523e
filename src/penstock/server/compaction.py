"""`POST /responses/compact`: a conversation folded into one item that carries it over.

What is carried over is sealed into a compaction item (`penstock.server.summary`), and opened when it is sent back.

Spec: "WebSocket Compaction", schema `CompactResource`. What compaction does to a conversation is left to servers.
"""

from __future__ import annotations

from msgspec.structs import replace
from starlette.types import Receive

from penstock.server.client import Client
from penstock.server.context import seal_items
from penstock.server.errors import Refused
from penstock.server.service import Service, answered
from penstock.server.summary import TO_SUM_UP, carried_over
from penstock.server.turn import Nobody, Plan, run_for
from penstock.spec.items import CompactionItem
from penstock.spec.request import CompactRequest, CreateResponse
from penstock.spec.response import NO_USAGE, CompactResponse, ResponseUsage
from penstock.wire.codec import to_plain

__all__ = ["compact"]


async def compact(service: Service, asked: CompactRequest, owner: str, client: Client, receive: Receive) -> object:
    """Return the compacted conversation, as plain JSON data. Raises Refused.

    Where the `client` goes away, as `receive` tells, the model is let go.
    """
    name, model = service.models.find(asked.model)
    context = service.context(owner)
    previous = asked.previous_response_id or ""
    before = await context.before(previous) if previous else []
    own = await context.own(asked.input)
    told, _ = context.without_cut_calls(context.opened(before, own, is_text=isinstance(asked.input, str)))
    items = told.items
    if not items:
        raise Refused.because(
            "input: is required, and absent or empty", code="missing_required_parameter", param="input"
        )
    summary, usage = "", NO_USAGE
    if model.provider.sums_up:
        request = CreateResponse(model=name, instructions=asked.instructions, input=asked.input, store=False)
        sent = replace(
            request,
            model=model.upstream_name,
            input=[*items, TO_SUM_UP],
            prompt_cache_key=asked.prompt_cache_key,
        )
        plan = Plan(
            request=request,
            model=name,
            owner=owner,
            input=own,
            previous=None,
            context=items,
            answer=answered(model, sent, told),
            manner=service.manner(client, model),
            place=told.place,
        )
        summary, usage = await _sum_up(service, plan, receive)
    kept = carried_over(items, summary)
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
    return turn.response.output_text, turn.response.usage or NO_USAGE
