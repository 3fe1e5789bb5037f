"""Changes to a folder of results, and the verdicts on it; used by the tests of all readers of records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enet import gates
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.gates import Outcome, Verdict
from enet.measure import recorded_accuracy
from enet.measure.subject import Subject
from enet.records import results_folder
from enet.records.throughput import throughput_from_folder

#: Milliseconds per image: 2000 images/s, more than 1.2 times the 310.
MS = 0.5

#: Expected results of a broken folder: an InputError, or an outcome of at least one gate.
REFUSED, FAILS, WITHOUT = "refused", Outcome.FAIL, Outcome.NO_EVIDENCE

#: A change to a good folder, its result, and words of the message or verdict.
BrokenCase = tuple[Callable[[Path], object], str | Outcome, str]


def verdicts(root: Path, subject: Subject, soc_version: str | None = None) -> list[Verdict]:
    """All verdicts on a folder, as the acceptance suite would reach them."""
    spec, table = subject.deliverable, baselines.load()
    recorded = results_folder.scan(root)
    target, sizes = Target(soc_version=soc_version), sorted({1, 4, *recorded.batch_sizes})
    measured = [throughput_from_folder(recorded, size, spec, target) for size in sizes]
    found = [gates.throughput.throughput(each, spec, table) for each in measured]
    found.append(gates.throughput.best_batch(measured, spec, table))
    for size in sizes:
        scored = recorded_accuracy.accuracy(recorded, size, subject, labels_to=root.parent / f"labels{size}.npy")
        found.append(gates.accuracy.miou(scored, spec))
    return found


def check_broken(case: BrokenCase, root: Path, subject: Subject) -> None:
    """Apply a change to a good folder and check how it is reported: in one line."""
    change, expected, words = case
    change(root)
    if expected == REFUSED:
        with pytest.raises(InputError) as caught:
            verdicts(root, subject)
        message = str(caught.value)
        assert words in message
        assert len(message.splitlines()) == 1
        assert str(root) in message
    else:
        found = [verdict for verdict in verdicts(root, subject) if verdict.outcome is expected]
        assert any(words in str(verdict) for verdict in found), found
        assert all(len(str(verdict).splitlines()) == 1 for verdict in found)


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def summary_of(root: Path, batch: int) -> Path:
    return root / f"bs{batch}_summary.json"


def outputs(root: Path, batch: int = 1) -> list[Path]:
    return sorted((root / f"bs{batch}").iterdir())


def set_value(batch: int, *path: str, value: Any) -> Callable[[Path], None]:
    """Set one value of a summary."""

    def change(table: dict[str, Any]) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    return lambda root: edit(summary_of(root, batch), change)


def set_times(change: Callable[[list[float]], list[float]]) -> Callable[[Path], None]:
    """Change the raw times of batch 1."""

    def apply(table: dict[str, Any]) -> None:
        table["npu_compute_time_list"] = change(table["npu_compute_time_list"])

    return lambda root: edit(summary_of(root, 1), apply)


def set_entry(key: str, value: Any) -> Callable[[Path], None]:
    """Change what the first image's entry lists."""
    return set_value(1, "filesinfo", "0", key, value=value)


def write(name: str, content: bytes | str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return apply


def write_inputs(root: Path, content: bytes) -> None:
    """Write an input file for each output."""
    (root / "prep").mkdir()
    for path in outputs(root):
        (root / "prep" / f"{path.stem[:-2]}.bin").write_bytes(content)
