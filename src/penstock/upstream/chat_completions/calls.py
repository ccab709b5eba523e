"""The calls of a reply, told apart and named although providers differ in how they do it.

OpenAI sends `index` with every piece and `id` and `name` with the first. Others send index 0 for every call, no
index at all, an id with every piece, a fresh id with every piece, no id, the name with every piece or bit by bit, or
the arguments before the name. What belongs together is decided here, and nowhere else:

- an index says which call is meant, unless another id comes along with a name: then a new call begins;
- without an index the id says it, without both a name begins a new call and arguments belong to the last one;
- a name that comes again is the same name; if it comes again under the same index without an id, and the arguments
  begin anew after a finished object, it is a new call.

A call is said once its name is known to be whole: when it is one of the request's functions and the beginning of no
other, when the first arguments come, when something else is said, or when the reply ends.
"""

from __future__ import annotations

from collections.abc import Collection

from penstock.spec.items import MAX_CALL_ID_LENGTH
from penstock.stream.output import Arguments, FunctionCall, Output
from penstock.upstream.chat_completions.chunks import ToolCallDelta

LEGACY_INDEX = -1
"""The index of the one call that a deprecated `function_call` makes."""


class Call:
    """One call: what is known of it, and what was not yet said."""

    __slots__ = ("held", "id", "index", "last", "name", "number", "reference", "said")

    def __init__(self, number: int, index: int | None, identity: str | None) -> None:
        """Begin call `number` of the reply, of which nothing was said."""
        self.number = number
        self.index = index
        self.id = identity
        self.name = ""
        self.said = False
        self.reference = ""
        """What `Arguments` call it by."""
        self.held: list[str] = []
        """Arguments that came before the name."""
        self.last = ""
        """The last piece of the arguments."""


class Calls:
    """All calls of one reply. `take` reads a piece, `settle` says what was held back."""

    def __init__(self, functions: Collection[str] = ()) -> None:
        """Read calls of these `functions`; of any, where they are not known."""
        self._functions = functions
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self.unsaid: list[Call] = []
        """The calls of which nothing was said yet."""
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def take(self, delta: ToolCallDelta, out: list[Output]) -> None:
        """Read one piece of a call; add to `out` what can be said of it."""
        function = delta.function
        name = (function.name if function is not None else None) or ""
        arguments = (function.arguments if function is not None else None) or ""
        call = self._find(delta.index, delta.id or None, name, arguments)
        if call is None:
            if not (name or arguments or delta.id):
                return
            self.settle(out)
            call = self._begin(delta.index, delta.id or None)
        if call.said:
            if arguments:
                call.last = arguments
                out.append(Arguments(arguments, call.reference))
            return
        if name:
            call.name = _grown(call.name, name)
        if arguments:
            call.last = arguments
            call.held.append(arguments)
        if call.name and (call.held or self._is_whole(call.name)):
            self.unsaid.remove(call)
            self._say(call, out)

    def settle(self, out: list[Output]) -> None:
        """Say every call whose name is there."""
        named = [call for call in self.unsaid if call.name]
        for call in named:
            self.unsaid.remove(call)
            self._say(call, out)

    def nameless(self) -> str | None:
        """Return the arguments of calls that never got a name, None where there are no such arguments."""
        arguments = "".join(piece for call in self.unsaid for piece in call.held)
        return arguments or None

    def _find(self, index: int | None, identity: str | None, name: str, arguments: str) -> Call | None:
        by_id = self._by_id.get(identity) if identity is not None else None
        if index is None:
            if identity is not None:
                return by_id
            last = self._calls[-1] if self._calls else None
            return last if last is not None and not (name and self._is_other(last, name, arguments)) else None
        call = self._by_index.get(index)
        if call is None:
            # Known by its id, though its index was not said before or has moved on.
            return by_id if by_id is not None and (by_id.index is None or not name) else None
        if identity is None or call.id is None:
            if name and self._is_other(call, name, arguments):
                return None
            if identity is not None:
                call.id = identity
                self._by_id[identity] = call
            return call
        if call.id == identity:
            return call
        return by_id if by_id is not None or name else call

    @staticmethod
    def _is_other(call: Call, name: str, arguments: str) -> bool:
        """Whether a name that comes with no id begins another call than the one it would seem to belong to."""
        if not call.said:
            return False  # its name comes in pieces, or after its arguments
        return name != call.name or (call.last.rstrip().endswith("}") and arguments.lstrip().startswith("{"))

    def _begin(self, index: int | None, identity: str | None) -> Call:
        call = Call(len(self._calls), index, identity)
        self._calls.append(call)
        self.unsaid.append(call)
        if index is not None:
            self._by_index[index] = call
        if identity is not None:
            self._by_id[identity] = call
        return call

    def _is_whole(self, name: str) -> bool:
        return name in self._functions and not any(
            other != name and other.startswith(name) for other in self._functions
        )

    def _say(self, call: Call, out: list[Output]) -> None:
        call.said = True
        call_id = call.id
        if call_id is None or call_id in self._ids or len(call_id) > MAX_CALL_ID_LENGTH:
            # An id that another call has, or that could not be sent back, is no id: the writer makes one up.
            call.reference = f"*{call.number}*"
            out.append(FunctionCall(call.name, key=call.reference))
        else:
            self._ids.add(call_id)
            call.reference = call_id
            out.append(FunctionCall(call.name, call_id=call_id))
        out.extend(Arguments(piece, call.reference) for piece in call.held)
        call.held.clear()


def _grown(name: str, piece: str) -> str:
    """Return a name with what came after: its next piece, all of it so far, or the same once more."""
    return piece if piece.startswith(name) else name + piece
