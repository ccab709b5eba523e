"""Which rules judge: all, or those selected by code or by the beginning of a code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.lint.rule import Rule
from penstock.spec.errors import PenstockError

__all__ = ["UnknownRule", "rule_by_code", "selected_rules"]


class UnknownRule(PenstockError):  # noqa: N818 - it names what is wrong
    """There is no rule with this code, or none whose code begins so."""


def selected_rules(
    rules: Iterable[type[Rule]], select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[type[Rule], ...]:
    """Return those of `rules` that are selected (none given: all) and not ignored.

    A word is a code, a name, or the beginning of a code: `OR3` is a family. The longer word decides: `--select OR301
    --ignore OR3` keeps one rule of the family. Raises UnknownRule for a word that fits no rule.
    """
    known = tuple(rules)
    if not select and not ignore:
        return known
    for word in (*select, *ignore):
        if not any(_fits(rule, word) for rule in known):
            raise UnknownRule(
                f"no rule {word!r}; expected a code such as OR301, a family such as OR3, or a rule's name"
            )
    return tuple(rule for rule in known if _weight(rule, select or ("",)) > _weight(rule, ignore))


def _fits(rule: type[Rule], word: str) -> bool:
    return rule.code.startswith(word.upper()) or rule.name == word


def _weight(rule: type[Rule], words: Sequence[str]) -> int:
    """Return how closely the closest of `words` names a rule; -1 where none does."""
    return max((len(word) if rule.name != word else len(rule.code) for word in words if _fits(rule, word)), default=-1)


def rule_by_code(rules: Iterable[type[Rule]], code: str) -> type[Rule]:
    """Return the rule with a code or a name; raise UnknownRule where there is none."""
    for rule in rules:
        if code.upper() == rule.code or code == rule.name:
            return rule
    raise UnknownRule(f"no rule {code!r}; `penstock rule --all` lists them")
