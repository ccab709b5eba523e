"""Penstock: Open Responses streams, written so that they cannot be wrong, and read from anybody.

The names here are the public ones: the writer and the reader, what a model can say, the events, and the ways between
events and bytes. The objects of the specification are in `penstock.spec`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from penstock.live import ResponseStream, random_id
from penstock.spec.base import UNSET
from penstock.spec.content import UrlCitation
from penstock.spec.errors import PenstockError
from penstock.spec.events import (
    ContentPartAdded,
    ContentPartDone,
    ErrorEvent,
    ExtensionEvent,
    FunctionCallArgumentsDelta,
    FunctionCallArgumentsDone,
    OutputItemAdded,
    OutputItemDone,
    OutputTextAnnotationAdded,
    OutputTextDelta,
    OutputTextDone,
    ReasoningDelta,
    ReasoningDone,
    ReasoningSummaryPartAdded,
    ReasoningSummaryPartDone,
    ReasoningSummaryTextDelta,
    ReasoningSummaryTextDone,
    RefusalDelta,
    RefusalDone,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
    ResponseStreamEvent,
)
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, Response
from penstock.stream.emitters import (
    CallbackEmitter,
    ListStreamEmitter,
    SequencedEmitter,
    SequencedEvent,
    StreamEventEmitter,
    TeeEmitter,
    sequence,
)
from penstock.stream.machine import StreamStateError
from penstock.stream.output import (
    Annotated,
    Arguments,
    Done,
    EncryptedReasoning,
    Extension,
    Failure,
    FunctionCall,
    NewMessage,
    NewPart,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Stop,
    Text,
    Usage,
)
from penstock.stream.reader import ResponseReader
from penstock.stream.writer import ResponseWriter, WriterOptions
from penstock.transport import JSONLEmitter, SSEEmitter
from penstock.wire.errors import WireError
from penstock.wire.jsonl import read_jsonl
from penstock.wire.sse import SSEEncoder, aread_sse, read_sse

if TYPE_CHECKING:
    from penstock.judge import Finding, Level, Linter, Mend, Repairer, lint, repair
    from penstock.server.app import App as App  # not in __all__: `*` is to work without the server's extra

__all__ = [
    "UNSET",
    "Annotated",
    "Arguments",
    "CallbackEmitter",
    "ContentPartAdded",
    "ContentPartDone",
    "CreateResponse",
    "Done",
    "EncryptedReasoning",
    "ErrorEvent",
    "ErrorPayload",
    "Extension",
    "ExtensionEvent",
    "Failure",
    "Finding",
    "FunctionCall",
    "FunctionCallArgumentsDelta",
    "FunctionCallArgumentsDone",
    "JSONLEmitter",
    "Level",
    "Linter",
    "ListStreamEmitter",
    "Mend",
    "NewMessage",
    "NewPart",
    "OutputItemAdded",
    "OutputItemDone",
    "OutputTextAnnotationAdded",
    "OutputTextDelta",
    "OutputTextDone",
    "PenstockError",
    "ReadyItem",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningDone",
    "ReasoningSummary",
    "ReasoningSummaryPartAdded",
    "ReasoningSummaryPartDone",
    "ReasoningSummaryTextDelta",
    "ReasoningSummaryTextDone",
    "Refusal",
    "RefusalDelta",
    "RefusalDone",
    "Repairer",
    "Response",
    "ResponseCompleted",
    "ResponseCreated",
    "ResponseFailed",
    "ResponseInProgress",
    "ResponseIncomplete",
    "ResponseQueued",
    "ResponseReader",
    "ResponseStream",
    "ResponseStreamEvent",
    "ResponseWriter",
    "SSEEmitter",
    "SSEEncoder",
    "SequencedEmitter",
    "SequencedEvent",
    "Stop",
    "StreamEventEmitter",
    "StreamStateError",
    "TeeEmitter",
    "Text",
    "UrlCitation",
    "Usage",
    "WireError",
    "WriterOptions",
    "aread_sse",
    "lint",
    "random_id",
    "read_jsonl",
    "read_sse",
    "repair",
    "sequence",
]

_JUDGES = frozenset({"Finding", "Level", "Linter", "Mend", "Repairer", "repair"})


def __getattr__(name: str) -> object:
    """Return a name of linting, repairing or serving; these are loaded when one of them is first asked for."""
    if name in _JUDGES:
        return getattr(import_module("penstock.judge"), name)
    if name == "lint":
        return import_module("penstock.lint")
    if name == "App":
        return import_module("penstock.server.app").App
    raise AttributeError(f"module 'penstock' has no attribute {name!r}")
