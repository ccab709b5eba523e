"""What is wrong with a stream, rule by rule, and the stream as it should have been.

The package can be called: `penstock.lint(stream)` is `penstock.lint.linter.lint(stream)`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.lint.findings import Finding
    from penstock.lint.source import Stream


class _CallablePackage(ModuleType):
    """Lets the package and the function that users know by the same name be one thing, whoever imports what first."""

    def __call__(
        self,
        stream: Stream,
        **keywords: Any,  # noqa: ANN401 - those of the function, which checks them
    ) -> list[Finding]:
        """Return everything that is wrong with a stream; see `penstock.lint.linter.lint`."""
        from penstock.lint.linter import lint  # noqa: PLC0415 - the rules are loaded when they are needed

        return lint(stream, **keywords)


sys.modules[__name__].__class__ = _CallablePackage
