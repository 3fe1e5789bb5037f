"""Faults drawn at random, between those of the table: any image, row, class, call or layer, in families.

The same seed draws the same faults. Each is injected while a whole acceptance of a small deliverable runs, which ends
at the first gate that notices. A fault that no gate notices counts as missed, unless it is smaller than what its family
says cannot be seen; its size is then measured apart from the gates.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from enet.errors import EnetError
from enet.gates import Outcome, Verdict
from enet.measure.subject import Subject
from enet.selftest.acceptance import small, verdicts
from enet.selftest.drawn import FAMILIES, Drawn, Family
from enet.selftest.planted.base import REFUSED
from enet.selftest.table import SOUND, Row
from enet.storage.store import Store

#: Images of the small deliverable, so that a batch of 4 has a tail of 2; side of the network's input; size of a scene.
IMAGES, SIDE, SCENE = 6, 240, (1024, 512)

#: Faults of a whole run, and of a quick one: the first of every second family.
COUNT, QUICK_COUNT = 224, len(FAMILIES) // 2

#: A sound run, for false alarms, before every so many faults.
SOUND_EVERY = 20


def run(folder: Path, *, quick: bool = False, seed: int = 0, count: int | None = None) -> Iterator[Row]:
    """One row a fault, the families taking turns, and rows of sound runs between them."""
    subject = small(folder, images=IMAGES, side=SIDE, scene=SCENE)
    total = (QUICK_COUNT if quick else COUNT) if count is None else count
    for number in range(total):
        if number % SOUND_EVERY == 0:
            yield check_sound(subject, number)
        family = FAMILIES[number * (2 if quick else 1) % len(FAMILIES)]
        drawn = family.draw(np.random.default_rng([seed, number]), subject)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            yield check_drawn(f"{number}: {drawn.words}", family, drawn, subject, Path(own))


def with_copied_cache(subject: Subject, folder: Path, without: Iterable[str] = ()) -> Subject:
    """The same on a copy of its cache, by hard links, without some kinds of entries."""
    copy = folder / "cache"
    shutil.copytree(subject.store.root, copy, copy_function=os.link, ignore=shutil.ignore_patterns(".*", *without))
    return replace(subject, store=Store(copy))


def first_problem(found: Iterable[Verdict]) -> str:
    """The first gate that does not pass; empty if all do."""
    try:
        return next((verdict.gate for verdict in found if verdict.outcome is not Outcome.PASS), "")
    except EnetError:
        return REFUSED


def check_sound(subject: Subject, number: int) -> Row:
    """A whole acceptance without a fault. The first one fills the cache."""
    alarm = first_problem(verdicts(replace(subject, store=Store(subject.store.root))))
    observed = f"noticed by {alarm}" if alarm else SOUND
    return Row(name=f"{number}: no fault", stage="none", expected=SOUND, observed=observed, ok=not alarm)


def check_drawn(name: str, family: Family, drawn: Drawn, subject: Subject, folder: Path) -> Row:
    """Inject a fault, and ask gates until one notices."""
    start = with_copied_cache(subject, folder, family.rebuilds)
    with drawn.inject(start, folder) as faulty:
        gate = first_problem(verdicts(faulty))
        small_size = "" if gate else drawn.too_small(subject, faulty)
    return Row(
        name=name,
        stage=family.name,
        expected=", ".join(family.gates) or "any",
        observed=f"noticed by {gate}" if gate else small_size or "not noticed",
        ok=bool(gate or small_size),
        within_tolerance=bool(small_size),
    )
