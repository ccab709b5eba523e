"""What `import penstock` gives, and what it costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import penstock

SOURCE = Path(penstock.__file__)


def imported() -> set[str]:
    """The names that `penstock/__init__.py` imports from the rest of the package, at once or when asked for."""
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("penstock")
        for alias in node.names
    }


def test_all_is_what_is_imported_no_more_and_no_less() -> None:
    # The application needs the server's extra, and `*` is to work without.
    assert set(penstock.__all__) == imported() - {"App"}
    assert len(set(penstock.__all__)) == len(penstock.__all__)


def test_linting_and_repairing_are_loaded_when_they_are_asked_for() -> None:
    assert not {name for name in loaded() if name.startswith("penstock.lint")}
    program = """
import sys, penstock
assert penstock.Linter.__module__ == "penstock.lint.linter"
assert penstock.repair.__module__ == "penstock.judge"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("first", ["import penstock", "import penstock.lint.linter", "from penstock.lint import rules"])
def test_lint_can_be_called_whatever_was_imported_first(first: str) -> None:
    program = f"{first}\nimport penstock\nassert penstock.lint(b'data: 1\\n\\n')[0].code == 'OR106'"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_everything_can_be_imported_without_the_extra_of_the_server() -> None:
    program = (
        "import sys; sys.modules['starlette'] = None\nfrom penstock import *\nassert ResponseStream and lint and repair"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_name_that_is_not_there_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'penstock' has no attribute 'nothing'"):
        _ = penstock.nothing


def test_the_repairer_has_ids_and_a_clock_of_its_own() -> None:
    repairer = penstock.Repairer()
    mended = repairer.feed(b"data: [DONE]\n\n") + repairer.close()
    assert b"resp_" in mended
    assert [mend.code for mend in repairer.mends] == ["OR301", "OR601"]
    assert penstock.lint(penstock.repair(b"data: [DONE]\n\n")[0]) == []


@pytest.mark.parametrize("name", sorted({*penstock.__all__, "App"}))
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    public = getattr(penstock, name)
    if inspect.isclass(public) or inspect.isroutine(public):
        assert public.__doc__
        assert not public.__doc__.startswith(f"{name}(")  # what a dataclass would have made up


@pytest.mark.parametrize("name", sorted({*penstock.__all__, "App"}))
def test_every_public_method_is_documented(name: str) -> None:
    public = getattr(penstock, name)
    if not inspect.isclass(public) or not public.__module__.startswith("penstock."):
        return
    for member, value in inspect.getmembers(public):
        own = inspect.isfunction(value) and value.__module__.startswith("penstock.")
        if not member.startswith("_") and (own or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


def loaded() -> set[str]:
    """The modules that `import penstock` loads in a fresh interpreter, beside those that msgspec needs for itself."""
    program = "import sys, msgspec; before = set(sys.modules); import penstock; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_needs_msgspec_and_the_standard_library_only() -> None:
    packages = {name.partition(".")[0] for name in loaded()}
    assert packages - sys.stdlib_module_names - {"msgspec"} == {"penstock"}


def test_import_brings_no_event_loop_no_socket_and_no_logging() -> None:
    assert not {"asyncio", "http", "logging", "socket", "ssl", "subprocess", "urllib.request"} & loaded()
