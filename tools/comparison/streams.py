"""The streams that are compared by: the rules' bad examples, and every valid stream that stands beside them.

Each broken stream has valid twins: the same stream with nothing done to it, and the rule's good example. Whoever
refuses a twin as well has not seen the fault. The streams are made from the rules whenever they are asked for;
`--streams DIR` writes them down for use elsewhere.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penstock.lint.examples import BASES, Events, Example
from penstock.lint.findings import Finding
from penstock.lint.linter import lint
from penstock.lint.rule import Rule
from penstock.lint.rules import ALL_RULES
from penstock.spec.request import CreateResponse
from penstock.wire.codec import decode_object, encode_plain

__all__ = ["Sample", "findings", "samples", "write_samples"]

DIALECT = "openresponses"
REQUEST = {"model": "example-model", "input": "Hello"}
"""What is asked where the stream does not depend on it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """A stream, and how it came.

    `rule` is the code of the rule it breaks and `level` how much that matters, both empty where it is valid; `twins`
    are the names of the valid streams that a broken one is told apart from.
    """

    name: str
    title: str
    data: bytes
    rule: str = ""
    level: str = ""
    twins: tuple[str, ...] = ()
    transport: str = "sse"
    content_type: str = "text/event-stream"
    request: dict[str, Any] | None = None

    @property
    def family(self) -> str:
        """The family of the rule: `OR3`; empty where the stream is valid."""
        return self.rule[:3]

    @property
    def body(self) -> dict[str, Any]:
        """The request this stream answers, without the word that it is to be streamed."""
        return {key: value for key, value in (self.request or REQUEST).items() if key != "stream"}


def findings(sample: Sample) -> list[Finding]:
    """Return what Penstock finds in a sample, told all that is known of it."""
    request = None
    if sample.request is not None:
        request = decode_object(CreateResponse, encode_plain(sample.request), tolerant=False)
    content_type = sample.content_type if sample.transport == "sse" else None
    return lint(sample.data, transport=sample.transport, content_type=content_type, request=request)


def samples() -> list[Sample]:
    """Return all samples: the valid ones, then the broken ones in the order of their rules."""
    valid: dict[tuple[object, ...], Sample] = {}
    for title, example in _valid_examples():
        _add(valid, title, example)
    broken = [_broken(rule, valid) for rule in ALL_RULES if rule.bad.dialect == DIALECT]
    return [*valid.values(), *broken]


def write_samples(folder: Path, written: Sequence[Sample]) -> None:
    """Write the samples as files, and `streams.json`, which says what each of them is."""
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, object]] = []
    for sample in written:
        suffix = "sse" if sample.transport == "sse" else "jsonl"
        file = f"{sample.name}.{suffix}"
        (folder / file).write_bytes(sample.data)
        facts = {key: value for key, value in dataclasses.asdict(sample).items() if key != "data"}
        index.append({"file": file, **facts, "body": sample.body})
    (folder / "streams.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def _valid_examples() -> Iterator[tuple[str, Example]]:
    for base in BASES:
        yield base.replace("_", " "), Example(base=base)
    yield "text, queued first", Example(base="text", queued=True)
    yield "text, lines end in CRLF", Example(base="text", framing=lambda data: data.replace(b"\n", b"\r\n"))
    yield "text, unknown fields", Example(base="text", edits=(_unknown_fields,))
    for rule in ALL_RULES:
        if rule.good.dialect == DIALECT and not rule.good.resumed:
            yield f"the good example of {rule.code}", rule.good


def _unknown_fields(events: Events) -> None:
    for event in events:
        event["acme_trace"] = "t-1"


def _add(valid: dict[tuple[object, ...], Sample], title: str, example: Example) -> Sample:
    """Return the sample of a valid example, which is added where there is none like it."""
    sample = _sample(f"valid-{len(valid) + 1:02}", title, example)
    # A request that the reply repeats makes another stream; one that it does not, makes none.
    return valid.setdefault((sample.data, sample.transport, encode_plain(sample.body)), sample)


def _broken(rule: type[Rule], valid: dict[tuple[object, ...], Sample]) -> Sample:
    plain = msgspec.structs.replace(rule.bad, edits=(), framing=None, done=True, content_type=None)
    twins = [_add(valid, f"the good example of {rule.code}", rule.good)]
    # Where nothing was done to the stream it is the request that makes it bad.
    if plain.data() != rule.bad.data() or rule.bad.content_type is not None:
        twins.append(_add(valid, f"what {rule.code} was made of", plain))
    sample = _sample(rule.code, rule.name, rule.bad)
    names = tuple(sorted({twin.name for twin in twins}))
    return dataclasses.replace(sample, rule=rule.code, level=rule.level.value, twins=names)


def _sample(name: str, title: str, example: Example) -> Sample:
    return Sample(
        name=name,
        title=title,
        data=example.data(),
        transport=example.transport,
        content_type=example.content_type or "text/event-stream",
        request=dict(example.request) if example.request is not None else None,
    )
