"""What a rule is: a documented unit with its own examples, in the four kinds there are.

A rule says what it holds, which sentence of the specification it rests on, why it matters and how a breach is mended;
its documentation page is made from that, and its examples are its tests. Rules of one family stand in one module of
`penstock.lint.rules`. A rule may keep state of its own: every linter has its own instances.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from penstock.lint.examples import Example
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.shape import Kind
from penstock.spec import events as e
from penstock.stream.machine import Violation
from penstock.stream.states import OrderRule
from penstock.wire.sse import Frame

__all__ = [
    "DialectRule",
    "EventRule",
    "FrameRule",
    "GrammarRule",
    "NumberRule",
    "PlaceRule",
    "Rule",
    "ShapeRule",
]


class Rule:
    """One thing a stream has to hold to.

    `code` and `name` identify it for ever; `section` is the part of the specification and `sentence` what it says
    there; `what` the rule holds, in one sentence; `why` it matters, with the clients that break; `mend` how the
    repairer puts it right, None where it cannot. `bad` breaks this rule and no other, `good` breaks none.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    level: ClassVar[Level]
    section: ClassVar[str]
    sentence: ClassVar[str]
    what: ClassVar[str]
    why: ClassVar[str]
    mend: ClassVar[str | None]
    needs_request: ClassVar[bool] = False
    """Whether it can be judged only where the request is known."""
    bad: ClassVar[Example]
    good: ClassVar[Example]

    def found(self, message: str, step: Step | None = None, *, path: str = "", related: int | None = None) -> Finding:
        """Return a finding of this rule about `step`, or about the stream as a whole."""
        return Finding(
            code=self.code,
            name=self.name,
            level=self.level,
            message=message,
            event=step.index if step is not None else None,
            offset=step.offset if step is not None else None,
            path=path,
            related=related,
            fix=self.mend,
        )

    def end(self, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002 - for those that override it
        """Yield what can be told only when the stream is over."""
        return iter(())


class EventRule(Rule, ABC):
    """A rule about typed events. `events` are the classes it wants to see; a subclass of one is seen, too."""

    events: ClassVar[tuple[type[e.Event], ...]]

    @abstractmethod
    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Yield what is wrong with `step`, a typed event, given the facts before it."""


class PlaceRule(EventRule):
    """A rule about where in the output an event belongs: asked first, since a wrong place is wrong for all others."""


class NumberRule(Rule, ABC):
    """A rule about `sequence_number`: asked only of an event whose number is not the one that is due."""

    @abstractmethod
    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Yield what is wrong with the number of `step`, a typed event."""


class FrameRule(Rule):
    """A rule about how events are framed on their transport."""

    def frame(self, frame: Frame, step: Step | None, facts: Facts) -> Iterator[Finding]:  # noqa: ARG002
        """Yield what is wrong with a frame; `step` is the event it holds, None where it holds none."""
        return iter(())


class ShapeRule(Rule):
    """A rule about the shape of JSON objects: it names the kinds of problem that are its own."""

    kinds: ClassVar[frozenset[Kind]]


class DialectRule(Rule):
    """A rule that names a dialect: the reading tells by the rule's code where it met one, `tells` what it met."""

    tells: ClassVar[str]


class GrammarRule(Rule, ABC):
    """A rule that the tables of `penstock.stream.states` hold: this class names it, explains it, puts it in words."""

    breaks: ClassVar[OrderRule]

    @abstractmethod
    def words(self, violation: Violation) -> str:
        """Return what a step breaks, in words."""

    def tell(self, violation: Violation, step: Step, facts: Facts) -> Finding:  # noqa: ARG002
        """Return the finding about `step`, which was not taken, given the facts before it."""
        return self.found(self.words(violation), step)
