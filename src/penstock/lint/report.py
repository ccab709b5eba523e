"""Verdicts for people and for machines: text, JSON, annotations of GitHub, SARIF.

Text is for somebody who has never seen the specification: it shows the event, marks the place in it, says what was
expected, who breaks on it and how it is mended; the second finding of a rule is told in short. The other forms are
data: `docs/rules/index.md` documents the JSON, which only ever gains keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from penstock.lint.excerpt import cells, visible
from penstock.lint.findings import Level
from penstock.lint.layout import Layout
from penstock.lint.record import Judgement, Located
from penstock.lint.rule import DialectRule, Rule
from penstock.lint.rules import ALL_RULES
from penstock.wire.wording import is_array, is_object

__all__ = [
    "NOT_MENDED",
    "STANDARD_INPUT",
    "TextReport",
    "finding_text",
    "github_lines",
    "json_document",
    "json_report",
    "sarif_report",
]

STANDARD_INPUT: Final = "-"
"""The path of what was piped in."""
NOT_MENDED: Final = "It cannot be mended from the stream alone."
_RULES: Final[Mapping[str, type[Rule]]] = {rule.code: rule for rule in ALL_RULES}
_LABEL: Final = len("  at ")
_LONGEST_TYPE: Final = 80
_ABOUT_FRAMES: Final = ("OR106", "OR110")
"""The rules that tell of frames in which no event can be read."""
_GITHUB: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}
_SARIF: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}
_MOST_UNCHECKED: Final = 8
"""How many checks that stopped are named: enough to know what is meant."""
_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_URI_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:?#@!$&'()*+,;=")


class TextReport:
    """Text for people, a stream at a time: `stream` for each verdict, then `summary`."""

    def __init__(self, *, width: int = 80, color: bool = False) -> None:
        """Write lines of at most `width` cells, in colour where `color` is asked for."""
        self.layout = Layout(width=width, color=color)
        self._paths: list[str] = []
        self._events = 0
        self._more = 0
        self._unreadable = 0
        self._faulty: list[str] = []
        self._counts: Counter[str] = Counter()
        self._levels: Counter[Level] = Counter()

    def stream(self, judgement: Judgement) -> str:
        """Return the findings of one stream, and what was not checked because of them, and count them."""
        self._paths.append(judgement.path)
        self._events += judgement.events
        self._more += judgement.more
        self._unreadable += judgement.unreadable
        if judgement.findings:
            self._faulty.append(judgement.path)
        lines: list[str] = []
        explained: set[str] = set()
        for located in judgement.findings:
            finding = located.finding
            self._counts[finding.code] += 1
            self._levels[finding.level] += 1
            lines += self.finding(located, judgement.path, brief=finding.code in explained)
            lines.append("")
            explained.add(finding.code)
        if judgement.unchecked:
            lines += self.layout.wrapped(_unchecked(judgement.unchecked), 0)
            lines.append("")
        return _joined(lines)

    def finding(self, located: Located, path: str = "", *, brief: bool = False) -> Iterator[str]:
        """Yield the lines about one finding; `brief` leaves out what is said of its rule."""
        finding, layout = located.finding, self.layout
        yield f"{layout.level(finding.level, finding.level.value)} {layout.bold(finding.code)} {finding.name}"
        yield from layout.wrapped(finding.message, 2)
        before = "at "
        for line in self._places(located, path):
            yield f"  {before}{layout.place(line)}"
            before = "   "
        if located.excerpt is not None:
            yield from layout.excerpt(located.excerpt, finding.level)
        if finding.related is not None:
            yield from layout.wrapped(
                f"compare {_event(finding.related, located.related_type, located.related_line)}", 2
            )
        if not brief:
            rule = _RULES[finding.code]
            yield ""
            # A dialect's rule says what is there, all others what should be.
            yield from layout.labelled("what" if issubclass(rule, DialectRule) else "expected", rule.what)
            yield from layout.labelled("why", rule.why)
            yield from layout.labelled("repair", finding.fix or NOT_MENDED)

    def _places(self, located: Located, path: str) -> Iterator[str]:
        name, place = _name(located, path), _place(located)
        room = self.layout.width - _LABEL
        if cells(name) > room:
            # A path that is broken cannot be copied, or followed by a click.
            yield visible(name) + ","
            name = ""
        yield from self.layout.wrap(", ".join(filter(None, [name, place])), room)

    def summary(self) -> str:
        """Return what counts everything, and says what to do next."""
        layout, streams = self.layout, _count(len(self._paths), "stream")
        total = self._counts.total()
        if not total:
            return _joined([layout.good(f"No findings in {streams}, {_count(self._events, 'event')}.")])
        levels = [level for level in Level if self._levels[level]]
        counted = ", ".join(
            _count(self._levels[each], each.value, "info" if each is Level.INFO else "") for each in levels
        )
        where = f"{len(self._faulty)} of {streams}" if len(self._paths) > 1 else _count(self._events, "event")
        if self._unreadable:
            where += f" ({_count(self._unreadable, 'frame')} unreadable)"
        if self._more:
            counted += f"; {self._more:,} more are not told"
        text = f"{_count(total + self._more, 'finding')} in {where}: {counted}."
        lines = [layout.level(levels[0], line) for line in layout.wrap(text, layout.width)]
        name = self._faulty[0] if len(self._faulty) == 1 and self._faulty[0] != STANDARD_INPUT else ""
        lines += layout.wrapped(f"`penstock rule {next(iter(self._counts))}` shows a rule with its examples.", 2)
        command = f"penstock repair {name}".rstrip()
        if cells(command) > layout.width // 2:
            command = "penstock repair"
        if self._events:
            lines += layout.wrapped(f"`{command}` writes the stream as it should be.", 2)
        return _joined(lines)

    def statistics(self) -> str:
        """Return how often each rule was broken, the most frequent first."""
        rows = sorted(self._counts.items(), key=lambda row: (-row[1], row[0]))
        digits = max((len(str(times)) for _, times in rows), default=0)
        lines: list[str] = []
        for code, times in rows:
            rule = _RULES[code]
            level = self.layout.level(rule.level, f"{rule.level.value:<7}")
            lines.append(f"{times:>{digits}}  {self.layout.bold(code)}  {level}  {rule.name}")
        return _joined(lines)


def finding_text(located: Located, *, width: int = 80) -> str:
    """Return what there is to say about one finding, as plain text."""
    return "\n".join(TextReport(width=width).finding(located))


def json_report(judgements: Iterable[Judgement]) -> bytes:
    """Return the verdicts as a JSON document.

    `{"files": [{"path", "events", "unreadable", "more", "unchecked": [WORDS, ...], "findings": [FINDING, ...]}, ...]}`,
    where a finding is
    `{"code", "name", "level", "event", "line", "offset", "path", "message", "fix"}`:
    `event` is the index of the event from 0, `line` the line it stands on from 1, `offset` its byte offset, all null
    where a finding is about no single event; `unreadable` is how many frames are no events, and not counted as such;
    `more` is how many findings there were after those that are told; `unchecked` says what was not judged since
    something of it was lost or damaged;
    `level` is `error`, `warning` or `info`; `path` is empty where the event as a whole is meant; `fix` is null where
    nothing can be done.
    """
    files = [
        {
            "path": judgement.path,
            "events": judgement.events,
            "unreadable": judgement.unreadable,
            "more": judgement.more,
            "unchecked": judgement.unchecked,
            "findings": [_plain(located) for located in judgement.findings],
        }
        for judgement in judgements
    ]
    return json_document({"files": files})


def github_lines(judgements: Iterable[Judgement]) -> str:
    """Return the findings as workflow commands, which GitHub shows beside the files of a pull request."""
    lines: list[str] = []
    for judgement in judgements:
        for located in judgement.findings:
            finding = located.finding
            properties = [] if judgement.path == STANDARD_INPUT else [f"file={_property(judgement.path)}"]
            if located.line is not None and properties:
                properties.append(f"line={located.line}")
            properties.append(f"title={_property(f'{finding.code} {finding.name}')}")
            text = f"{finding.message} ({_place(located)})"
            lines.append(f"::{_GITHUB[finding.level]} {','.join(properties)}::{_data(text)}\n")
    return "".join(lines)


def sarif_report(judgements: Sequence[Judgement], *, version: str) -> bytes:
    """Return the verdicts as a SARIF 2.1.0 log, for code scanning; `version` is Penstock's."""
    codes = sorted({located.finding.code for judgement in judgements for located in judgement.findings})
    results = [
        _sarif_result(located, judgement.path, codes) for judgement in judgements for located in judgement.findings
    ]
    driver = {"name": "penstock", "version": version, "rules": [_sarif_rule(_RULES[code]) for code in codes]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json_document({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _plain(located: Located) -> dict[str, object]:
    finding = located.finding
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level.value,
        "event": finding.event,
        "line": located.line,
        "offset": finding.offset,
        "path": finding.path,
        "message": finding.message,
        "fix": finding.fix,
    }


def json_document(document: object) -> bytes:
    """Return a document of plain values as indented JSON, whatever strings are in it."""
    try:
        data = msgspec.json.encode(document)
    except UnicodeEncodeError:
        # A message quotes the stream, and the stream may hold halves of surrogate pairs.
        data = msgspec.json.encode(_without_surrogates(document))
    return msgspec.json.format(data, indent=2) + b"\n"


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if is_object(value):
        return {key: _without_surrogates(entry) for key, entry in value.items()}
    if is_array(value):
        return [_without_surrogates(entry) for entry in value]
    return value


def _name(located: Located, path: str) -> str:
    """Return the stream and the line in it; nothing where the stream has no name."""
    name = "standard input" if path == STANDARD_INPUT else path
    return f"{name}:{located.line}" if name and located.line is not None else name


def _place(located: Located) -> str:
    """Return where in its stream a finding is, in words."""
    finding = located.finding
    words: list[str] = []
    byte = f"byte {finding.offset}" if finding.offset is not None else ""
    if finding.event is not None:
        event = _event(finding.event, located.event_type)
        if located.event_type is None and finding.code in _ABOUT_FRAMES and finding.event and byte:
            # It is no event, and the next one that is has this index.
            event = f"behind event {finding.event - 1}"
        words.append(f"{event} at {byte}" if byte else event)
    else:
        words.append(byte or "the stream as a whole")
    if finding.path:
        words.append(finding.path)
    return ", ".join(words)


def _event(index: int, name: str | None, line: int | None = None) -> str:
    words = f"event {index} ({name[:_LONGEST_TYPE]})" if name else f"event {index}"
    return f"{words}, line {line}" if line is not None else words


def _unchecked(checks: Sequence[str]) -> str:
    """Say which checks stopped."""
    named = list(checks[:_MOST_UNCHECKED])
    if len(checks) > _MOST_UNCHECKED:
        named.append(f"{len(checks) - _MOST_UNCHECKED:,} more")
    return (
        f"Some checks stopped at what was lost or damaged, and may find more when that is mended: {'; '.join(named)}."
    )


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def _data(text: str) -> str:
    """Return `text` as the message of a workflow command."""
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _uri(path: str) -> str:
    if path == STANDARD_INPUT:
        return "stdin"
    return "".join(
        chr(byte) if byte in _URI_SAFE else f"%{byte:02X}"
        for byte in path.replace("\\", "/").encode("utf-8", "surrogateescape")
    )


def _sarif_rule(rule: type[Rule]) -> dict[str, object]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}"},
        "help": {
            "text": f"{rule.why}\n\nSpecification, {rule.section}: {rule.sentence}\n\nMended: {rule.mend or NOT_MENDED}"
        },
        "defaultConfiguration": {"level": _SARIF[rule.level]},
    }


def _sarif_result(located: Located, path: str, codes: Sequence[str]) -> dict[str, object]:
    finding = located.finding
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _SARIF[finding.level],
        "message": {"text": finding.message},
        "locations": [_sarif_location(path, located.line, finding.offset, finding.event, finding.path)],
    }
    if finding.related is not None:
        related = _sarif_location(path, located.related_line, None, finding.related, "")
        name = _event(finding.related, located.related_type)
        result["relatedLocations"] = [{"id": 0, "message": {"text": f"compare {name}"}, **related}]
    return result


def _sarif_location(
    path: str, line: int | None, offset: int | None, event: int | None, place: str
) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": _uri(path)}}
    region = {key: value for key, value in (("startLine", line), ("byteOffset", offset)) if value is not None}
    if region:
        physical["region"] = region
    location: dict[str, object] = {"physicalLocation": physical}
    if event is not None:
        name = f"event[{event}].{place}" if place else f"event[{event}]"
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "element"}]
    return location
