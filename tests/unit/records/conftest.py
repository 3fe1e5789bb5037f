"""A tiny deliverable that requires throughput, and a good folder of its recorded results."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from enet.deliverable import ThroughputLimit
from enet.measure import pipeline
from enet.measure.subject import Subject
from enet.selftest import result_folders
from tests.unit import tiny
from tests.unit.records.results import MS

LIMIT = ThroughputLimit(chip="310P3", baseline="310", at_least=1.2, source="the guide")


@pytest.fixture(scope="session")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A tiny deliverable whose reference is what its network reaches, and that requires throughput."""
    plain = tiny.tiny(tmp_path_factory.mktemp("records"))
    live = pipeline.measure_split(plain, plain.artifact("onnxruntime", 1), plain.image_files())
    reference = dataclasses.replace(plain.deliverable.reference, miou_percent=100 * live.miou)
    spec = dataclasses.replace(plain.deliverable, reference=reference, throughput=LIMIT)
    return Subject(spec, plain.store, data_root=plain.data_root)


@pytest.fixture(scope="session")
def logits(subject: Subject) -> dict[str, NDArray[Any]]:
    return dict(sorted(tiny.slow_logits(subject).items()))


@pytest.fixture
def good(subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path) -> Path:
    """Batch 1 and 4 over all images, with consoles, npu-smi's table and the guide's log."""
    root = tmp_path / "results"
    for batch in (1, 4):
        result_folders.write(root, logits, batch, MS)
    (root / "npu_smi.txt").write_text(result_folders.NPU_SMI)
    percent = subject.deliverable.reference.miou_percent
    (root / "eval_log.txt").write_text(f"BS 1\nmiou: {percent:.3f}%\nBS 4\nmiou: {percent:.3f}%\n")
    return root
