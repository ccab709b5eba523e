"""A short run of the fuzzer, bounded by count; and the fuzzer itself, on a fault made for it."""

import base64
import json
from pathlib import Path
from random import Random

import pytest

from tools import fuzz
from tools.fuzz_inputs import Inputs, Seed, cuts
from tools.fuzz_judges import judging_holds_little, judging_is_linear
from tools.fuzz_targets import CHECKS, Fault, expect, growth_is_linear, memory_is_bounded
from tools.fuzz_upstreams import upstreams_are_linear, upstreams_hold_little


def test_a_short_run_finds_nothing() -> None:
    found = next(fuzz.run(Inputs(), 0, lambda number: number < 150), None)

    assert found is None, found


def test_the_work_grows_with_the_bytes_and_no_faster() -> None:
    growth_is_linear(150)


def test_a_stream_without_an_end_is_not_held() -> None:
    memory_is_bounded(limit=1000, sent=130_000)


def test_the_work_of_judging_grows_with_the_frames_and_no_faster() -> None:
    judging_is_linear(20)


def test_a_judge_does_not_hold_what_says_nothing() -> None:
    judging_holds_little(100)


def test_the_work_of_adapters_grows_with_the_bytes_and_no_faster() -> None:
    upstreams_are_linear(300)


def test_adapters_do_not_hold_what_says_nothing() -> None:
    upstreams_hold_little(200_000)


def test_a_seed_makes_the_same_inputs_every_time() -> None:
    inputs = Inputs()
    first = [inputs.make(Random(f"7:{number}")) for number in range(50)]
    again = [inputs.make(Random(f"7:{number}")) for number in reversed(range(50))]

    assert first == again[::-1]


def test_recordings_are_damaged_too(tmp_path: Path) -> None:
    (tmp_path / "chat_completions").mkdir()
    (tmp_path / "chat_completions" / "a.sse").write_bytes(b"data: {}\n\n")
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "a.sse").write_bytes(b"data: []\n\n")
    (tmp_path / "README").write_bytes(b"no stream")

    inputs = Inputs(tmp_path)

    assert inputs.recorded == [
        Seed("request", b"{}"),
        Seed("events", b"data: []\n\n"),
        Seed("chat", b"data: {}\n\n"),
    ]
    assert any(inputs.valid(Random(number)) in inputs.recorded for number in range(20))


@pytest.mark.parametrize("data", [b"", b"a", b"data: {}\n\n" * 20], ids=["empty", "one byte", "frames"])
def test_pieces_are_the_whole(data: bytes) -> None:
    for number in range(50):
        assert data == b"".join(cuts(data, Random(number)))


@pytest.fixture
def no_x(monkeypatch: pytest.MonkeyPatch) -> str:
    """A check that any input with an x in it breaks."""

    def check(data: bytes) -> None:
        expect(b"x" not in data, "an x")
        if b"y" in data:
            raise ZeroDivisionError

    monkeypatch.setitem(CHECKS, "no_x", (frozenset({"events", "chat", "request", "noise"}), check))
    return "no_x"


def test_a_fault_is_shrunk_saved_and_run_again(no_x: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fuzz.run_check(no_x, b"a long way to the x, and on")
    assert found is not None
    small = fuzz.shrink(found)
    assert small.data == b"x"
    assert small.signature == "Fault: an x"

    path = fuzz.save(small, 7, 3, tmp_path / "faults")
    saved = json.loads(path.read_text())
    assert (saved["seed"], saved["number"], saved["check"], base64.b64decode(saved["bytes"])) == (7, 3, "no_x", b"x")
    assert fuzz.main(["--replay", str(path)]) == 1
    assert "Fault: an x" in capsys.readouterr().out


def test_a_saved_fault_that_is_mended_holds(no_x: str, tmp_path: Path) -> None:
    path = fuzz.save(fuzz.Found(no_x, b"mended", "", ""), 7, 3, tmp_path)

    assert fuzz.main(["--replay", str(path)]) == 0


def test_faults_are_told_apart_by_where_they_come_from(no_x: str) -> None:
    one, other = fuzz.run_check(no_x, b"x"), fuzz.run_check(no_x, b"y")

    assert one is not None
    assert other is not None
    assert other.signature == "ZeroDivisionError in test_fuzz.py, check"
    assert one.signature != other.signature


def test_the_command_tells_what_it_found(
    no_x: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fuzz, "CHECKS", {no_x: CHECKS[no_x]})
    monkeypatch.setattr(fuzz, "growth_is_linear", lambda size: None)
    monkeypatch.setattr(fuzz, "memory_is_bounded", lambda: None)
    monkeypatch.setattr(fuzz, "judging_is_linear", lambda count: None)
    monkeypatch.setattr(fuzz, "judging_holds_little", lambda count: None)
    monkeypatch.setattr(fuzz, "upstreams_are_linear", lambda size: None)
    monkeypatch.setattr(fuzz, "upstreams_hold_little", lambda: None)

    assert fuzz.main(["--count", "0"]) == 0
    assert "0 inputs, no fault" in capsys.readouterr().out

    assert fuzz.main(["--count", "500", "--keep-going"]) == 1
    out = capsys.readouterr().out
    assert "no_x: Fault: an x" in out
    assert "500 inputs, 2 faults" in out
    assert list((tmp_path / ".fuzz").glob("no_x-*.json"))


def test_a_fault_says_what_was_expected() -> None:
    with pytest.raises(Fault, match="told"):
        expect(None, "told")
