"""The conclusion of a run, as data: whether the deliverable is accepted, and if not, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enet.errors import format_list
from enet.gates.base import Outcome
from enet.gates.catalogue import ASPECTS, GATES, Aspect, Plan

#: (gate, case): what one verdict is about.
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What follows from a run's verdicts.

    Attributes:
        accepted: every required (gate, case) of every aspect that was checked passed, and nothing else went wrong.
        aspects: "accuracy", "perf": those that were asked for.
        recorded: it is about results recorded on a device.
        counts: number of verdicts by outcome.
        not_run: required (gate, case) pairs without a verdict.
        broken: acceptance tests that ended without one, by an error.
        caveats: what stays unproven although all passed, such as "model not proven".
        stopped: why the run ended early, in words; empty if it did not.
    """

    accepted: bool
    aspects: tuple[str, ...]
    recorded: bool
    counts: Mapping[str, int]
    not_run: tuple[Key, ...] = ()
    broken: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def scope(self) -> str:
        """The aspects in words, such as "accuracy and performance of recorded results"."""
        words = " and ".join(ASPECTS[aspect] for aspect in ASPECTS if aspect in self.aspects)
        return f"{words} of recorded results" if self.recorded and words else words

    def __str__(self) -> str:
        if self.accepted:
            return f"ACCEPTED ({'; '.join([self.scope, *self.caveats])}): {self.found}"
        left = [f"{gate} [{case}]" for gate, case in self.not_run]
        lists = {"ended in an error": self.broken, "not run": left}
        more = [f"{words}: {format_list(names, first=4)}" for words, names in lists.items() if names]
        return f"NOT ACCEPTED: {'; '.join(filter(None, [self.stopped, ', '.join([self.found, *more])]))}"

    @property
    def found(self) -> str:
        """The counts in words, such as "2 gates failed, 5 without evidence, 12 passed"."""
        counts = {
            "failed": self.counts["FAIL"],
            "without evidence": self.counts["NO EVIDENCE"] + len(self.broken),
            "passed": self.counts["PASS"],
        }
        (first, count), *others = [(words, count) for words, count in counts.items() if count] or [("", 0)]
        if not count:
            return "nothing was checked"
        every = "all " if first == "passed" and count > 1 and not self.not_run else ""
        words = [f"{every}{count} gate{'' if count == 1 else 's'} {first}"]
        return ", ".join([*words, *(f"{count} {words}" for words, count in others)])

    def to_json(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "conclusion": str(self),
            "aspects": list(self.aspects),
            "scope": self.scope,
            "recorded": self.recorded,
            "counts": dict(self.counts),
            "not_run": [{"gate": gate, "case": case} for gate, case in self.not_run],
            "broken": list(self.broken),
            "caveats": list(self.caveats),
            "stopped": self.stopped,
        }


def conclude(
    plan: Plan,
    verdicts: Sequence[tuple[Key, Outcome]],
    broken: Sequence[str] = (),
    caveats: Sequence[str] = (),
    *,
    asked: Sequence[Aspect] = (),
    stopped: str = "",
) -> Conclusion:
    """Draw the conclusion.

    Args:
        plan: what the run was asked to check.
        verdicts: of the deliverable's own gates; a pair may have several, of which all must pass.
        broken: acceptance tests that ended in an error, not in a verdict.
        caveats: of the verdicts.
        asked: aspects that must be accepted, besides those of the verdicts.
        stopped: why the run ended early, in words.
    """
    outcomes = Counter(outcome.value for _, outcome in verdicts)
    counts = {outcome.value: outcomes[outcome.value] for outcome in Outcome}
    decided = [(key, outcome) for key, outcome in verdicts if outcome is not Outcome.INFO]
    aspects = {*asked, *(GATES[gate].aspect for (gate, _), _ in decided)}
    required = [(gate, (gate.name, str(case))) for gate, case in plan.required() if gate.aspect in aspects]
    answered = {key for key, _ in decided}
    not_run = tuple(key for _, key in required if key not in answered)
    wrong = counts["FAIL"] or counts["NO EVIDENCE"] or broken or not_run or stopped
    looser = plan.deliverable.looser_rules
    rules = [f"by the deliverable's own, looser rules: {', '.join(looser)}"] if looser else []
    unasked = [f"not asked, as {reason}: {', '.join(gates)}" for reason, gates in plan.unasked(aspects).items()]
    return Conclusion(
        accepted=bool(aspects) and aspects <= {gate.aspect for gate, _ in required} and not wrong,
        aspects=tuple(aspect for aspect in ASPECTS if aspect in aspects),
        recorded=plan.recorded,
        counts=counts,
        not_run=not_run,
        broken=tuple(broken),
        caveats=tuple(dict.fromkeys([*caveats, *unasked, *rules])),
        stopped=stopped,
    )
