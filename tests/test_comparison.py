"""The comparison with other checkers: the streams, the verdicts, the page. Nobody else's checker is asked here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from penstock.lint.rules import ALL_RULES
from tools.comparison.checkers import Answers, Checker, NotRun, checkers, data_of_sse
from tools.comparison.page import Asked, page
from tools.comparison.server import serve
from tools.comparison.streams import Sample, findings, samples, write_samples
from tools.comparison.verdicts import Count, Verdict, count, false_alarms, verdicts

ALL = samples()
BROKEN = [sample for sample in ALL if sample.rule]
VALID = [sample for sample in ALL if not sample.rule]


def sample(name: str, rule: str = "", level: str = "", twins: tuple[str, ...] = (), data: bytes = b"") -> Sample:
    return Sample(name=name, title=f"the {name} one", rule=rule, level=level, twins=twins, data=data)


def asked(name: str, complaints: Mapping[str, str]) -> Asked:
    return Asked(Checker(name, "this.", "that.", lambda samples: pytest.fail("asked")), Answers(complaints, "1.2"))


# ------------------------------------------------------------------------------------------------------- the streams


@pytest.mark.parametrize("broken", BROKEN, ids=lambda sample: sample.name)
def test_a_broken_stream_has_the_one_fault_it_is_named_for(broken: Sample) -> None:
    assert [broken.rule] == [finding.code for finding in findings(broken)]


@pytest.mark.parametrize("valid", VALID, ids=lambda sample: f"{sample.name}-{sample.title}")
def test_a_valid_stream_has_no_fault(valid: Sample) -> None:
    assert findings(valid) == []


def test_every_rule_of_the_current_document_has_a_broken_stream() -> None:
    assert [rule.code for rule in ALL_RULES if rule.code != "OR807"] == [sample.rule for sample in BROKEN]


def test_every_broken_stream_has_valid_twins() -> None:
    names = {sample.name for sample in VALID}
    assert all(sample.twins and set(sample.twins) <= names for sample in BROKEN)


def test_no_stream_is_there_twice() -> None:
    assert len({sample.name for sample in ALL}) == len(ALL)
    assert len({(one.data, one.transport, one.content_type, json.dumps(one.body)) for one in ALL}) == len(ALL)


def test_the_streams_are_the_same_every_time() -> None:
    assert samples() == ALL


def test_streams_are_written_with_an_index(tmp_path: Path) -> None:
    write_samples(tmp_path / "streams", ALL)

    index = json.loads((tmp_path / "streams/streams.json").read_text("utf-8"))
    assert [one.name for one in ALL] == [entry["name"] for entry in index]
    assert [one.data for one in ALL] == [(tmp_path / "streams" / entry["file"]).read_bytes() for entry in index]
    assert {"sse", "jsonl"} == {entry["file"].rpartition(".")[2] for entry in index}


def test_a_stream_is_served_as_it_is() -> None:
    refused = next(one for one in ALL if one.content_type == "application/json")
    with serve(ALL) as base:
        for one in (ALL[0], refused):
            request = Request(f"{base}/{one.name}/responses", data=b"{}")
            with urlopen(request, timeout=10) as reply:
                assert (one.data, one.content_type) == (reply.read(), reply.headers["content-type"])


# ------------------------------------------------------------------------------------------------------ the checkers


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: 1\n\n", ["1"]),
        (b"\xef\xbb\xbfevent: a\ndata:1\r\rdata: 2\r\n\r\n", ["1", "2"]),
        (b": ping\n\ndata: 1\ndata:  2\n\n", ["1\n 2"]),
        (b"data: 1\n\ndata: 2\n", ["1"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"", []),
    ],
)
def test_events_are_taken_out_as_the_standard_says(stream: bytes, events: Sequence[str]) -> None:
    assert events == data_of_sse(stream)


def test_penstock_finds_every_broken_stream_and_refuses_no_valid_one() -> None:
    answers = checkers(None)[0].ask(ALL)
    assert {Verdict.FOUND} == set(verdicts(ALL, answers.complaints).values())
    assert false_alarms(ALL, answers.complaints) == []


def test_the_official_suite_is_not_run_where_it_is_not(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        (official,) = [one for one in checkers(folder) if one.name == "official suite"]
        with pytest.raises(NotRun, match="checkout"):
            official.ask(ALL)


# ------------------------------------------------------------------------------------------------------ the verdicts


@pytest.mark.parametrize(
    ("complaints", "verdict"),
    [
        ({"good": "", "bad": "wrong"}, Verdict.FOUND),
        ({"good": "", "bad": ""}, Verdict.MISSED),
        ({"good": "wrong", "bad": "wrong"}, Verdict.UNTOLD),
        ({"good": "wrong", "bad": ""}, Verdict.MISSED),
        ({"good": ""}, Verdict.NOT_ASKED),
    ],
)
def test_only_who_tells_a_broken_stream_from_its_twin_has_found_it(
    complaints: Mapping[str, str], verdict: Verdict
) -> None:
    streams = [sample("good"), sample("bad", "OR301", "error", ("good",))]
    assert {"bad": verdict} == verdicts(streams, complaints)


def test_false_alarms_are_complaints_about_valid_streams() -> None:
    streams = [sample("good"), sample("fine"), sample("bad", "OR301", "error", ("good",))]
    assert streams[:1] == false_alarms(streams, {"good": "wrong", "fine": "", "bad": "wrong"})


def test_verdicts_are_counted() -> None:
    counted = count([Verdict.FOUND, Verdict.MISSED, Verdict.FOUND, Verdict.UNTOLD, Verdict.NOT_ASKED])
    assert Count(found=2, missed=1, untold=1, not_asked=1) == counted
    assert counted.asked == 4


# ---------------------------------------------------------------------------------------------------------- the page

STREAMS = [
    sample("good"),
    sample("fine"),
    sample("OR301", "OR301", "error", ("good",)),
    sample("OR402", "OR402", "warning", ("fine",)),
]
THOROUGH = asked("thorough", {"good": "", "fine": "", "OR301": "first", "OR402": "gap"})
ROUGH = asked("rough", {"good": "no: http://127.0.0.1:4711/a|b " + "x" * 200, "OR301": "first"})
ABSENT = Asked(THOROUGH.checker, None, "it is not installed")


def test_the_page_counts_by_family() -> None:
    told = page(STREAMS, [THOROUGH, ROUGH, ABSENT], "2026-11-20")
    assert "2 broken ones and 2 valid ones" in told
    assert "| OR3 Order | 1 | 1 of 1 | 0 of 1 | not run |\n" in told
    assert "| OR4 Identity | 1 | 1 of 1 |  | not run |\n" in told
    assert "| **all** | 2 | 2 of 2 | 0 of 1 | not run |\n" in told
    assert "| **of these, MUST** | 1 | 1 of 1 | 0 of 1 | not run |\n" in told
    assert "| **valid streams refused** | 2 | 0 of 2 | 1 of 1 | not run |\n" in told


def test_the_page_tells_versions_the_date_and_what_was_not_run() -> None:
    told = page(STREAMS, [THOROUGH, ABSENT], "2026-11-20")
    assert "Asked on 2026-11-20." in told
    assert "- **thorough** (1.2)\n  - made for: this.\n  - asked: that.\n" in told
    assert "(not run: it is not installed)" in told


def test_the_page_shows_each_verdict_and_each_false_alarm() -> None:
    told = page(STREAMS, [THOROUGH, ROUGH], "2026-11-20")
    assert "| [OR301](rules/OR301.md) the OR301 one | found | both |\n" in told
    assert "| [OR402](rules/OR402.md) the OR402 one | found |  |\n" in told
    assert "| rough | the good one | `no: http://localhost/a\\|b xxx" in told
    assert "4711" not in told
    assert "x" * 120 not in told


def test_the_page_says_so_where_nothing_valid_was_refused() -> None:
    assert "## Valid streams that were refused\n\nNone.\n" in page(STREAMS, [THOROUGH], "2026-11-20")
