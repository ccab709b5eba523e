"""A function call that comes in pieces: each names the place of a value by a JSON path, texts may go on.

Vertex AI sends such calls where it was asked to (`streamFunctionCallArguments`). The pieces are not JSON text, and may
come in any order, so the call is told whole.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import cast

from penstock.spec.base import JsonObject
from penstock.upstream.gemini.chunks import FunctionCallPart
from penstock.upstream.values import as_list, as_object, as_text

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\[(?:'([^']*)'|"([^"]*)")\]""")
"""One step of a path: a name, an index, or a quoted name."""

_VALUES = ("stringValue", "numberValue", "boolValue")


class PiecedCall:
    """A call of which more is to come. `arguments` are those known so far."""

    def __init__(self, call: FunctionCallPart, signature: str | None) -> None:
        """Begin with the call's first piece."""
        self.id = call.id
        self.name = call.name or ""
        self.signature = signature
        self.arguments: JsonObject = {}
        self._unfinished: set[str] = set()

    def take(self, call: FunctionCallPart) -> bool:
        """Add the arguments in a piece; return whether their places made sense."""
        self.arguments.update(call.args or {})
        misplaced = [piece for piece in call.partial_args or () if not self._put(piece)]
        return not misplaced

    def _put(self, piece: JsonObject) -> bool:
        path = as_text(piece.get("jsonPath")) or ""
        steps = _steps(path)
        if steps is None:
            return False
        value = next((piece[key] for key in _VALUES if key in piece), None)
        goes_on = path in self._unfinished
        if piece.get("willContinue") is True:
            self._unfinished.add(path)
        else:
            self._unfinished.discard(path)
        container: object = self.arguments
        for step, after in pairwise(steps):
            inner = _at(container, step)
            if inner is None:
                inner = cast("object", [] if isinstance(after, int) else {})
                if not _set(container, step, inner):
                    return False
            container = inner
        old = _at(container, steps[-1])
        if goes_on and isinstance(old, str):
            # The last piece of a text may hold nothing but the news that it was the last.
            value = old + (as_text(value) or "")
        return _set(container, steps[-1], value)


def _steps(path: str) -> list[str | int] | None:
    """Return the names and indexes in a path (`$.days[0].name`), None where it is none of this kind."""
    at = 1
    steps: list[str | int] = []
    while path[:1] == "$" and at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        name, index, *quoted = match.groups()
        steps.append(int(index) if index is not None else next(part for part in (name, *quoted) if part is not None))
        at = match.end()
    return steps or None


def _at(container: object, step: str | int) -> object:
    """Return what is at a place, None for nothing."""
    elements = as_list(container)
    if elements is not None and isinstance(step, int):
        return elements[step] if step < len(elements) else None
    fields = as_object(container)
    return fields.get(step) if fields is not None and isinstance(step, str) else None


def _set(container: object, step: str | int, value: object) -> bool:
    """Put `value` at a place; return whether there is such a place. Lists grow at their end only."""
    elements = as_list(container)
    if elements is not None and isinstance(step, int) and step <= len(elements):
        elements[step:] = [value, *elements[step + 1 :]]
        return True
    fields = as_object(container)
    if fields is not None and isinstance(step, str):
        fields[step] = value
        return True
    return False
