"""The pages about the rules: one a rule, an index, the specification's sentences, and what is found in real streams."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from penstock.lint.coverage import SENTENCES
from penstock.lint.families import family
from penstock.lint.record import Judgement, Located
from penstock.lint.report import NOT_MENDED, json_report
from penstock.lint.rule import Rule
from penstock.lint.rules import ALL_RULES
from penstock.lint.select import rule_by_code
from penstock.lint.shown import Shown, judged, shown_examples

__all__ = ["rule_pages"]

_INDEX = """# The rules

What `penstock lint` holds a stream to. A code is never used again; its first digit is a family. The specification's
MUST makes an error, its SHOULD a warning; an info is worth knowing and breaks nothing. `penstock rule CODE` shows a
rule in the terminal.

[What the specification says, and which rule holds it](specification.md) lists the rules sentence by sentence;
[what real servers send](recordings.md) is what is found in recorded streams, each with its reason.
"""

_USE = """## Choosing rules

`--select` and `--ignore` take codes, names, and beginnings of codes: `OR3` is a family. Of two that fit a rule the
longer one counts. A project's settings stand in `pyproject.toml`, or in `penstock.toml` under `[lint]`; flags win:

```toml
[tool.penstock.lint]
ignore = ["OR103"]
fail-level = ["warning", "OR8=never"]
dialect = "openai"
```

The exit code is 0 where nothing is wrong, or nothing of level error; 1 where something is; 2 where the command line is
of no use, or an input is no stream. `fail-level` moves the line between 0 and 1, for all rules or for some.

## Findings as data

`penstock lint --format json` prints one document. Keys may be added to it; none is ever renamed or removed.

```json
{example}```

| key | what it is |
| --- | --- |
| `files[].path` | the file or URL as it was given, `-` for standard input |
| `files[].events` | how many events it has |
| `files[].unreadable` | how many frames or lines it has that are no events; they are not counted as such |
| `files[].more` | how many findings there were after those that are told |
| `files[].unchecked` | what was not judged since something of it was lost or damaged, in words |
| `code`, `name` | the rule's |
| `level` | `error`, `warning` or `info` |
| `event` | the index of the event, from 0; null where it is about no single one |
| `line` | the line it stands on, from 1; null where it is about no single one, or has no lines |
| `offset` | the byte offset of its frame; null where it is about no single one |
| `path` | the place in the event (`item.content[0].text`); empty: the event itself |
| `message` | what is wrong, with the values |
| `fix` | how it is mended; null where it cannot be |

`--format github` writes workflow commands, which GitHub shows beside the files; `--format sarif` a SARIF 2.1.0 log.
"""

RECORDINGS: Final = Path(__file__).parents[1] / "tests" / "lint" / "recordings.toml"
_SERVERS: Final = {
    "bedrock": "Amazon Bedrock",
    "deepseek": "DeepSeek",
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
}
_FOUND = """# What real servers send

The linter was run over streams that real servers sent, recorded by the tests of
[pydantic-ai](https://github.com/pydantic/pydantic-ai). Every finding was looked at; each is a true departure from the
document of 2026-04-24, for the reason below, and none is a false alarm. Whoever sent it may still be right by its own
documentation, or by that of its day: `--dialect openai` judges by OpenAI's practice.

After `penstock repair` all of these streams are without any finding, and say the same: every text, call and reasoning.
"""

_SENTENCES = """# What the specification says, and what holds it

Every sentence of the document of 2026-04-24 that obliges somebody (MUST, SHOULD and their negations), every other that
says what a stream is like, and every one that a rule rests on.
"""


def rule_pages() -> dict[str, str]:
    """Return the pages below `docs/rules`."""
    made = {f"rules/{rule.code}.md": _page(rule) for rule in ALL_RULES}
    made["rules/index.md"] = _text(_index())
    made["rules/specification.md"] = _text(_specification())
    made["rules/recordings.md"] = _text(_recordings(tomllib.loads(RECORDINGS.read_text("utf-8"))))
    return made


def _index() -> Iterator[str]:
    yield _INDEX
    for prefix, members in groupby(ALL_RULES, key=lambda rule: rule.code[:3]):
        yield f"## {prefix} {family(prefix)}\n"
        yield "| code | name | level | what it holds |"
        yield "| --- | --- | --- | --- |"
        for rule in members:
            yield f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.level.value} | {_cell(rule.what)} |"
        yield ""
    yield _USE.replace("{example}", _finding_as_data())


def _finding_as_data() -> str:
    """Return the JSON report on a bad example."""
    example = rule_by_code(ALL_RULES, "OR501").bad
    findings = [Located(finding=finding) for finding in judged(example)]
    return json_report([Judgement(path="reply.sse", events=len(example.events()), findings=findings)]).decode()


def _page(rule: type[Rule]) -> str:
    shown = shown_examples(rule)
    return _text(
        [
            f"# {rule.code} {rule.name}",
            "",
            rule.what,
            "",
            f"- Level: {rule.level.value}",
            f"- Family: [{family(rule.code[:3])}](index.md)",
            f"- Specification, “{rule.section}”: {rule.sentence}",
            "",
            "## Why it matters",
            "",
            rule.why,
            "",
            "## How it is mended",
            "",
            rule.mend or NOT_MENDED,
            "",
            "## Examples",
            "",
            *_examples(shown),
        ]
    )


def _examples(shown: Shown) -> Iterator[str]:
    yield "Wrong:\n"
    yield from _fenced(shown.bad, shown.bad_note)
    yield f"\n> {shown.message}\n"
    yield "Right:\n"
    yield from _fenced(shown.good, shown.good_note)


def _fenced(lines: Sequence[str], note: str) -> Iterator[str]:
    yield "```text"
    if note:
        yield f"# {note}"
    yield from lines
    yield "```"


def _specification() -> Iterator[str]:
    yield _SENTENCES
    for section, sentences in groupby(SENTENCES, key=lambda sentence: sentence.section):
        yield f"## {section}\n"
        yield "| sentence | held by |"
        yield "| --- | --- |"
        for sentence in sentences:
            rules = ", ".join(f"[{code}]({code}.md)" for code in sentence.rules)
            yield f"| {_cell(sentence.text)} | {' '.join(filter(None, [rules, _cell(sentence.reason)]))} |"
        yield ""


def _recordings(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the page about the findings in recorded streams, from the table that the tests hold them against."""
    recordings: Mapping[str, Any] = table["recordings"]
    yield _FOUND
    yield "| server | streams | findings by the specification | by OpenAI's own practice |"
    yield "| --- | --- | --- | --- |"
    for server, names in groupby(sorted(recordings, key=_server), key=_server):
        found = [recordings[name] for name in names]
        counts = (sum(len(one[profile]) for one in found) for profile in ("openresponses", "openai"))
        yield f"| {server} | {len(found)} | {' | '.join(map(str, counts))} |"
    yield "\n## Every finding, and why it is true\n"
    yield "| rule | place | sent by | why it is true |"
    yield "| --- | --- | --- | --- |"
    for finding, reason in table["explanations"].items():
        code, _, place = finding.partition(" ")
        senders = {
            _server(name): None
            for name in sorted(recordings)
            if any(told.partition(" at ")[0] == finding for told in recordings[name]["openresponses"])
        }
        path = f"`{place}`" if place else ""
        yield f"| [{code}]({code}.md) | {path} | {', '.join(senders)} | {_cell(reason)} |"


def _server(recording: str) -> str:
    return _SERVERS[recording.partition("__")[0]]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(lines: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
