from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from penstock.spec.base import NOTHING, Extra
from penstock.spec.content import LogProb, OutputTextContent, TopLogProb
from penstock.spec.response import ErrorPayload, InputTokensDetails, OutputTokensDetails, ResponseUsage
from penstock.stream.checks import (
    LEAST_LOGPROB,
    checked,
    checked_json,
    checked_logprobs,
    checked_text,
    json_text,
    response_usage,
    split_text,
)
from penstock.stream.machine import StreamStateError
from penstock.stream.output import Usage
from tests.stream.samples import EXTENSION, MESSAGE
from tests.stream.strategies import any_texts


class TestSplitText:
    @pytest.mark.parametrize(
        ("text", "now", "later"),
        [
            ("", "", ""),
            ("abc", "abc", ""),
            ("😀", "😀", ""),
            ("a\ud83d", "a", "\ud83d"),
            ("\ud83d", "", "\ud83d"),
            ("\ud83d\ude00", "😀", ""),
            ("\ude00", "\ufffd", ""),
            ("\ud83d\ud83d", "\ufffd", "\ud83d"),
            ("\ud83dx", "\ufffdx", ""),
        ],
    )
    def test_keeps_half_a_pair_for_later(self, text: str, now: str, later: str) -> None:
        assert split_text(text) == (now, later)

    @settings(deadline=None)
    @given(st.lists(any_texts))
    def test_what_can_be_sent_is_always_utf8_and_nothing_is_lost_but_lone_surrogates(self, pieces: list[str]) -> None:
        sent, rest = "", ""
        for piece in pieces:
            now, rest = split_text(rest + piece)
            now.encode()
            sent += now
        whole = "".join(pieces)
        joined = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        assert sent + ("\ufffd" if rest else "") == joined


class TestChecked:
    def test_what_is_sound_is_returned_as_it_is(self) -> None:
        part = OutputTextContent(
            text="é", annotations=[], logprobs=[LogProb(token="a", logprob=-1.0, bytes=[1], top_logprobs=[])]
        )
        assert checked(part, "part") is part
        assert checked(MESSAGE, "item") is MESSAGE
        assert checked(EXTENSION, "item") is EXTENSION

    def test_texts_are_whole_at_any_depth(self) -> None:
        entry = LogProb(
            token="\ud83d", logprob=-1.0, bytes=[], top_logprobs=[TopLogProb(token="\ude00", logprob=-1.0, bytes=[])]
        )
        part = checked(OutputTextContent(text="x", annotations=[], logprobs=[entry]), "part")
        assert part.logprobs is not UNSET
        assert part.logprobs[0].token == "\ufffd"
        assert part.logprobs[0].top_logprobs[0].token == "\ufffd"

    def test_what_speaks_against_a_field_is_dropped(self) -> None:
        odd = OutputTextContent(
            text="", annotations=[], extra=Extra({"text": 5, "type": "x", "annotations": UNSET, "own": 1})
        )
        assert checked(odd, "part").extra == {"own": 1}
        only = OutputTextContent(text="", annotations=[], extra=Extra({"text": 5}))
        assert checked(only, "part").extra is NOTHING

    def test_what_is_no_json_is_refused_with_its_path(self) -> None:
        for value, path in [
            (OutputTextContent(text="", annotations=[], extra=Extra({"a": {"b": float("nan")}})), "part.a.b"),
            (ErrorPayload(type="x", code=None, message="", param=None, headers={"a": "\ud800"}), "part.headers.a"),
        ]:
            with pytest.raises(StreamStateError, match=f"^{path}: "):
                checked(value, "part")

    def test_log_probabilities(self) -> None:
        assert checked_logprobs(None) is None
        assert checked_logprobs([]) is None
        entry = LogProb(token="a", logprob=float("-inf"), bytes=[], top_logprobs=[])
        assert checked_logprobs([entry]) == [LogProb(token="a", logprob=LEAST_LOGPROB, bytes=[], top_logprobs=[])]
        for bad in (float("nan"), float("inf")):
            top = TopLogProb(token="a", logprob=bad, bytes=[])
            wrong = LogProb(token="a", logprob=-1.0, bytes=[], top_logprobs=[top])
            with pytest.raises(
                StreamStateError, match=r"^logprobs\[0\].top_logprobs\[0\].logprob: (nan|inf) is no JSON number$"
            ):
                checked_logprobs([wrong])

    def test_a_text_is_a_string(self) -> None:
        assert checked_text("", "Text") == ""
        with pytest.raises(StreamStateError, match=r"^Text: 5 is no text$"):
            checked_text(5, "Text")


class TestJson:
    @pytest.mark.parametrize(
        "value", [None, True, 1, 2**70, -1.5, "é", [1, [2]], (1,), {"a": {"b": []}}, Extra({"a": 1})]
    )
    def test_what_json_can_hold_passes(self, value: object) -> None:
        checked_json(value, "x")

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (float("nan"), "x: nan is no JSON number"),
            ([0, float("-inf")], r"x\[1\]: -inf is no JSON number"),
            ({"a": "\ud800"}, "x.a: a lone surrogate is no Unicode text"),
            ({"\ud800": 1}, r"x: the key '\\ud800' is no string that JSON can hold"),
            ({1: 2}, "x: the key 1 is no string that JSON can hold"),
            ({"a": {1, 2}}, "x.a: set is no JSON value"),
            (b"x", "x: bytes is no JSON value"),
        ],
    )
    def test_the_rest_is_refused_with_its_path(self, value: object, message: str) -> None:
        with pytest.raises(StreamStateError, match=f"^{message}$"):
            checked_json(value, "x")

    def test_depth_is_no_way_to_break_it(self) -> None:
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(StreamStateError, match="nested too deeply"):
            checked_json(deep, "x")

    def test_arguments_as_text(self) -> None:
        assert json_text("{broken") == "{broken"
        assert json_text({"a": (1, Extra({"b": None}))}) == '{"a":[1,{"b":null}]}'
        assert json_text(MappingProxyType({"a": 2**70})) == '{"a":' + str(2**70) + "}"
        assert json.loads(json_text({"é": "\u2028"})) == {"é": "\u2028"}


def usage(read: int, written: int, cached: int = 0, reasoning: int = 0) -> ResponseUsage:
    return ResponseUsage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_tokens_details=InputTokensDetails(cached_tokens=cached),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=reasoning),
    )


class TestUsage:
    def test_nothing_said_is_nothing_used(self) -> None:
        assert response_usage(None) == usage(0, 0)

    @pytest.mark.parametrize(
        ("said", "written"),
        [
            (Usage(input_tokens=5, output_tokens=3, cached_tokens=2, reasoning_tokens=1), usage(5, 3, 2, 1)),
            (Usage(input_tokens=5, output_tokens=3, cached_tokens=9, reasoning_tokens=9), usage(5, 3, 5, 3)),
            (Usage(input_tokens=-5, output_tokens=-3, cached_tokens=-1, reasoning_tokens=-1), usage(0, 0)),
            (Usage(input_tokens=5, output_tokens=3, total_tokens=99), usage(5, 3)),
        ],
    )
    def test_figures_never_contradict_each_other(self, said: Usage, written: ResponseUsage) -> None:
        assert response_usage(said) == written

    def test_figures_of_the_providers_own_are_kept(self) -> None:
        extra = Extra({"cost": 0.1})
        assert response_usage(Usage(input_tokens=1, output_tokens=1, extra=extra)).extra == extra
