"""Fuzzer of what a verdict rests on besides the product: conclusions, evidence, records.

Each kind draws changes by seed and looks for an acceptance, or a PASS, where something that matters was changed; and
for a refusal where nothing was, or nothing that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator

from enet.selftest.fuzzed import KINDS, Kind, Trial
from enet.selftest.table import Row

#: Trials of each kind, in a whole run and in a quick one.
COUNT, QUICK_COUNT = 300, 40

#: Of so many trials one changes nothing that matters.
SOUND_EVERY = 5


def run(folder: Path, *, quick: bool = False, seed: int = 0, count: int | None = None) -> Iterator[Row]:
    """One row a kind: how many changes were noticed, how many sound ones refused, and the first that went wrong."""
    total = (QUICK_COUNT if quick else COUNT) if count is None else count
    for number, kind in enumerate(KINDS):
        own = folder / str(number)
        own.mkdir()
        yield summary(kind, [*trials(kind, own, seed, total)])


def trials(kind: Kind, folder: Path, seed: int, count: int) -> Iterator[tuple[bool, Trial]]:
    """Whether each trial changed something that matters, and its result."""
    attempt: Callable[[Generator, bool], Trial] = kind.prepare(folder)
    for number in range(count):
        changes = number % SOUND_EVERY != 0
        yield changes, attempt(np.random.default_rng([seed, number]), changes)


def summary(kind: Kind, found: list[tuple[bool, Trial]]) -> Row:
    """The row of a kind."""
    slipped = [trial.words for changed, trial in found if changed and trial.passed]
    alarms = [trial.words for changed, trial in found if not changed and not trial.passed]
    changed = sum(changed for changed, _ in found)
    words = f"{changed - len(slipped)} of {changed} noticed, {len(alarms)} of {len(found) - changed} false alarms"
    wrong = [*(f"passed: {each}" for each in slipped), *(f"refused: {each}" for each in alarms)]
    observed = "; ".join([words, *dict.fromkeys(wrong)])
    return Row(name=kind.name, stage="fuzz", expected="noticed", observed=observed, ok=not wrong)
