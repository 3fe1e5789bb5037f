"""The conclusion of a run, as data: whether the deliverable is accepted, and if not, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enet.errors import format_list
from enet.gates.base import Outcome
from enet.gates.catalogue import ASPECTS, GATES, Plan

#: (gate, case): what one verdict is about.
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What follows from a run's verdicts.

    Attributes:
        accepted: every required (gate, case) of every aspect that was checked passed, and nothing else went wrong.
        aspects: "accuracy", "perf": of which at least one gate ran.
        recorded: it is about results recorded on a device.
        counts: number of verdicts by outcome.
        not_run: required (gate, case) pairs without a verdict.
        broken: acceptance tests that ended without one, by an error.
        caveats: what stays unproven although all passed, such as "model not proven".
    """

    accepted: bool
    aspects: tuple[str, ...]
    recorded: bool
    counts: Mapping[str, int]
    not_run: tuple[Key, ...] = ()
    broken: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Number of gates that decide: verdicts other than INFO, and tests that ended without one."""
        return sum(self.counts.values()) - self.counts["INFO"] + len(self.broken)

    @property
    def scope(self) -> str:
        """The aspects in words, such as "accuracy and performance of recorded results"."""
        words = " and ".join(ASPECTS[aspect] for aspect in ASPECTS if aspect in self.aspects)
        return f"{words} of recorded results" if self.recorded and words else words

    def __str__(self) -> str:
        failed, unproved = self.counts["FAIL"], self.counts["NO EVIDENCE"] + len(self.broken)
        if self.accepted:
            return f"ACCEPTED ({'; '.join([self.scope, *self.caveats])}): all {self.total} gates passed"
        if failed:
            return f"NOT ACCEPTED: {failed} of {self.total} gates failed"
        if unproved:
            return f"NOT ACCEPTED: no evidence for {unproved} of {self.total} gates"
        if not self.counts["PASS"]:
            return "NOT ACCEPTED: nothing was checked"
        left = format_list([f"{gate} [{case}]" for gate, case in self.not_run], first=4)
        return f"NOT ACCEPTED: {self.total} gates passed, not run: {left}"

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
        }


def conclude(
    plan: Plan, verdicts: Sequence[tuple[Key, Outcome]], broken: Sequence[str] = (), caveats: Sequence[str] = ()
) -> Conclusion:
    """Draw the conclusion.

    Args:
        plan: what the run was asked to check.
        verdicts: of the deliverable's own gates; a pair may have several, of which all must pass.
        broken: acceptance tests that ended in an error, not in a verdict.
        caveats: of the verdicts.
    """
    outcomes = Counter(outcome.value for _, outcome in verdicts)
    counts = {outcome.value: outcomes[outcome.value] for outcome in Outcome}
    aspects = {GATES[gate].aspect for (gate, _), outcome in verdicts if outcome is not Outcome.INFO}
    required = [(gate.name, str(case)) for gate, case in plan.required() if gate.aspect in aspects]
    answered = {key for key, outcome in verdicts if outcome is not Outcome.INFO}
    not_run = tuple(key for key in required if key not in answered)
    wrong = counts["FAIL"] or counts["NO EVIDENCE"] or broken or not_run
    return Conclusion(
        accepted=bool(required) and not wrong,
        aspects=tuple(aspect for aspect in ASPECTS if aspect in aspects),
        recorded=plan.recorded,
        counts=counts,
        not_run=not_run,
        broken=tuple(broken),
        caveats=tuple(dict.fromkeys(caveats)),
    )
