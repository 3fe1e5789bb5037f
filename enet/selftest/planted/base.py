"""What a fault is, and the list of all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from enet.errors import EnetError
from enet.gates import Outcome, Verdict
from enet.measure.subject import Subject
from enet.selftest.acceptance import verdicts, with_own_cache

#: The gate of what is refused before anything is measured.
REFUSED = "refused"

#: Plants a fault for as long as the context lasts, and gives the subject that has it.
Plant = Callable[[Subject, Path], contextlib.AbstractContextManager[Subject]]
#: Makes a record with the fault in it and asks the gates about it.
Record = Callable[[Subject, Path], Iterable[Verdict]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault, and which gates are meant to notice; ``below``: why none need, in words."""

    name: str
    stage: str
    what: str
    gates: tuple[str, ...]
    judge: Record
    below: str = ""
    #: Planted in the product, which takes a whole acceptance; else in what is judged.
    live: bool = False

    def verdicts(self, subject: Subject, folder: Path) -> list[Verdict]:
        """What the gates say, with the fault planted; ``folder`` is empty."""
        try:
            return list(self.judge(subject, folder))
        except EnetError as error:
            return [Verdict(gate=REFUSED, outcome=Outcome.NO_EVIDENCE, sentence=str(error))]


#: In the order in which a deliverable is made.
STAGES = ("weights", "export", "preprocessing", "data", "batching", "device", "scoring", "throughput", "evidence")

#: All faults.
FAULTS: list[Fault] = []


def recorded(stage: str, *gates: str, below: str = "", live: bool = False) -> Callable[[Record], Record]:
    """A fault in what is judged; the function's name and docstring are the fault's."""

    def add(judge: Record) -> Record:
        words = (judge.__doc__ or "").strip().rstrip(".")
        name = judge.__name__.replace("_", " ")
        FAULTS.append(Fault(name=name, stage=stage, what=words, gates=gates, judge=judge, below=below, live=live))
        return judge

    return add


def planted(
    stage: str, *gates: str, below: str = ""
) -> Callable[[Callable[[Subject, Path], Iterator[Subject]]], Plant]:
    """A fault in the product: a generator that yields the subject to accept while the fault is there."""

    def add(function: Callable[[Subject, Path], Iterator[Subject]]) -> Plant:
        plant = contextlib.contextmanager(function)

        def judge(subject: Subject, folder: Path) -> Iterator[Verdict]:
            with plant(with_own_cache(subject, folder / "cache"), folder) as faulty:
                yield from verdicts(faulty)

        judge.__name__, judge.__doc__ = function.__name__, function.__doc__
        recorded(stage, *gates, below=below, live=True)(judge)
        return plant

    return add
