"""`penstock rule`: the rules, explained on a terminal."""

from __future__ import annotations

import pytest

from penstock.lint.excerpt import cells
from penstock.lint.rules import ALL_RULES
from tests.cli.commands import Running, run
from tests.cli.inside import Inside
from tests.cli.terminal import Terminal

CODES = [rule.code for rule in ALL_RULES]


@pytest.fixture
def penstock(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    return Inside(capsys, monkeypatch)


@pytest.mark.parametrize("rule", ALL_RULES, ids=CODES)
def test_every_rule_is_explained_in_eighty_columns(penstock: Inside, rule: type) -> None:
    ended = penstock("rule", rule.code)  # type: ignore[attr-defined]
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{rule.code} {rule.name}  {rule.level.value}\n")  # type: ignore[attr-defined]
    for words in ("\n  why  ", "\n  repair  ", "\n  spec  ", "\nwrong\n", "\n  finding  ", "\nright\n"):
        assert words in ended.out
    assert max(map(cells, ended.out.splitlines())) <= 80
    assert "\x1b" not in ended.out


def test_all_rules_are_listed_by_family(penstock: Inside) -> None:
    ended = penstock("rule", "--all")
    assert [line.split()[0] for line in ended.out.splitlines() if line.startswith("  OR")] == CODES
    assert "\nOR3 Order: what may come after what\n" in ended.out
    assert max(map(cells, ended.out.splitlines())) <= 80


@pytest.mark.parametrize("word", ["OR301", "or301", "created-not-first"])
def test_a_rule_is_found_by_code_and_name(penstock: Inside, word: str) -> None:
    assert penstock("rule", word).out.startswith("OR301 created-not-first")


@pytest.mark.parametrize("word", ["OR3", "or3"])
def test_the_beginning_of_a_code_lists_a_family(penstock: Inside, word: str) -> None:
    listed = [line.split()[0] for line in penstock("rule", word).out.splitlines() if line.startswith("  OR")]
    assert listed == [code for code in CODES if code.startswith("OR3")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["OR999"], "no rule 'OR999'"),
        (["nonsense"], "`penstock rule --all` lists them"),
        ([], "one of the arguments CODE --all is required"),
        (["OR301", "--all"], "not allowed with argument"),
    ],
)
def test_what_is_no_rule_is_usage(penstock: Inside, arguments: list[str], words: str) -> None:
    ended = penstock("rule", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_the_command_works_as_a_process() -> None:
    ended = run("rule", "OR601")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"OR601 terminal-absent  error\n")


def test_on_a_terminal_there_are_colours_and_no_line_is_too_long() -> None:
    terminal = Terminal(60)
    with Running("rule", "OR603", terminal=terminal) as running:
        code, _ = running.end()
    assert code == 0
    assert {"1", "2"} <= terminal.styles


def test_the_blank_line_between_frames_is_shown(penstock: Inside) -> None:
    assert "\n  |\n  | event: acme:late\n" in penstock("rule", "OR105").out
