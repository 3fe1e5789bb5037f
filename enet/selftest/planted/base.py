"""The definition of a fault, and the list of all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enet.errors import EnetError
from enet.gates import Outcome, Verdict
from enet.measure.subject import Subject
from enet.selftest.acceptance import verdicts, with_own_cache

#: Gate of what is refused before anything is measured.
REFUSED = "refused"

#: Injects a fault for as long as the context lasts; gives the subject that has it. The folder is empty.
Inject = Callable[[Subject, Path], contextlib.AbstractContextManager[Subject]]
#: Makes a record that has the fault, in an empty folder, and asks the gates.
Check = Callable[[Subject, Path], Iterable[Verdict]]

#: In the order in which a deliverable is made.
STAGES = ("weights", "export", "preprocessing", "data", "batching", "device", "scoring", "throughput", "evidence")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An injected fault.

    Attributes:
        name: in words; a row of the table.
        stage: one of ``STAGES``.
        gates: gates of which at least one must notice it.
        check: injects it and asks the gates.
        inject: how it is injected into the product, which takes a whole acceptance; None for a fault in a record.
        within_tolerance: reason why no gate needs to notice it, or "".
    """

    name: str
    stage: str
    gates: tuple[str, ...]
    check: Check
    inject: Inject | None = None
    within_tolerance: str = ""

    def verdicts(self, subject: Subject, folder: Path) -> list[Verdict]:
        """Verdicts on the subject with the fault; ``folder`` is empty."""
        try:
            return list(self.check(subject, folder))
        except EnetError as error:
            return [Verdict(gate=REFUSED, outcome=Outcome.NO_EVIDENCE, sentence=str(error))]


#: All faults.
FAULTS: list[Fault] = []


def add_record(stage: str, name: str, gates: str, check: Check) -> None:
    """Add a fault in a record; ``gates`` are separated by spaces."""
    FAULTS.append(Fault(name=name, stage=stage, gates=tuple(gates.split()), check=check))


def record(stage: str, gates: str) -> Callable[[Check], Check]:
    """``add_record`` as a decorator: the function's name, in words, is the fault's."""

    def add(check: Check) -> Check:
        add_record(stage, check.__name__.replace("_", " "), gates, check)
        return check

    return add


def add_fault(stage: str, name: str, gates: str, inject: Inject, within_tolerance: str = "") -> None:
    """Add a fault in the product; ``gates`` are separated by spaces."""

    def check(subject: Subject, folder: Path) -> Iterator[Verdict]:
        with inject(with_own_cache(subject, folder / "cache"), folder) as faulty:
            yield from verdicts(faulty)

    names = tuple(gates.split())
    fault = Fault(name=name, stage=stage, gates=names, check=check, inject=inject, within_tolerance=within_tolerance)
    FAULTS.append(fault)


def add_patch(stage: str, name: str, gates: str, patch: Callable[[Subject], Any]) -> None:
    """Add a fault that is a patch of the code; ``patch`` returns a context manager."""

    @contextlib.contextmanager
    def inject(subject: Subject, _: Path) -> Iterator[Subject]:
        with patch(subject):
            yield subject

    add_fault(stage, name, gates, inject)


def add_change(
    stage: str, name: str, gates: str, change: Callable[[Subject, Path], Subject], within_tolerance: str = ""
) -> None:
    """Add a fault of the subject; ``change`` returns another one and may write to a folder."""
    add_fault(
        stage, name, gates, lambda subject, folder: contextlib.nullcontext(change(subject, folder)), within_tolerance
    )
