"""Arbitrary things for a writer to say and for a reader to read. Shared by the tests of several packages.

`programs` are what a model may say, in an order that makes sense: a writer takes all of it. `outputs` are what it may
say, in no order. `events` are events in no order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from hypothesis import strategies as st
from msgspec import UNSET, Struct
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.content import (
    Content,
    ExtensionAnnotation,
    ExtensionContent,
    InputImageContent,
    InputTextContent,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
    TopLogProb,
    UrlCitation,
)
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    MessageItem,
    Phase,
    ReasoningItem,
)
from penstock.spec.response import ErrorPayload
from penstock.stream import output as o
from penstock.stream.writer import ResponseWriter, WriterOptions
from tests.stream.samples import ITEMS, RESPONSE

__all__ = ["Program", "events", "items", "options", "outputs", "programs", "texts"]

texts = st.text(max_size=12) | st.sampled_from(["", "é", "😀", "\u2028", "a\n\nb", "\x00", '"\\'])
"""Text that UTF-8 can hold."""
any_texts = st.text(st.characters(), max_size=8) | st.sampled_from(["\ud83d", "\ude00", "a\ud83d", "\ude00b"])
"""Any string, lone surrogates among them."""
_phases: list[Phase | None] = [None, "commentary", "final_answer"]
_names = st.sampled_from(["f", "get_weather", "search-2"])
_ids = st.sampled_from(["", "id_a", "id_b", "id_c"])
_statuses = st.sampled_from(["in_progress", "completed", "incomplete"])
_floats = st.floats(-100, 0, allow_nan=False)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
_json_objects = st.dictionaries(texts, _json, max_size=3)
_slugs = st.sampled_from(["acme:thing", "acme:other_thing", "vtcode:trace_event"])
_bytes = st.lists(st.integers(0, 255), max_size=2)
_tops = st.builds(TopLogProb, token=texts, logprob=_floats, bytes=_bytes)
_logprobs = st.lists(
    st.builds(LogProb, token=texts, logprob=_floats, bytes=_bytes, top_logprobs=st.lists(_tops, max_size=2)),
    max_size=2,
)


@st.composite
def _citations(draw: st.DrawFn) -> UrlCitation:
    start, end = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    return UrlCitation(
        url="https://example.org/" + draw(st.sampled_from("abc")), title=draw(texts), start_index=start, end_index=end
    )


def _extensions(cls: Callable[..., Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of an implementor's own."""
    return st.builds(
        lambda type, rest, own: cls(fields=Extra({**rest, **own, "type": type})),
        _slugs,
        _json_objects,
        st.fixed_dictionaries(fields),
    )


def _parts(*, extensions: bool) -> st.SearchStrategy[Content]:
    annotations: st.SearchStrategy[Any] = _citations()
    if extensions:
        annotations |= _extensions(ExtensionAnnotation)
    known: st.SearchStrategy[Content] = st.one_of(
        st.builds(
            OutputTextContent,
            text=texts,
            annotations=st.lists(annotations, max_size=2),
            logprobs=st.just(UNSET) | _logprobs,
        ),
        st.builds(RefusalContent, refusal=texts),
        st.builds(TextContent, text=texts),
        st.builds(SummaryTextContent, text=texts),
        st.builds(ReasoningTextContent, text=texts),
        st.builds(InputTextContent, text=texts),
        st.builds(InputImageContent, image_url=st.just("https://example.org/i.png"), detail=st.just("auto")),
    )
    return known | _extensions(ExtensionContent) if extensions else known


def items(*, extensions: bool = True) -> st.SearchStrategy[Item]:
    """Whole items of every kind."""
    parts = st.lists(_parts(extensions=extensions), max_size=3)
    known: st.SearchStrategy[Item] = st.one_of(
        st.builds(
            MessageItem,
            id=_ids,
            status=_statuses,
            role=st.sampled_from(["assistant", "user"]),
            content=parts,
            phase=st.sampled_from([UNSET, "commentary", "final_answer"]),
        ),
        st.builds(
            FunctionCallItem,
            id=_ids,
            call_id=_ids,
            name=_names,
            arguments=st.sampled_from(["", "{}", '{"a":1}']),
            status=_statuses,
        ),
        st.builds(
            FunctionCallOutputItem,
            id=_ids,
            call_id=st.sampled_from(["c", "d"]),
            output=texts | st.lists(st.builds(InputTextContent, text=texts), max_size=2),
            status=_statuses,
        ),
        st.builds(
            ReasoningItem,
            id=_ids,
            summary=parts,
            content=parts | st.sampled_from([UNSET, None]),
            encrypted_content=st.sampled_from([UNSET, None, "gAAA"]),
            status=_statuses | st.just(UNSET),
        ),
        st.builds(CompactionItem, id=_ids, encrypted_content=texts),
    )
    return known | _extensions(ExtensionItem, id=_ids, status=_statuses) if extensions else known


_whole_usage = st.builds(
    o.Usage,
    input_tokens=st.integers(0, 99),
    output_tokens=st.integers(0, 99),
    cached_tokens=st.integers(-1, 200),
    reasoning_tokens=st.integers(-1, 200),
    total_tokens=st.none() | st.integers(0, 300),
)
_errors = st.builds(
    ErrorPayload,
    type=st.just("model_error"),
    code=st.none() | st.just("overloaded"),
    message=texts,
    param=st.none(),
)
_reasons = st.sampled_from(["stop", "tool_calls", "max_output_tokens", "content_filter", "acme:tired"])
options = st.builds(
    WriterOptions,
    reasoning=st.sampled_from(["raw", "summary", "off"]),
    tool_calls=st.booleans(),
    extensions=st.booleans(),
)


class Program(Struct, frozen=True):
    """What a model says in one response, and how it ends: by `finish`, by `incomplete` or by `fail`."""

    outputs: list[o.Output]
    end: Literal["finish", "incomplete", "fail"]
    queued: bool = False

    def run(self, writer: ResponseWriter) -> None:
        """Say all of it."""
        writer.start(queued=self.queued)
        for output in self.outputs:
            writer.send(output)
        match self.end:
            case "finish":
                writer.finish()
            case "incomplete":
                writer.incomplete("content_filter")
            case "fail":
                writer.fail(ErrorPayload(type="server_error", code=None, message="It broke.", param=None))


def _plain(*, extensions: bool) -> st.SearchStrategy[o.Output]:
    """What may be said at any point."""
    annotations: st.SearchStrategy[Any] = _citations()
    kinds: list[st.SearchStrategy[o.Output]] = [
        texts,
        texts.map(o.Text),
        st.builds(o.Text, texts, _logprobs),
        texts.map(o.Refusal),
        texts.map(o.Reasoning),
        texts.map(o.ReasoningSummary),
        st.sampled_from(["", "gAAA", "B"]).map(o.EncryptedReasoning),
        st.builds(o.FunctionCall, _names, st.just("{}") | _json_objects, st.sampled_from([None, "id_a", "id_b"])),
        st.sampled_from(_phases).map(o.NewMessage),
        st.just(o.NewPart()),
        items(extensions=extensions).map(o.ReadyItem),
        _whole_usage,
        st.just(o.Done()),
        _reasons.map(o.Stop),
    ]
    if extensions:
        annotations |= _extensions(ExtensionAnnotation)
        fields = _json_objects.map(lambda f: {k: v for k, v in f.items() if k not in ("type", "sequence_number")})
        kinds.append(st.builds(o.Extension, _slugs, fields))
    kinds.append(annotations.map(o.Annotated))
    return st.one_of(kinds)


@st.composite
def programs(draw: st.DrawFn, *, extensions: bool = True) -> Program:
    """Anything a model can say that makes sense; without `extensions` the specification's schemas hold all of it."""
    said: list[o.Output] = []
    is_open: list[str] = []
    began = 0
    plain = _plain(extensions=extensions)
    for _ in range(draw(st.integers(0, 12))):
        move = draw(st.sampled_from(["plain", "plain", "plain", "call", "arguments", "arguments", "done"]))
        if move == "call":
            is_open.append(f"k{began}")
            said.append(o.FunctionCall(draw(_names), key=f"k{began}"))
            began += 1
        elif move == "arguments" and is_open:
            said.append(
                o.Arguments(draw(st.sampled_from(["", '{"a":', "1}", "é", "x"])), draw(st.sampled_from(is_open)))
            )
        elif move == "done" and is_open:
            key = draw(st.sampled_from(is_open))
            is_open.remove(key)
            said.append(o.Done(key))
        else:
            output = draw(plain)
            if output == o.Done():
                # It may end any open call; what it ends is the writer's affair, so none is named after it.
                is_open.clear()
            said.append(output)
    return Program(said, draw(st.sampled_from(["finish", "finish", "incomplete", "fail"])), draw(st.booleans()))


_wrong: st.SearchStrategy[Any] = st.sampled_from(
    [
        o.Arguments("x"),
        o.Arguments("x", "nobody"),
        o.Done("nobody"),
        o.FunctionCall(""),
        o.FunctionCall("f", {"a": float("nan")}),
        o.FunctionCall("f", {"a": object()}),
        o.Extension("trace"),
        o.Extension("acme:x", {"type": "y"}),
        o.Extension("acme:x", {"a": float("inf")}),
        o.Extension("acme:x", {"a": "\ud800"}),
        o.Text("x", [LogProb(token="t", logprob=float("nan"), bytes=[], top_logprobs=[])]),
        o.ReadyItem(ExtensionItem(fields=Extra({"type": "unprefixed"}))),
        o.ReadyItem(ExtensionItem(fields=Extra({"type": "acme:x", "a": {1: 2}}))),
        o.ReadyItem(MessageItem(id="m", status="completed", role="bot", content=[])),
        o.ReadyItem(FunctionCallItem(id="m", status="completed", call_id="c", name="", arguments="")),
        o.Annotated(ExtensionAnnotation(fields=Extra({"type": "acme:a", "a": float("nan")}))),
        o.Usage(input_tokens=1, output_tokens=1, extra=Extra({"a": float("nan")})),
        o.Failure(ErrorPayload(type="server_error", code=None, message="\ud800", param=None)),
        o.Text(None),  # type: ignore[arg-type]
        o.Reasoning(5),  # type: ignore[arg-type]
        None,
        7,
    ]
)
outputs = st.one_of(
    _plain(extensions=True),
    any_texts,
    any_texts.map(o.Text),
    any_texts.map(o.Reasoning),
    any_texts.map(o.ReasoningSummary),
    st.builds(o.Arguments, any_texts, st.sampled_from([None, "k", "id_a"])),
    st.builds(
        o.FunctionCall, _names, st.none() | any_texts, st.sampled_from([None, "id_a"]), st.sampled_from([None, "k"])
    ),
    st.sampled_from([None, "k", "id_a"]).map(o.Done),
    _errors.map(o.Failure),
    _wrong,
)
"""Anything that is ever given to a writer, whether it makes sense or not."""

_indexes = st.sampled_from([0, 0, 0, 1, 2, -1, 10**12])
_fields: dict[str, st.SearchStrategy[Any]] = {
    "sequence_number": st.just(UNSET) | st.integers(0, 9),
    "response": st.builds(
        lambda status, output: replace(RESPONSE, status=status, output=output),
        st.sampled_from(["in_progress", "queued", "completed", "failed"]),
        st.just([]) | st.lists(items(), max_size=2),
    ),
    "output_index": _indexes,
    "content_index": _indexes,
    "summary_index": _indexes,
    "annotation_index": _indexes,
    "item_id": _ids,
    "item": st.sampled_from(list(ITEMS.values())) | items(),
    "part": _parts(extensions=True) | st.just(ExtensionContent(fields=Extra())),
    "annotation": _citations(),
    "error": _errors,
    "delta": any_texts,
    "text": any_texts,
    "refusal": any_texts,
    "arguments": any_texts,
    "logprobs": st.just(UNSET) | _logprobs,
    "fields": _json_objects.map(Extra),
}


def _of(cls: type[e.Event]) -> st.SearchStrategy[e.ResponseStreamEvent]:
    make: Any = cls
    return st.builds(make, **{name: _fields[name] for name in cls.__struct_fields__ if name in _fields})


events = st.one_of([_of(cls) for cls in (*e.STANDARD_EVENTS, e.ExtensionEvent)])
"""Any event, about any place."""
