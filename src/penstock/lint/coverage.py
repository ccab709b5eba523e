"""What the specification says, sentence by sentence, and what holds it: a rule, or a reason why no rule can.

Every sentence of the document of 2026-04-24 with a key word of BCP 14 that obliges (MUST, SHOULD, and their negations)
is here, every other one that says what a stream is like, and every one that a rule quotes. The sentences are the
document's own, without its markup; a colon or `eg` at the end is where a list or an example follows. Source: "Open
Responses, Specification", version 2026-04-24, https://www.openresponses.org/specification.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

__all__ = ["SENTENCES", "Sentence"]


class Sentence(Struct, frozen=True):
    """One sentence of the specification: the heading it stands under, its words, and what holds it.

    `rules` are the codes of the rules that hold it, or a part of it; `reason` says why there is none, or what the rules
    leave to others.
    """

    section: str
    text: str
    rules: tuple[str, ...] = ()
    reason: str = ""


_REQUEST: Final = "About the request, which is judged when it is read (`penstock.wire.requests`)."
_CLIENT: Final = "About what a client does; its side of the connection is not in the stream."
_SOCKET: Final = (
    "About a connection as a whole; one stream cannot tell. The endpoint check and the server's tests hold it."
)
_STORE: Final = "About what a server keeps between two responses; one stream cannot tell. The endpoint check holds it."
_PROSE: Final = "About what implementors document; nothing a stream could show."
_CONTEXT: Final = "About what the model was shown, of which a stream tells nothing."

_HTTP: Final = "Streaming HTTP Responses"
_WS: Final = "WebSocket Transport"
_WS_NEXT: Final = "WebSocket Continuation"
_STATES: Final = "Items are state machines"
_STREAMABLE: Final = "Items are streamable"
_DELTAS: Final = "Delta Events"
_LIFECYCLE: Final = "State Machine events"
_ALLOWED: Final = "allowed_tools"
_FIELDS: Final = "Required item fields"
_EVENTS: Final = "Extending streaming events"
_EVENT_FIELDS: Final = "Required fields for extended streaming events"
_SCHEMAS: Final = "Extending existing schemas"

SENTENCES: Final = (
    Sentence(
        "State machines",
        "The spec defines the set of valid states for each state machine in the API.",
        ("OR204", "OR602", "OR604"),
    ),
    Sentence("HTTP Requests", "All messages MUST follow the HTTP protocol.", (), "HTTP is the server's to speak."),
    Sentence("HTTP Request Bodies", "Clients MUST send request bodies encoded as application/json", (), _REQUEST),
    Sentence(
        "HTTP Response Bodies",
        "When not streaming, servers MUST return data only as application/json.",
        (),
        "About a reply that is no stream; the endpoint check holds it.",
    ),
    Sentence(
        _HTTP,
        "When streaming, servers MUST return header Content-Type: text/event-stream, with individual data objects "
        "returned as JSON-encoded strings.",
        ("OR106", "OR107", "OR108", "OR110"),
    ),
    Sentence(_HTTP, "The terminal event MUST be the literal string [DONE].", ("OR104", "OR105")),
    Sentence(_HTTP, "The event field MUST match the type in the event body.", ("OR101", "OR102")),
    Sentence(_HTTP, "Servers SHOULD NOT use id.", ("OR103",)),
    Sentence(
        _WS,
        "A WebSocket connection is a transport mode for the Responses API; it does not define a separate response "
        "object model.",
        ("OR807",),
    ),
    Sentence(_WS, 'Clients MUST start each turn by sending a JSON object with type: "response.create".', (), _REQUEST),
    Sentence(
        _WS,
        "The remaining fields follow the standard response creation request body, except HTTP/SSE transport-specific "
        "fields such as stream, stream_options, and background MUST NOT be sent on WebSocket requests.",
        (),
        _REQUEST,
    ),
    Sentence(
        _WS,
        "Servers MUST treat a WebSocket response.create message as a request to create a response on the active "
        "connection.",
        (),
        _SOCKET,
    ),
    Sentence(
        _WS,
        "Servers MUST send response progress over the WebSocket using the same streaming event objects defined for "
        "streaming HTTP responses.",
        ("OR109",),
        "The rules about events hold for both transports.",
    ),
    Sentence(
        _WS,
        "Event ordering, sequence_number, output item lifecycle, content part lifecycle, and terminal response events "
        "have the same meaning on both transports.",
        ("OR301", "OR304", "OR305", "OR401", "OR601"),
        "All rules judge both transports, but for those about frames.",
    ),
    Sentence(
        _WS,
        "A single WebSocket connection MUST process at most one in-flight response at a time.",
        ("OR301", "OR403"),
    ),
    Sentence(
        _WS,
        "Servers MAY accept multiple response.create messages over one connection, but they MUST process those "
        "messages sequentially.",
        ("OR301", "OR403"),
    ),
    Sentence(
        _WS,
        "Servers MUST NOT multiplex multiple in-flight responses over one connection; clients that need parallel runs "
        "SHOULD use multiple WebSocket connections.",
        ("OR301", "OR403"),
    ),
    Sentence(
        _WS_NEXT,
        "A follow-up response.create message SHOULD include only new input items, such as tool outputs and the next "
        "user message, plus the previous_response_id of the prior response.",
        (),
        _REQUEST,
    ),
    Sentence(
        _WS_NEXT,
        "Servers SHOULD keep the most recent previous-response state in connection-local memory for the active "
        "WebSocket.",
        (),
        _STORE,
    ),
    Sentence(
        _WS_NEXT,
        "With store=false, there is no persisted fallback; if the referenced response is not available from "
        "connection-local state, the server MUST fail the turn with an error whose code is "
        "previous_response_not_found.",
        (),
        _STORE,
    ),
    Sentence(
        _WS_NEXT,
        "If a continuation turn fails with a 4xx or 5xx error, the server MUST evict the referenced "
        "previous_response_id from the connection-local cache.",
        (),
        _STORE,
    ),
    Sentence(
        _WS_NEXT,
        "A later attempt to continue from that evicted store=false response ID on the same connection MUST fail with "
        "previous_response_not_found.",
        (),
        _STORE,
    ),
    Sentence(
        "WebSocket Compaction",
        "After standalone compaction, clients MUST start a new response on the WebSocket by omitting "
        "previous_response_id or setting it to null, passing the compacted output as the base input, and appending "
        "the latest user or tool items.",
        (),
        _CLIENT,
    ),
    Sentence(
        "WebSocket Reconnects",
        "When the limit is reached, servers MUST return an error whose code is websocket_connection_limit_reached and "
        "clients SHOULD open a new WebSocket connection.",
        (),
        _SOCKET,
    ),
    Sentence(
        "WebSocket Reconnects",
        "When a connection closes or hits the 60-minute limit, clients SHOULD recover with one of these patterns:",
        (),
        _CLIENT,
    ),
    Sentence(
        "WebSocket Errors",
        "WebSocket failures MUST be sent as a JSON error envelope with a status code and an error.code.",
        ("OR209",),
    ),
    Sentence(
        "WebSocket Errors",
        "Clients SHOULD handle at least previous_response_not_found and websocket_connection_limit_reached.",
        (),
        _CLIENT,
    ),
    Sentence("Items are polymorphic", "Items are discriminated based on the type field", ("OR203", "OR204", "OR206")),
    Sentence(_STATES, "All item types should have these three basic status:", ("OR204", "OR604")),
    Sentence(
        _STATES, "in_progress - the model is currently emitting tokens belonging to this item", ("OR604", "OR309")
    ),
    Sentence(
        _STATES,
        "If an item ends in a terminal state, it MUST be the last item emitted, and the containing response also MUST "
        "be in an incomplete state.",
        ("OR605",),
    ),
    Sentence(
        _STATES,
        "This is a terminal status and no updates may be made to the item after the item has moved into this state.",
        ("OR303", "OR306", "OR310", "OR603"),
    ),
    Sentence(_STREAMABLE, "The first event MUST always be response.output_item.added.", ("OR304",)),
    Sentence(
        _STREAMABLE,
        "The item is echoed in the payload with as much detail as is available at that time.",
        ("OR408", "OR503"),
        "What was available nobody else can know; what is told at the beginning and at the end must be the same.",
    ),
    Sentence(
        _STREAMABLE,
        "For messages, this means at least the role, and for function_call, this is at least the name.",
        ("OR201", "OR409"),
    ),
    Sentence(
        _STREAMABLE,
        "All fields not marked nullable MUST have a value.",
        ("OR201", "OR202", "OR608"),
        "`usage` may be null by the schema; that a completed response has it, and that its sums are right, is what "
        "clients count on, and a warning.",
    ),
    Sentence(_STREAMABLE, "Use zero values where applicable.", ("OR202", "OR504")),
    Sentence(_STREAMABLE, "Such content MUST be backed by a content part.", ("OR305", "OR311", "OR314")),
    Sentence(
        _STREAMABLE,
        "The first event in such cases MUST be response.content_part.added, followed by events representing the delta "
        "to the content part, eg response.<content_type>.delta.",
        ("OR305", "OR311", "OR314"),
    ),
    Sentence(
        _STREAMABLE,
        "The delta events MAY be repeated many times, and end with response.<content_type>.done.",
        ("OR306", "OR307", "OR310", "OR501"),
    ),
    Sentence(
        _STREAMABLE, "The content part is then closed with response.content_part.done.", ("OR308", "OR310", "OR502")
    ),
    Sentence(
        _STREAMABLE,
        "Items with content MAY emit multiple content parts, following the pattern above.",
        ("OR407",),
    ),
    Sentence(
        _STREAMABLE,
        "When finished, the item is closed with response.output_item.done",
        ("OR309", "OR310", "OR312", "OR503"),
    ),
    Sentence(
        "Items are extensible",
        "These items MUST be prefixed with the canonical provider slug, eg",
        ("OR206", "OR803"),
    ),
    Sentence(
        "Why User and Assistant Content Have Different Shapes",
        "These are usually serializable as UTF-8 text, optionally with metadata like token logprobs.",
        ("OR506", "OR502"),
    ),
    Sentence(
        "Reasoning",
        "This content is typically streamable and follows the same delta semantics as other text-like content parts.",
        ("OR305", "OR307", "OR314", "OR501"),
    ),
    Sentence(
        "Reasoning",
        "All three fields are optional (can be null or the zero-value), and providers are free to support any "
        "combination of them, depending on their safety policies, business requirements, and implementation details.",
        ("OR201", "OR202"),
        "`content` and `encrypted_content` may be null or absent. `summary` may be empty; it must be there: "
        "the schema requires it, and nine of seventeen clients tested break without it.",
    ),
    Sentence(
        "Errors",
        "When an error occurs, the API responds with a structured error object that includes:",
        ("OR208", "OR607", "OR805"),
    ),
    Sentence("Errors", "Any error incurred while streaming will be followed by a response.failed event.", ("OR606",)),
    Sentence(
        "Streaming",
        "Open Responses defines two major types of streaming events into which all events MUST fall.",
        ("OR205", "OR806"),
    ),
    Sentence(
        _DELTAS,
        "A delta event represents a change to an object since its last update.",
        ("OR313", "OR501"),
    ),
    Sentence(
        _DELTAS,
        "This mechanism allows updates to be communicated incrementally as they happen, making streamed responses "
        "possible and efficient.",
        ("OR707",),
    ),
    Sentence(
        _DELTAS,
        "Adding a new item to a list (response.output_item.added)—for example, when a new message is generated and "
        "appended to a conversation.",
        ("OR406",),
    ),
    Sentence(
        _DELTAS,
        "Signaling that no further changes will occur to a content part (response.content_part.done)—for example, when "
        "the model has finished generating a sentence or paragraph.",
        ("OR306", "OR308"),
    ),
    Sentence(_DELTAS, "All streamable objects must follow this delta event pattern.", ("OR314", "OR603")),
    Sentence(
        _LIFECYCLE,
        "A state machine event represents a change in the status of an object as it progresses through its lifecycle.",
        ("OR301", "OR302", "OR403", "OR410"),
    ),
    Sentence(
        _LIFECYCLE,
        "For example, when a response changes status from in_progress to completed, a response.completed event is "
        "triggered.",
        ("OR601", "OR602"),
    ),
    Sentence(
        _LIFECYCLE,
        "When a Response moves from queued to in_progress, a response.in_progress event is emitted.",
        ("OR302",),
    ),
    Sentence(
        "Externally-hosted tools",
        "Functions are a great example, where the LLM is able to call the function, but the developer must run the "
        "function and return the output back to the LLM in a second request.",
        ("OR505", "OR701", "OR704"),
    ),
    Sentence(
        "previous_response_id",
        "When previous_response_id is provided, the server MUST load both the input and output associated with that "
        "prior response and treat them as part of the new request’s context.",  # noqa: RUF001 - as it is written there
        ("OR706",),
        "The rule holds that the id comes back; " + _CONTEXT[:1].lower() + _CONTEXT[1:],
    ),
    Sentence(
        "previous_response_id",
        "Providers MAY apply truncation or compaction as needed (subject to their truncation policies) but MUST "
        "preserve the semantic order of:",
        (),
        _CONTEXT,
    ),
    Sentence(
        "tool_choice",
        "The tool_choice field controls whether, and how, the model is allowed to invoke tools during a response.",
        ("OR703", "OR705"),
    ),
    Sentence(
        "tool_choice",
        "The model MUST call at least one tool and should not respond directly without doing so.",
        ("OR703",),
    ),
    Sentence("tool_choice", "The model MUST NOT call any tools.", ("OR703",)),
    Sentence(
        "tool_choice",
        "In this form, the model is required to call the specified function tool fn_name.",
        ("OR703",),
    ),
    Sentence(
        _ALLOWED,
        "All tools are still surfaced to the model in context (preserving cacheability of the shared system prompt "
        "and tool schema), but the model MUST restrict its tool calls to the subset named in allowed_tools.",
        ("OR702",),
    ),
    Sentence(_ALLOWED, "Servers MUST enforce allowed_tools as a hard constraint:", ("OR702",)),
    Sentence(
        _ALLOWED,
        "If allowed_tools is present, any tool call to a tool not listed MUST be rejected or suppressed by the server "
        "(e.g., by treating it as a model error, translating it into a direct reply, or applying provider-specific "
        "fallback behavior).",
        ("OR702",),
    ),
    Sentence(
        _ALLOWED,
        "Providers MAY also use allowed_tools as a training or routing hint, but this MUST NOT weaken the enforcement "
        "guarantee.",
        ("OR702",),
    ),
    Sentence(
        "truncation",
        "Providers SHOULD apply sensible heuristics when doing so (e.g., preserving system messages and recent turns) "
        "and MAY expose provider-specific policies for how truncation is performed.",
        (),
        _CONTEXT,
    ),
    Sentence("truncation", "The server MUST NOT truncate any input.", (), _CONTEXT),
    Sentence(
        "truncation",
        "If the combined context exceeds the model’s maximum context window, the request MUST fail with an error "  # noqa: RUF001
        "instead of silently dropping content.",
        (),
        _CONTEXT,
    ),
    Sentence(
        "service_tier",
        "Implementations SHOULD document which tiers they support, what behavior each tier implies (e.g., typical "
        "latency, throughput, or reliability characteristics), and any constraints or quotas tied to those tiers.",
        (),
        _PROSE,
    ),
    Sentence(
        "Hosted tools must have corresponding item types",
        "When building custom tools, the tool should have its own item type that provides developers a receipt of what "
        "occurred during tool call execution.",
        (),
        _PROSE,
    ),
    Sentence(
        "Hosted tools must have corresponding item types",
        "The item at minimum should contain a representation of how the model invoked the tool, the status of the tool "
        "call, and the result from the tool.",
        ("OR207",),
        "The rule holds the status; how the rest is said is the implementor's.",
    ),
    Sentence(
        "Extending Items",
        "However, any such extended item type—and any trajectory that contains it—SHOULD be treated as specific to "
        "that implementation and not assumed to be portable or interoperable across other Open Responses servers.",
        (),
        _CLIENT,
    ),
    Sentence(
        "Extending Items",
        "New item types that are not part of this specification MUST be prefixed with the implementor slug (for "
        "example, acme:search_result), as outlined above.",
        ("OR206", "OR803"),
    ),
    Sentence(
        "Extending Items",
        "When emitting or consuming extended item types, implementors SHOULD document their schemas and expected "
        "behaviors, and clients SHOULD be prepared to encounter unknown item types (for example, by ignoring them "
        "gracefully or treating them as opaque records) when interacting with multiple implementations.",
        (),
        _PROSE,
    ),
    Sentence(
        _FIELDS,
        "Every Item in an Open Responses trajectory MUST include the following top-level fields, regardless of its "
        "specific type:",
        ("OR201", "OR207"),
    ),
    Sentence(
        _FIELDS,
        "Servers MAY choose any stable identifier format, but it MUST be unique enough for clients to reference the "
        "item unambiguously (for example, via ItemReference objects or logs).",
        ("OR404", "OR405", "OR408", "OR409"),
    ),
    Sentence(
        _FIELDS,
        "Standard item types are defined by this specification (for example, input_text, output_text, or tool_call), "
        "while extension types MUST be prefixed with an implementor slug (for example, acme:search_result).",
        ("OR206", "OR803"),
    ),
    Sentence(
        _FIELDS,
        "Implementors MAY define additional statuses, but they SHOULD document their semantics and treat unknown "
        "status values conservatively on the client side.",
        (),
        _PROSE,
    ),
    Sentence(
        _EVENTS,
        "These events can be useful for observability, debugging, UI adaptation, or coordinating external workflows, "
        "but they MUST NOT change the normative semantics of the core Open Responses stream (for example, token order "
        "or item lifecycle).",
        (),
        "An extension event moves nothing here: what a stream says only in such events is missing by the other rules.",
    ),
    Sentence(
        _EVENTS,
        "As with custom item types, all extended streaming events MUST be prefixed with the implementor slug (for "
        "example, acme:trace_event) to avoid collisions and to make ownership and semantics explicit.",
        ("OR205", "OR801", "OR802", "OR803"),
    ),
    Sentence(
        _EVENTS,
        "Clients that do not understand a given extended event type MUST be able to ignore it safely without losing "
        "the ability to reconstruct the canonical response.",
        (),
        "An extension event moves nothing here: what a stream says only in such events is missing by the other rules.",
    ),
    Sentence(
        _EVENT_FIELDS,
        "Extended streaming events SHOULD follow a consistent structure to make them easy to consume across "
        "implementations.",
        (),
        _PROSE,
    ),
    Sentence(_EVENT_FIELDS, "At minimum, each event MUST include:", ("OR201", "OR207")),
    Sentence(
        _EVENT_FIELDS,
        "Non-standard types MUST be prefixed with the implementor slug (for example, acme:trace_event).",
        ("OR205", "OR804", "OR806"),
    ),
    Sentence(
        _EVENT_FIELDS,
        "A monotonically increasing number (within the stream or session) that allows clients to order events and "
        "detect gaps.",
        ("OR401", "OR402"),
    ),
    Sentence(
        _EVENT_FIELDS,
        "Implementors MAY add additional fields specific to their use case (for example, timing metrics, cache "
        "information, or tool-invocation traces), but SHOULD document these fields and their semantics so that "
        "clients can make informed use of them.",
        (),
        _PROSE,
    ),
    Sentence(_SCHEMAS, "To mitigate this, extensions to existing schemas SHOULD follow these guidelines:", (), _PROSE),
    Sentence(
        _SCHEMAS,
        "Keep all standard fields intact and unchanged in meaning; extensions MUST NOT alter required core behavior.",
        ("OR201", "OR203", "OR706"),
    ),
    Sentence(
        _SCHEMAS,
        "In practice, this means that extending existing schemas is an acceptable way to evolve an implementation, "
        "but implementors SHOULD treat those extensions as vendor-specific and avoid assuming that other Open "
        "Responses-compatible APIs will recognize or honor them.",
        (),
        _PROSE,
    ),
)
"""All of them, in the order of the document."""
