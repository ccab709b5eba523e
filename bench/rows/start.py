"""Starting: what `import penstock` costs a program."""

from __future__ import annotations

from bench.measure import import_seconds
from bench.table import Figures, Scale, row


@row("import", work="`import penstock`", against="`import openai`", at_most=0.1)
def imports(scale: Scale) -> Figures:
    ours, peer = import_seconds("penstock", "openai", rounds=scale.rounds(15))
    return Figures(ours * 1e3, peer * 1e3, "ms")
