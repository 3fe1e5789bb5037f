"""Fuzzer of conclusions: what command lines ask for, and which verdicts a run brings back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from numpy.random import Generator

from enet import deliverable
from enet.backends import BACKENDS
from enet.evidence import RECORDED
from enet.gates import ASPECTS, GATES, Outcome, Plan, conclude
from enet.gates.conclusion import Key
from enet.selftest.fuzzed.base import Attempt, Kind, Trial, pick

Verdicts = list[tuple[Key, Outcome]]

#: Engines of this machine that an acceptance may name.
ENGINES = tuple(info.name for info in BACKENDS.values() if info.engine_of_host)


def some(rng: Generator, items: Sequence[int], least: int = 0) -> tuple[int, ...]:
    """Some of the items, in a random order."""
    count = int(rng.integers(least, len(items) + 1))
    return tuple(int(each) for each in rng.permutation(list(items))[:count])


def draw_plan(rng: Generator) -> Plan:
    """A plan, as options of a command line would make it."""
    spec = deliverable.load(pick(rng, ("scenes", "camvid", "cityscapes")))
    spec = replace(spec, batch_sizes=tuple(sorted(some(rng, (1, 2, 4, 16), least=1))))
    sizes = some(rng, (1, 2, 4, 8, 16, 32)) or spec.batch_sizes
    if rng.random() < 0.2:
        recorded = (RECORDED,)
        return Plan(deliverable=spec, backends=recorded, device_backends=recorded, batch_sizes=sizes, recorded=True)
    names = tuple(ENGINES[index] for index in some(rng, range(len(ENGINES)), least=1))
    return Plan(
        deliverable=spec,
        backends=names,
        host_backends=names,
        int8_backends=tuple(name for name in names if name == "openvino" and rng.random() < 0.5),
        float_engines=ENGINES,
        batch_sizes=sizes,
        timed_sizes=some(rng, (1, 2, 4, 8)),
        has_baseline=bool(rng.random() < 0.2),
    )


def must_pass(plan: Plan, aspect: str) -> set[Key]:
    """What an acceptance cannot be without, restated here in few words, apart from the catalogue."""
    name, sizes = plan.deliverable.name, plan.deliverable.batch_sizes
    backends = plan.backends if aspect == "accuracy" else plan.host_backends
    runs = [f"{name}-{each}{'-int8' if each in plan.int8_backends else ''}" for each in backends]
    if aspect == "perf":  # without sizes of the user's, those of the recorded table: whichever they are
        return {("speedup", f"{run}-bs{size}") for run in runs for size in sizes if plan.timed_sizes}
    keys = {("miou", f"{run}-bs{size}") for run in runs for size in sizes}
    keys |= {("batch_parity", f"{run}-bs{size}") for run in runs for size in sizes if size > 1}
    if not plan.recorded:
        keys |= {("reference_miou", name), ("preprocessing", name)}
        keys |= {("class_iou", f"{run}-bs{size}") for run in runs for size in sizes}
        keys |= {("onnx_logits", f"{name}-bs{size}") for size in sizes}
    return keys


def change(rng: Generator, verdicts: Verdicts) -> tuple[str, Verdicts]:
    """Change one thing that matters."""
    index = int(rng.integers(len(verdicts)))
    key, _ = verdicts[index]
    rest = verdicts[:index] + verdicts[index + 1 :]
    outcome = pick(rng, (Outcome.FAIL, Outcome.NO_EVIDENCE, Outcome.INFO))
    other = pick(rng, rest)[0] if rest else ("miou", "another")
    return pick(
        rng,
        [
            (f"{key} left out", rest),
            (f"{key} is {outcome.value}", [*rest, (key, outcome)]),
            (f"{key} under the name of {other}", [*rest, (other, Outcome.PASS)]),
            (f"{key} of another case", [*rest, ((key[0], f"{key[1]}0"), Outcome.PASS)]),
            (f"{key} failed once, then passed", [*verdicts, (key, Outcome.FAIL), (key, Outcome.PASS)]),
        ],
    )


def attempt(rng: Generator, changes: bool) -> Trial:
    """Conclude from a run that passed everything that it asked for, or from one with something wrong."""
    plan = draw_plan(rng)
    asked = tuple(aspect for aspect in ASPECTS if rng.random() < 0.6) or tuple(ASPECTS)[:1]
    needed = [(gate.name, str(case)) for gate, case in plan.required() if gate.aspect in asked]
    if not all(any(GATES[gate].aspect == aspect for gate, _ in needed) for aspect in asked):
        return Trial(words="an aspect without a gate", passed=not changes)
    verdicts: Verdicts = [(needed[index], Outcome.PASS) for index in rng.permutation(len(needed))]
    verdicts += [verdicts[int(rng.integers(len(verdicts)))]] * int(rng.integers(2))  # a rerun that passed, too
    words, stopped = "nothing changed", ""
    broken: tuple[str, ...] = ()
    if changes:
        kind = pick(rng, ("verdicts", "verdicts", "verdicts", "plan", "broken", "stopped"))
        if kind == "verdicts":
            words, verdicts = change(rng, list(dict.fromkeys(verdicts)))
        elif kind == "plan":  # the run did only what was asked for: less than the deliverable needs
            words = f"only the first of {len(verdicts)}"
            verdicts = verdicts[:1] if len(set(verdicts)) > 1 else []
        elif kind == "broken":
            words, broken = "a test died", (verdicts[0][0][0],)
        else:
            words = stopped = "interrupted"
    found = conclude(plan, verdicts, broken, asked=asked, stopped=stopped)
    passed = {key for key, outcome in verdicts if outcome is Outcome.PASS}
    unproved = {key for aspect in asked for key in must_pass(plan, aspect)} - passed
    if found.accepted and unproved:
        return Trial(words=f"{sorted(unproved)[0]} never passed, {words}", passed=changes)
    return Trial(words=f"{words} ({', '.join(plan.backends)}; {', '.join(asked)})", passed=found.accepted)


def prepare(_: Path) -> Attempt:
    return attempt


KINDS = (Kind(name="verdicts of a run", prepare=prepare),)
