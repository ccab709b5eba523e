"""How a project judges its streams: `[tool.penstock.lint]` in `pyproject.toml`, `[lint]` in `penstock.toml`.

The nearest file that has such a table counts, from the working directory upwards; in one directory `penstock.toml` goes
first. Flags win over files, key by key.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.cli.errors import CommandError
from penstock.cli.lint_arguments import LINT_DIALECTS
from penstock.cli.source import reason
from penstock.lint.findings import Finding, Level
from penstock.lint.rules import ALL_RULES
from penstock.lint.select import UnknownRule, selected_rules
from penstock.wire.wording import is_array, is_object

__all__ = ["Settings", "settings_of"]

_KEYS: Final = ("select", "ignore", "fail-level", "dialect")
_NEVER: Final = "never"
_RANKS: Final[Mapping[str, int]] = {_NEVER: 0, "error": 1, "warning": 2, "info": 3}


class Settings(Struct, frozen=True):
    """By what streams are judged, and which findings make the exit code 1.

    `fail_levels` are words such as `warning`, for all rules, and `OR4=info`, for those whose code begins so; the
    longest that fits a rule counts, and of two the last.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_levels: tuple[str, ...] = ()
    dialect: str = "openresponses"

    def fails(self, finding: Finding) -> bool:
        """Whether a finding makes the exit code 1."""
        lowest, weight = Level.ERROR.value, -1
        for word in self.fail_levels:
            prefix, _, level = word.rpartition("=")
            if _fits(finding, prefix) and len(prefix) >= weight:
                lowest, weight = level, len(prefix)
        return _RANKS[finding.level.value] <= _RANKS[lowest]


def _fits(finding: Finding, prefix: str) -> bool:
    return finding.code.startswith(prefix.upper()) or finding.name == prefix


def settings_of(arguments: argparse.Namespace, directory: Path | None = None) -> Settings:
    """Return what the flags say, else what the configuration found from `directory` upwards says, else the defaults.

    Raises CommandError for a file that cannot be read, a key nobody knows, and a word that fits no rule.
    """
    path, table = _table(directory or Path.cwd())
    for key in table:
        if key not in _KEYS:
            raise CommandError(f"{path}: no setting {key!r}; there are {', '.join(_KEYS)}")
    settings = Settings(
        select=_words(arguments.select, path, table, "select"),
        ignore=_words(arguments.ignore, path, table, "ignore"),
        fail_levels=_words(arguments.fail_level, path, table, "fail-level"),
        dialect=_dialect(arguments.dialect, path, table),
    )
    _check("" if arguments.select is not None else f"{path}: select: ", _check_rule, settings.select)
    _check("" if arguments.ignore is not None else f"{path}: ignore: ", _check_rule, settings.ignore)
    _check("" if arguments.fail_level is not None else f"{path}: fail-level: ", _check_fail_level, settings.fail_levels)
    return settings


def _check(place: str, check: Callable[[str], None], words: Iterable[str]) -> None:
    """Check each of `words`; where one is wrong, say at which `place`, if that is a file."""
    for word in words:
        try:
            check(word)
        except (UnknownRule, CommandError) as error:
            raise CommandError(f"{place}{error}") from error


def _check_rule(word: str) -> None:
    selected_rules(ALL_RULES, [word])


def _table(directory: Path) -> tuple[Path, Mapping[str, object]]:
    """Return the nearest configuration and where it stands; an empty one where there is none."""
    for place in (directory, *directory.parents):
        for name, keys in (("penstock.toml", ("lint",)), ("pyproject.toml", ("tool", "penstock", "lint"))):
            path = place / name
            table = _inner(path, keys) if path.is_file() else None
            if table is not None:
                return path, table
    return directory, {}


def _inner(path: Path, keys: Sequence[str]) -> Mapping[str, object] | None:
    """Return a table of the file `path`, None where it has no such table."""
    try:
        table: object = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CommandError(f"{path}: {reason(error)}") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    for key in keys:
        if not is_object(table) or key not in table:
            return None
        table = table[key]
    if not is_object(table):
        raise CommandError(f"{path}: {'.'.join(keys)} should be a table")
    return table


def _words(flags: Sequence[str] | None, path: Path, table: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return the words of a setting: `OR3,OR401`, in one text or in several."""
    if flags is None:
        value = table.get(key, [])
        texts = [value] if isinstance(value, str) else value
        flags = [text for text in texts if isinstance(text, str)] if is_array(texts) else []
        if not is_array(texts) or len(flags) != len(texts):
            raise CommandError(f"{path}: {key} should be a list of strings")
    return tuple(word for text in flags for word in text.replace(",", " ").split())


def _dialect(flag: str | None, path: Path, table: Mapping[str, object]) -> str:
    value = flag if flag is not None else table.get("dialect", "openresponses")
    if value not in LINT_DIALECTS:
        raise CommandError(f"{path}: no dialect {value!r}; there are {', '.join(LINT_DIALECTS)}")
    return str(value)


def _check_fail_level(word: str) -> None:
    prefix, _, level = word.rpartition("=")
    if level not in _RANKS:
        raise CommandError(f"no fail level {word!r}; expected {', '.join(_RANKS)}, or one for some rules: OR4=warning")
    selected_rules(ALL_RULES, [prefix] if prefix else ())
