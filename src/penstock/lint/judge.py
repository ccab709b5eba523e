"""The judge: one event after the other held against the shapes, the order and the rules; findings as they arise.

One fault, one finding: after a fault the facts take up what the event implies; of all that an event could be blamed
for, what is wrong with its place or its order hides what follows from it; and the same departure of a snapshot, which a
server repeats in each of its lifecycle events, is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from penstock.lint.due import value_due
from penstock.lint.facts import Facts, Profile, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.meant import Meant
from penstock.lint.older import OLDER_VERSION, absent_logprobs, has_newer_objects
from penstock.lint.reading import OWN_PRACTICE, is_hosted_type
from penstock.lint.rule import DialectRule, EventRule, FrameRule, GrammarRule, NumberRule, PlaceRule, Rule, ShapeRule
from penstock.lint.rules.identity import SequenceNotIncreasing
from penstock.lint.shape import (
    EVENT_NAMES,
    Kind,
    Problem,
    envelope_problems,
    in_words,
    is_bare_failure,
    problems,
    without_indexes,
)
from penstock.spec import events as e
from penstock.spec.base import is_extension_name
from penstock.spec.request import CreateResponse
from penstock.stream.machine import Violation
from penstock.stream.machine import step as take_step
from penstock.stream.states import OrderRule, ResponseState
from penstock.wire.sse import Frame
from penstock.wire.wording import shown

__all__ = ["MAX_FINDINGS", "Judge"]

MAX_FINDINGS: Final = 10_000
"""How many findings are kept: of a hostile stream, which could have one in every event, the others are counted."""

# What follows from it that two neighbouring events changed places.
_HIDDEN_BY_SWAP: Final = frozenset({"OR312", "OR314", "OR402", "OR501", "OR502", "OR503", "OR606"})
_PLACE_RULES: Final = frozenset({"OR406", "OR407"})
# What follows from an event that is out of order, or is called by the wrong name.
_HIDDEN_BY_ORDER: Final = frozenset({"OR313", "OR401", "OR402", "OR504", "OR602", "OR604"})
_CONTENT_RULES: Final = frozenset({"OR502", "OR503"})
_HIDDEN_BY_CONTENT: Final = frozenset({"OR505", "OR506"})
_HIDDEN_BY_STATUS: Final = frozenset({"OR603", "OR605", "OR607", "OR608"})


class _Sorted:
    """Rules by what they look at, each as its place in the list: worked out once, for all streams they judge."""

    def __init__(self, rules: tuple[type[Rule], ...]) -> None:
        self.rules = rules
        self.frame = self._places(lambda rule: issubclass(rule, FrameRule))
        self.number = self._places(lambda rule: issubclass(rule, NumberRule))
        self.end = self._places(lambda rule: rule.end is not Rule.end)
        self.codes = [rule.code for rule in rules]
        self.kinds: dict[Kind, int] = {
            kind: at for at, rule in enumerate(rules) if issubclass(rule, ShapeRule) for kind in rule.kinds
        }
        self.breaks = {rule.breaks: at for at, rule in enumerate(rules) if issubclass(rule, GrammarRule)}
        self._for_class: dict[type, tuple[list[int], list[int]]] = {}

    def _places(self, wanted: Callable[[type[Rule]], bool]) -> list[int]:
        return [at for at, rule in enumerate(self.rules) if wanted(rule)]

    def for_class(self, cls: type) -> tuple[list[int], list[int]]:
        """Return the rules that want to see events of a class: those about its place, and the others."""
        found = self._for_class.get(cls)
        if found is None:
            wanted = self._places(lambda rule: issubclass(rule, EventRule) and issubclass(cls, rule.events))
            places = [at for at in wanted if issubclass(self.rules[at], PlaceRule)]
            found = self._for_class[cls] = places, [at for at in wanted if at not in places]
        return found


@cache
def _sorted(rules: tuple[type[Rule], ...], *, has_request: bool) -> _Sorted:
    return _Sorted(tuple(rule for rule in rules if has_request or not rule.needs_request))


def _named(frame: Frame | None, step: Step) -> str:
    """Return the event of the specification that an event's frame names, where its own type is none; or else empty."""
    name = None if frame is None else frame.event
    return name if name in EVENT_NAMES and step.type not in EVENT_NAMES else ""


class Judge:
    """Judges the events of one stream; `findings` are all that arose so far."""

    def __init__(self, profile: Profile, request: CreateResponse | None, rules: Iterable[type[Rule]]) -> None:
        """Begin a stream, judged by `profile`, with the request it answers where that is known."""
        self.findings: list[Finding] = []
        self.uncounted = 0
        """How many findings came after the first `MAX_FINDINGS`."""
        self.unchecked: dict[str, None] = {}
        """What was not judged since something was lost or damaged, in words."""
        self._classes = tuple(rules)
        self._paths: list[str] = []
        """Where the event that is judged has the wrong shape."""
        self._told: set[tuple[str, str]] = set()
        self._held: list[Finding] | None = None
        """What was found of an event before which one number was left out: the next event may be the one missing."""
        self._is_swapped = False
        """Whether it was told that the event that is judged changed places with the one before it."""
        self._begin(profile, request, 0)

    def _begin(self, profile: Profile, request: CreateResponse | None, events: int) -> None:
        """Begin a response, after so many events of those before it on the same connection."""
        self.facts = Facts(profile, request, events)
        self.facts.unchecked = self.unchecked
        self._own = OWN_PRACTICE.get(profile.dialect, frozenset())
        by = self._sorted = _sorted(self._classes, has_request=request is not None)
        # What a rule remembers is of one response.
        rules: list[Any] = [rule() for rule in by.rules]
        self._rules = rules
        self._frame_rules: list[FrameRule] = [rules[at] for at in by.frame]
        self._number_rules: list[NumberRule] = [rules[at] for at in by.number]
        self._end_rules: list[Rule] = [rules[at] for at in by.end]
        self._by_kind: dict[Kind, ShapeRule] = {kind: rules[at] for kind, at in by.kinds.items()}
        self._by_grammar: dict[OrderRule, GrammarRule] = {broken: rules[at] for broken, at in by.breaks.items()}
        self._by_code: dict[str, Rule] = dict(zip(by.codes, rules, strict=True))
        self._for_class: dict[type, tuple[list[EventRule], list[EventRule]]] = {}
        self._meant = Meant(self.facts)

    # What it looks at.

    def _judge_frame(self, frame: Frame, step: Step | None) -> None:
        # Where the type itself is at fault, and the field is right, that was told.
        is_type_told = step is not None and _named(frame, step) and "type" in self._paths and "OR205" in self._by_code
        for rule in self._frame_rules:
            if is_type_told and rule.code == "OR101":
                continue
            for found in rule.frame(frame, step, self.facts):
                # Of a frame that holds no event, such as one after the end, its place at least is known.
                self._keep((found if found.offset is not None else replace(found, offset=frame.offset),))

    def _is_envelope(self, fields: Mapping[str, object]) -> bool:
        """Whether an event is a failure of a WebSocket, which needs no response to be about.

        Spec: "WebSocket failures MUST be sent as a JSON error envelope with a status code and an error.code." An error
        within a response may as well be the streaming event. Lines that begin with such a failure, or have one behind
        the end of a response, came over a WebSocket.
        """
        facts = self.facts
        outside = facts.is_over or facts.machine.state is ResponseState.NEW
        if outside and facts.profile.transport == "jsonl" and is_bare_failure(fields):
            facts.profile = replace(facts.profile, transport="websocket")
        if fields.get("type") != "error" or facts.profile.transport != "websocket":
            return False
        return "status" in fields or outside

    def _judge_shape(
        self,
        step: Step,
        fields: dict[str, object],
        cls: type[e.StandardEvent] | None,
        *,
        is_keepalive: bool,
        is_envelope: bool,
    ) -> None:
        name = fields.get("type")
        if not isinstance(name, str):
            kind: Kind = "absent" if "type" not in fields else "null" if name is None else "type"
            self._tell_problem(Problem(kind, "type", "a string", shown(name)), step)
            self.facts.lose(fields, is_delta="delta" in fields)
        elif is_envelope:
            for problem in envelope_problems(fields):
                self._tell_problem(problem, step)
        elif cls is not None:
            for problem in problems(cls, fields):
                self._tell_problem(problem, step)
            if self.facts.profile.dialect == OLDER_VERSION:
                self._judge_by_older(fields, step)
        elif not is_keepalive:
            if not is_extension_name(step.type):
                expected = "a type of the specification, or a name with a slug"
                self._tell_problem(Problem("event", "type", expected, shown(step.type)), step)
                self.facts.lose(fields, is_delta="delta" in fields)
            elif type(fields.get("sequence_number")) is not int and ("OR201", "sequence_number") not in self._told:
                got = shown(fields["sequence_number"]) if "sequence_number" in fields else "absent"
                self._tell_problem(Problem("event_fields", "sequence_number", "an integer", got), step)

    def _judge_by_older(self, fields: dict[str, object], step: Step) -> None:
        """Judge by the document of 2026-01-15, where it differs."""
        for path in absent_logprobs(fields):
            self._tell_problem(Problem("absent", path, "an array", "nothing"), step)
        if has_newer_objects(fields):
            self._tell_dialect("OR807", step)

    def _tell_problem(self, problem: Problem, step: Step) -> None:
        kind = problem.kind
        if kind in ("value", "item") and problem.path.endswith("type") and is_hosted_type(problem.got.strip("'")):
            self._tell_dialect("OR803", step)
            return
        if kind == "item_fields" and "OR803" in self._own:
            return
        if step.type == "error" and problem.path.startswith("error") and kind != "envelope":
            kind = "error"
        rule = self._by_kind.get(kind)
        if kind == "absent" and self._is_old_practice(problem.path):
            return
        self._paths.append(problem.path)
        head, _, rest = problem.path.partition(".")
        if head == "response" and rest:
            self.facts.doubtful.add(rest.partition(".")[0].partition("[")[0])
        if rule is None:
            return
        place = without_indexes(problem.path)
        where = place if place.startswith("response.") or place == "sequence_number" else f"{step.type} {place}"
        if (rule.code, where) in self._told:
            return
        if len(self._told) < MAX_FINDINGS:
            self._told.add((rule.code, where))
        named = _named(step.frame, step) if problem.path == "type" else ""
        words = in_words(problem, named or value_due(step.type, problem))
        self._keep((rule.found(words, step, path=problem.path),))

    def _is_old_practice(self, path: str) -> bool:
        """Whether a dialect never sends what is absent here."""
        if self.facts.profile.dialect not in ("openai", "vtcode"):
            return False
        if path == "sequence_number":
            return not self.facts.numbered
        return not path.endswith(("item_id", "_index", "delta"))

    def _tell_dialect(self, code: str, step: Step) -> None:
        """Tell once a stream that a known dialect is spoken, unless it is the one the stream is judged by."""
        rule = self._by_code.get(code)
        if isinstance(rule, DialectRule) and code not in self._own and (code, "") not in self._told:
            self._told.add((code, ""))
            self._keep((rule.found(f"{shown(step.type)}: {rule.tells}", step),))

    def _judge_event(self, step: Step, event: e.ResponseStreamEvent) -> None:
        facts = self.facts
        if facts.profile.resumed:
            self._take_up(event)
        step.number = event.sequence_number
        event = step.event = self._meant.in_its_place(event)
        if facts.machine.state.is_terminal:
            self._judge_late(step, event)
            return
        place_rules, other_rules = self._rules_for(type(event))
        found: list[Finding] = []
        for place_rule in place_rules if facts.machine.state is not ResponseState.NEW else ():
            misplaced = list(place_rule.check(step, facts))
            if misplaced and not self._meant.is_late_or_lost(event):
                found += misplaced
                event = step.event = self._meant.put_right(event, place_rule.code)
        violation = step.violation = take_step(facts.machine, event, strict=True)
        if self._is_swapped or facts.last_number is None or event.sequence_number != facts.last_number + 1:
            found += self._judge_number(step, event)
        for rule in other_rules:
            found += rule.check(step, facts)
        if violation is None and not found and not (facts.is_repeated and event == facts.last_event):
            facts.reader.take(event)
            return
        codes = {finding.code for finding in found}
        if self._is_swapped:
            found = [finding for finding in found if finding.code not in _HIDDEN_BY_SWAP]
        if violation is not None or codes & _PLACE_RULES:
            found = [finding for finding in found if finding.code not in _HIDDEN_BY_ORDER]
        if violation is None:
            if ("OR401" in codes or facts.is_repeated) and event == facts.last_event:
                step.event, step.is_again = None, True  # the same once more says nothing new
            else:
                facts.reader.take(event)
        else:
            if not codes & _PLACE_RULES and not self._is_swapped and not self._is_excused(violation, event):
                grammar = self._by_grammar.get(violation.rule)
                if grammar is not None:
                    found.insert(0, grammar.tell(violation, step, facts))
            step.event = self._meant.step(event, violation)
            if step.event is not None:
                facts.reader.take(step.event)
        if codes & _CONTENT_RULES:
            found = [finding for finding in found if finding.code not in _HIDDEN_BY_CONTENT]
        if "OR602" in codes:
            assert isinstance(event, e.ResponseEvent)
            found = [finding for finding in found if finding.code not in _HIDDEN_BY_STATUS]
            self._meant.settled(event)
        elif codes & {"OR501", "OR314"}:
            self._meant.expect(event)
        kept = [finding for finding in found if not self._is_misshapen(finding.path)]
        if "OR402" in codes and facts.last_number is not None and step.number == facts.last_number + 2:
            self._held = kept
        else:
            self._keep(kept)

    def _judge_number(self, step: Step, event: e.ResponseStreamEvent) -> Iterator[Finding]:
        """Yield what is wrong with a number that is not the next; where two changed places, that was told."""
        if self._is_swapped:
            self._meant.swapped(event)
            return
        for rule in self._number_rules:
            yield from rule.check(step, self.facts)

    def _take_up(self, event: e.ResponseStreamEvent) -> None:
        """Let the facts be as the rest of a stream implies that its beginning was."""
        facts = self.facts
        if facts.events == facts.begun_at and not isinstance(event, e.ResponseCreated):
            under_way = not isinstance(event, (e.ResponseInProgress, e.ResponseQueued))
            facts.machine.state = ResponseState.IN_PROGRESS if under_way else ResponseState.CREATED
        if isinstance(event, e.ItemEvent) and not isinstance(event, e.OutputItemAdded):
            known = facts.item(event.output_index)
            if known is None or known.added is None:
                # What came of it before nobody knows.
                facts.tear(event.output_index)

    def _judge_late(self, step: Step, event: e.ResponseStreamEvent) -> None:
        """Judge an event that comes after the terminal one: that one does is told once, and its content is not."""
        violation = step.violation = take_step(self.facts.machine, event, strict=True)
        if violation is None or self._is_swapped or self._meant.is_after_end or self._meant.explains(violation, event):
            return
        self._meant.is_after_end = True
        grammar = self._by_grammar.get(violation.rule)
        if grammar is not None:
            self._keep((grammar.tell(violation, step, self.facts),))

    def _is_excused(self, violation: Violation, event: e.ResponseStreamEvent) -> bool:
        """Whether a step is only out of order because of what was told before, or what was not asked for again."""
        if self._meant.explains(violation, event):
            return True
        if not self.facts.profile.resumed or not isinstance(event, e.ItemEvent):
            return False
        missed = violation.rule in (OrderRule.ITEM_NOT_ADDED, OrderRule.PART_NOT_ADDED)
        return missed and not isinstance(event, e.OutputItemAdded) and self.facts.is_torn(event.output_index)

    def _is_misshapen(self, path: str) -> bool:
        """Whether what stands at a path has the wrong shape, and so cannot be anything else either."""
        holder = path.removesuffix("type") if path.endswith(".type") else f"{path}."
        return any(
            path == wrong or path.startswith((f"{wrong}.", f"{wrong}[")) or wrong.startswith((holder, f"{path}["))
            for wrong in self._paths
            if path
        )

    def _rules_for(self, cls: type) -> tuple[list[EventRule], list[EventRule]]:
        """Return the rules that want to see events of a class: those about its place, and the others."""
        rules = self._for_class.get(cls)
        if rules is None:
            places, others = self._sorted.for_class(cls)
            rules = [self._rules[at] for at in places], [self._rules[at] for at in others]
            self._for_class[cls] = rules
        return rules

    # What is kept.

    def _settle_held(self, number: object) -> None:
        """Report what waited for the next event, which has this number."""
        self._is_swapped = False
        held, self._held = self._held, None
        if held is None:
            return
        rule = self._by_code.get("OR401")
        if isinstance(rule, SequenceNotIncreasing) and type(number) is int and self.facts.is_swapped(number):
            gap = next((finding for finding in held if finding.code == "OR402"), None)
            if gap is not None:
                others = [finding for finding in held if finding.code not in _HIDDEN_BY_SWAP]
                held = [rule.swapped(gap, number), *others]
            # Where there is none, what the event was blamed for instead tells that it came too early.
            self._is_swapped = any(finding.level is Level.ERROR for finding in held)
        self._keep(held)

    def _keep(self, found: Iterable[Finding]) -> None:
        for finding in found:
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)
            else:
                self.uncounted += 1

    def _finding(self, code: str, message: str, event: int | None, offset: int | None) -> Finding | None:
        rule = self._by_code.get(code)
        return None if rule is None else replace(rule.found(message), event=event, offset=offset)

    def _add(self, code: str, message: str, event: int | None, offset: int | None) -> None:
        finding = self._finding(code, message, event, offset)
        if finding is not None:
            self._keep((finding,))
