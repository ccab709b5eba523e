"""OR8, dialect: known departures, readable and convertible. One finding a kind and stream."""

from __future__ import annotations

from penstock.lint.examples import Example, change, insert_after, remove, rename
from penstock.lint.findings import Level
from penstock.lint.rule import DialectRule

_EVENTS = "Extending streaming events"
_ITEMS = "Items are extensible"
_ITEM_ADDED = "response.output_item.added"


class OpenAIReasoningText(DialectRule):
    """Raw reasoning by OpenAI's names."""

    code = "OR801"
    name = "openai-reasoning-text"
    level = Level.INFO
    section = _EVENTS
    sentence = "all extended streaming events MUST be prefixed with the implementor slug"
    what = (
        "Raw reasoning is streamed as `response.reasoning_text.delta` and `.done`, OpenAI's names for "
        "`response.reasoning.*`."
    )
    tells = "OpenAI's name for an event of raw reasoning, response.reasoning.*"
    why = (
        "Clients of OpenAI's API know these names, clients of the specification the others: of seventeen tested five "
        "lose raw reasoning by these names, eleven by the specification's."
    )
    mend = "The events get the specification's names; with --dialect openai they get OpenAI's."
    bad = Example(
        base="reasoning",
        edits=(
            rename("response.reasoning.delta", "response.reasoning_text.delta"),
            rename("response.reasoning.done", "response.reasoning_text.done"),
        ),
    )
    good = Example(base="reasoning")


class ReasoningPartEvents(DialectRule):
    """Reasoning parts with events of their own."""

    code = "OR802"
    name = "reasoning-part-events"
    level = Level.INFO
    section = _EVENTS
    sentence = "all extended streaming events MUST be prefixed with the implementor slug"
    what = "The parts of raw reasoning are opened and closed with `response.reasoning_part.added` and `.done`."
    tells = "an event of its own for a part of raw reasoning"
    why = "Clients know `response.content_part.*`; of the others they see a part that was never added."
    mend = "The events are written as content part events."
    bad = Example(
        base="reasoning",
        edits=(
            rename("response.content_part.added", "response.reasoning_part.added", 0),
            rename("response.content_part.done", "response.reasoning_part.done", 0),
        ),
    )
    good = Example(base="reasoning")


class OpenAIHostedTool(DialectRule):
    """OpenAI's hosted tools, without a slug."""

    code = "OR803"
    name = "openai-hosted-tool"
    level = Level.INFO
    section = _ITEMS
    sentence = "These items MUST be prefixed with the canonical provider slug"
    what = (
        "Events, items, tools and annotations of OpenAI's hosted tools stand without a slug: `web_search_call` and "
        "its like."
    )
    tells = "a hosted tool of OpenAI, without a slug"
    why = "Clients of OpenAI's API know the bare names; for others they look like events of a newer specification."
    mend = "They get the slug `openai:`; with --dialect openai the bare names stay."
    bad = Example(
        base="text",
        edits=(
            insert_after(
                "response.in_progress",
                {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
            ),
        ),
    )
    good = Example(base="text")


class VTCodeEnvelope(DialectRule):
    """VT Code's envelope."""

    code = "OR804"
    name = "vtcode-envelope"
    level = Level.INFO
    section = "Required fields for extended streaming events"
    sentence = "Non-standard types MUST be prefixed with the implementor slug"
    what = (
        "Events carry a `response_id`, extensions are `response.custom_event`, reasoning has no content index: VT "
        "Code's form."
    )
    tells = "an event in VT Code's envelope"
    why = "Clients of the specification ignore the id, and do not know the custom event."
    mend = "The events are written in the specification's form; with --dialect vtcode in VT Code's."
    bad = Example(base="text", edits=(change("response.output_text.delta", "response_id", "resp_1"),))
    good = Example(base="text")


class FlatErrorEvent(DialectRule):
    """OpenAI's flat error."""

    code = "OR805"
    name = "flat-error-event"
    level = Level.INFO
    section = "Errors"
    sentence = "the API responds with a structured error object"
    what = "An `error` event has `code`, `message` and `param` at its top, not in `error`."
    tells = "an error with its fields at the top, as OpenAI sends it"
    why = "The AI SDK's Open Responses provider raises on it; the official OpenAI SDKs expect it."
    mend = "They are put into `error`; with --dialect openai they stand at the top."
    bad = Example(
        base="failed",
        edits=(
            change("error", "message", "The pump broke."),
            change("error", "code", "pump_broken"),
            change("error", "param", None),
            remove("error", "error"),
        ),
    )
    good = Example(base="failed")


class KeepaliveEvent(DialectRule):
    """Events that only keep the line open."""

    code = "OR806"
    name = "keepalive-event"
    level = Level.INFO
    section = "Required fields for extended streaming events"
    sentence = "Non-standard types MUST be prefixed with the implementor slug"
    what = "An event such as `ping` keeps the connection open; an SSE comment does it without one."
    tells = "an event that only keeps the connection open"
    why = "Clients that know all event types raise on it (the npm helper of OpenAI); comments are skipped by all."
    mend = "It is left out."
    bad = Example(base="text", edits=(insert_after("response.in_progress", {"type": "ping"}),))
    good = Example(base="text", framing=lambda data: data.replace(b"\n\n", b"\n\n: ping\n\n", 1))


class OlderVersion(DialectRule):
    """Something the older document does not have."""

    code = "OR807"
    name = "version-2026-01-15"
    level = Level.INFO
    section = "WebSocket Transport"
    sentence = "a transport mode for the Responses API"
    what = "Judged by the document of 2026-01-15: what only the later one has (`phase`, compaction items) is told of."
    tells = "something the document of 2026-01-15 does not have"
    why = "A client made for the older document does not know it."
    mend = None
    bad = Example(
        base="refusal",
        dialect="2026-01-15",
        edits=(change(_ITEM_ADDED, "item.phase", "final_answer"),),
    )
    good = Example(base="two_messages")


RULES = (
    OpenAIReasoningText,
    ReasoningPartEvents,
    OpenAIHostedTool,
    VTCodeEnvelope,
    FlatErrorEvent,
    KeepaliveEvent,
    OlderVersion,
)
