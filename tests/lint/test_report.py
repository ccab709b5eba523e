"""Reports: what a new user reads, and what machines do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from penstock.lint.excerpt import Excerpt, cells
from penstock.lint.findings import Finding, Level
from penstock.lint.layout import Layout
from penstock.lint.linter import Linter
from penstock.lint.record import Judgement, Located, Recorder
from penstock.lint.report import TextReport, finding_text, github_lines, json_report, sarif_report
from penstock.lint.rules import ALL_RULES
from tests.lint.faulty import GOOD, THREE, WARNED

GOLDEN = Path(__file__).with_name("three_faults.txt")


def judge(data: bytes, path: str = "reply.sse") -> Judgement:
    recorder = Recorder(Linter(), path)
    recorder.feed(data)
    return recorder.finish()


def found(code: str = "OR501", level: Level = Level.ERROR, message: str = "it is wrong", **more: Any) -> Located:  # noqa: ANN401
    finding = {key: more.pop(key) for key in ("event", "offset", "path", "related", "fix") if key in more}
    return Located(finding=Finding(code=code, name="a-name", level=level, message=message, **finding), **more)


def verdict(*findings: Located, path: str = "reply.sse", events: int = 3) -> Judgement:
    return Judgement(path=path, events=events, findings=list(findings))


def test_three_faults_can_be_understood_from_the_text_alone() -> None:
    report = TextReport(width=80)
    assert report.stream(judge(THREE.data())) + report.summary() == GOLDEN.read_text("utf-8")


def test_repair_is_not_advised_for_what_holds_no_event() -> None:
    report = TextReport()
    report.stream(judge(b"hello world"))
    assert "penstock repair" not in report.summary()


def test_a_dialect_is_told_as_what_is_there_and_not_as_what_was_expected() -> None:
    (dialect,) = (rule for rule in ALL_RULES if rule.code == "OR801")
    (located,) = judge(dialect.bad.data()).findings
    text = finding_text(located)
    assert "\n  what      Raw reasoning is streamed as" in text
    assert "expected" not in text


@pytest.mark.parametrize("width", [1, 48, 60, 80, 100])
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    report = TextReport(width=width)
    for rule in ALL_RULES:
        text = report.stream(judge(rule.bad.data())) + report.summary()
        assert max(map(cells, text.splitlines())) <= max(width, 48)


def test_colours_change_nothing_but_colours() -> None:
    plain, colored = TextReport(), TextReport(color=True)
    judgement = judge(THREE.data())
    shown = colored.stream(judgement) + colored.summary() + colored.statistics()
    assert re.sub(r"\x1b\[[0-9;]+m", "", shown) == plain.stream(judgement) + plain.summary() + plain.statistics()
    assert "\x1b[1;31merror\x1b[0m" in shown


def test_bad_news_is_red_where_there_are_colours() -> None:
    assert Layout(color=True).bad("gone") == "\x1b[31mgone\x1b[0m"
    assert Layout().bad("gone") == "gone"


def test_a_rule_is_explained_once_a_stream() -> None:
    report = TextReport()
    twice = verdict(found(event=1), found(event=2))
    assert report.stream(twice).count("expected") == 1
    assert report.stream(twice).count("expected") == 1


def test_a_finding_about_no_event_is_about_the_stream() -> None:
    assert "  at reply.sse, the stream as a whole\n" in TextReport().stream(verdict(found()))


def test_a_place_is_told_as_far_as_it_is_known() -> None:
    located = found(event=7, offset=90, path="item.id", line=12, event_type="a.b")
    assert "at reply.sse:12, event 7 (a.b) at byte 90, item.id" in TextReport().stream(verdict(located))
    assert "at event 7 (a.b) at byte 90, item.id" in finding_text(located)
    assert "at reply.sse, byte 5\n" in TextReport().stream(verdict(found(offset=5)))
    assert "at standard input, event 7\n" in TextReport().stream(verdict(found(event=7), path="-"))


def test_a_long_path_is_not_broken() -> None:
    path = "recordings/" * 9 + "a.sse"
    report = TextReport()
    shown = report.stream(verdict(found(event=7, line=3), path=path))
    assert f"  at {path}:3,\n     event 7\n" in shown
    assert report.summary().endswith("\n  `penstock repair` writes the stream as it should be.\n")


def test_a_related_event_is_to_be_compared() -> None:
    located = found(event=7, related=2, related_type="response.created", related_line=5)
    assert "  compare event 2 (response.created), line 5\n" in TextReport().stream(verdict(located))
    assert "  compare event 2\n" in TextReport().stream(verdict(found(related=2)))


def test_what_cannot_be_mended_is_said_to_be_so() -> None:
    assert "repair    It cannot be mended from the stream alone." in TextReport().stream(verdict(found()))
    assert "repair    By magic." in TextReport().stream(verdict(found(fix="By magic.")))


def test_nothing_in_a_stream_commands_the_terminal() -> None:
    hostile = "\x1b[2J\x07\u202e\ud800\x9b"
    located = found(message=hostile, event=1, path=hostile, event_type=hostile, excerpt=Excerpt("a", "b", "c"))
    shown = TextReport().stream(verdict(located, path=hostile)) + github_lines([verdict(located, path=hostile)])
    assert not set(hostile) & set(shown) - {"[", "2", "J"}
    assert "\\x1b[2J\\x07\\u202e\\ud800\\x9b" in shown


@pytest.mark.parametrize(
    ("judgements", "line"),
    [
        ([verdict()], "No findings in 1 stream, 3 events."),
        ([verdict(events=1), verdict(events=2000)], "No findings in 2 streams, 2,001 events."),
        ([verdict(found())], "1 finding in 3 events: 1 error."),
        ([verdict(found(level=Level.INFO))], "1 finding in 3 events: 1 info."),
        (
            [verdict(found(), found(level=Level.WARNING), found(level=Level.WARNING)), verdict()],
            "3 findings in 1 of 2 streams: 1 error, 2 warnings.",
        ),
    ],
)
def test_the_summary_counts(judgements: list[Judgement], line: str) -> None:
    report = TextReport()
    for judgement in judgements:
        report.stream(judgement)
    assert report.summary().splitlines()[0] == line


def test_the_summary_names_what_to_do_next() -> None:
    report = TextReport()
    report.stream(verdict(found(), path="a.sse"))
    assert report.summary().splitlines()[1:] == [
        "  `penstock rule OR501` shows a rule with its examples.",
        "  `penstock repair a.sse` writes the stream as it should be.",
    ]
    report.stream(verdict(found(), path="b.sse"))
    assert "`penstock repair` writes" in report.summary()


def test_statistics_put_the_most_frequent_first() -> None:
    report = TextReport()
    report.stream(verdict(found("OR502"), found("OR501"), *[found("OR402", Level.WARNING)] * 10))
    assert report.statistics() == (
        "10  OR402  warning  sequence-gap\n"
        " 1  OR501  error    done-differs-from-deltas\n"
        " 1  OR502  error    part-differs-from-content\n"
    )
    assert TextReport().statistics() == ""


def test_json_has_the_documented_keys_and_no_others() -> None:
    document = json.loads(json_report([judge(WARNED.data()), verdict(found(), path="-")]))
    assert document == {
        "files": [
            {
                "path": "reply.sse",
                "events": 11,
                "unreadable": 0,
                "more": 0,
                "unchecked": [],
                "findings": [
                    {
                        "code": "OR103",
                        "name": "id-field-used",
                        "level": "warning",
                        "event": 0,
                        "line": 3,
                        "offset": 0,
                        "path": "",
                        "message": document["files"][0]["findings"][0]["message"],
                        "fix": "The field is left out.",
                    }
                ],
            },
            {
                "path": "-",
                "events": 3,
                "unreadable": 0,
                "more": 0,
                "unchecked": [],
                "findings": [
                    {
                        "code": "OR501",
                        "name": "a-name",
                        "level": "error",
                        "event": None,
                        "line": None,
                        "offset": None,
                        "path": "",
                        "message": "it is wrong",
                        "fix": None,
                    }
                ],
            },
        ]
    }


def test_what_was_not_told_and_not_checked_is_said() -> None:
    judgement = Judgement(path="-", events=3, findings=[found()], more=1_200, unchecked=("how the stream ends",))
    report = TextReport()
    assert report.stream(judgement).endswith(
        "\nSome checks stopped at what was lost or damaged, and may find more when that is\n"
        "mended: how the stream ends.\n\n"
    )
    assert report.summary().startswith("1,201 findings in 3 events: 1 error; 1,200 more are not told.\n")
    (told,) = json.loads(json_report([judgement]))["files"]
    assert (told["more"], told["unchecked"]) == (1_200, ["how the stream ends"])


def test_no_more_checks_are_named_than_can_be_read() -> None:
    checks = tuple(f"the deltas of output[{index}]" for index in range(1_100))
    text = TextReport().stream(Judgement(path="-", events=3, findings=[], unchecked=checks))
    assert "the deltas of output[7]; 1,092 more.\n" in text
    assert "output[8]" not in text


def test_halves_of_surrogate_pairs_can_be_reported() -> None:
    document = json.loads(json_report([verdict(found(message="a\ud800b"))]))
    assert document["files"][0]["findings"][0]["message"] == "a\\ud800b"


def test_github_commands_are_escaped() -> None:
    located = found(level=Level.WARNING, message="100%\nof it", line=4, event=1)
    assert github_lines([verdict(located, path="a,b:c%.sse")]) == (
        "::warning file=a%2Cb%3Ac%25.sse,line=4,title=OR501 a-name::100%25\\x0aof it (event 1)\n"
    )


def test_github_commands_about_standard_input_have_no_file() -> None:
    assert github_lines([verdict(found(level=Level.INFO, line=4), path="-")]) == (
        "::notice title=OR501 a-name::it is wrong (the stream as a whole)\n"
    )


def assert_sarif(log: dict[str, Any]) -> None:
    """Hold a log to what SARIF 2.1.0 requires of the objects that are used here."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    for run in log["runs"]:
        assert set(run) == {"tool", "columnKind", "results"}
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        driver = run["tool"]["driver"]
        assert set(driver) == {"name", "version", "rules"}
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(ids) == len(set(ids))
        for rule in driver["rules"]:
            assert set(rule) == {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration"}
            for key in ("shortDescription", "fullDescription", "help"):
                assert list(rule[key]) == ["text"]
                assert rule[key]["text"]
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        for result in run["results"]:
            assert set(result) - {"relatedLocations"} == {"ruleId", "ruleIndex", "level", "message", "locations"}
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert result["message"]["text"]
            assert len(result["locations"]) == 1
            for location in [*result["locations"], *result.get("relatedLocations", [])]:
                assert set(location) <= {"id", "message", "physicalLocation", "logicalLocations"}
                physical = location["physicalLocation"]
                assert re.fullmatch(r"[!-~]+", physical["artifactLocation"]["uri"])
                region = physical.get("region", {"startLine": 1})
                assert set(region) <= {"startLine", "byteOffset"}
                assert region.get("startLine", 1) >= 1
                assert region.get("byteOffset", 0) >= 0
                for logical in location.get("logicalLocations", []):
                    assert set(logical) == {"fullyQualifiedName", "kind"}


def test_sarif_is_a_valid_log() -> None:
    judgements = [judge(rule.bad.data(), f"{rule.code}.sse") for rule in ALL_RULES] + [judge(GOOD.data())]
    log = json.loads(sarif_report(judgements, version="1.2.3"))
    assert_sarif(log)
    assert log["runs"][0]["tool"]["driver"]["version"] == "1.2.3"
    assert len(log["runs"][0]["results"]) == sum(len(judgement.findings) for judgement in judgements)


def test_sarif_of_nothing_is_a_valid_log() -> None:
    assert_sarif(json.loads(sarif_report([], version="0")))


def test_sarif_names_places() -> None:
    located = found(level=Level.INFO, event=7, offset=90, path="item.id", line=12, related=2, related_line=3)
    log = json.loads(sarif_report([verdict(located, path="a dir\\ü.sse")], version="0"))
    assert_sarif(log)
    (result,) = log["runs"][0]["results"]
    assert result["level"] == "note"
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a%20dir/%C3%BC.sse"},
                "region": {"startLine": 12, "byteOffset": 90},
            },
            "logicalLocations": [{"fullyQualifiedName": "event[7].item.id", "kind": "element"}],
        }
    ]
    assert result["relatedLocations"][0]["message"]["text"] == "compare event 2"
    assert result["relatedLocations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    log = json.loads(sarif_report([verdict(found(), path="-")], version="0"))
    assert log["runs"][0]["results"][0]["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "stdin"}}}]


@pytest.mark.parametrize("text", ["x" * 300, "水" * 150, "a " * 100 + "水" * 50, "", " "])
def test_words_that_are_too_wide_are_cut_and_none_is_lost(text: str) -> None:
    lines = list(Layout().wrap(text, 40))
    assert all(0 < cells(line) <= 40 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_quoted_event_stands_beside_a_bar() -> None:
    layout = Layout(width=48)
    assert list(layout.quoted("")) == ["  |"]
    assert list(layout.quoted(f"{'a' * 40} {'b' * 40}")) == [f"  | {'a' * 40}", f"  |   {'b' * 40}"]


def test_a_stream_without_events_is_not_said_to_be_mended() -> None:
    report = TextReport()
    report.stream(verdict(found(), events=0))
    assert "penstock repair" not in report.summary()


def test_frames_that_hold_no_event_are_counted_apart() -> None:
    text = TextReport()
    text.stream(judge(WARNED.data().replace(b"data: [DONE]", b"data: oops\n\ndata: [done]")))
    assert "in 11 events (2 frames unreadable): " in text.summary()


def test_a_frame_that_holds_no_event_is_told_by_the_event_before_it() -> None:
    data = WARNED.data().replace(b"data: [DONE]", b"data: oops")
    shown = TextReport().stream(judge(data))
    assert f", behind event 10 at byte {data.index(b'data: oops')}\n" in shown
