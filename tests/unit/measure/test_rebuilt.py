"""Parts of the cache are built again: what another code has made, or nobody signed, is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import gates
from enet.datasets import image_source, scenes
from enet.evidence import Rebuilt
from enet.gates import Outcome
from enet.measure import rebuilt
from enet.measure.subject import Subject
from enet.model import export
from enet.storage.store import Store
from tests.unit.tiny import tiny


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A tiny deliverable with a warm cache, used by another process."""
    first = tiny(tmp_path_factory.mktemp("tiny"))
    build_all(first)
    warm = Subject(first.deliverable, Store(first.store.root), data_root=first.data_root)
    build_all(warm)
    return warm


#: Chooses the ONNX among the entries that are built again whole.
SEED = 3


def build_all(subject: Subject) -> None:
    subject.prepared()
    subject.bin_files("uint8")
    subject.artifact("onnxruntime", 1)


def differing(evidence: Rebuilt) -> list[str]:
    return [name for name, digest in evidence.cached.items() if evidence.built[name] != digest]


def test_sound_cache_is_built_again_to_the_same_bytes(subject: Subject) -> None:
    found = [rebuilt.compare(subject, seed) for seed in range(4)]
    assert {gates.cache.cached_files(evidence).outcome for evidence in found} == {Outcome.PASS}
    names = {name.partition(":")[0] for evidence in found for name in evidence.cached}
    assert names == {"dataset", "prepared", "bins", "onnx", "onnxruntime"}
    assert found[0].cached == rebuilt.compare(subject, 0).cached
    assert len({tuple(evidence.cached) for evidence in found}) > 1


def darker(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: original(*given) // 2


def other_export(original: Callable[..., Any]) -> Callable[..., Any]:
    def to_onnx(*given: Any, **more: Any) -> Any:
        model = original(*given, **more)
        model.doc_string = "another"
        return model

    return to_onnx


#: Where code differs from the code that filled the cache, in memory alone; what is found.
CHANGES = [
    (image_source, "load_image", darker, {"prepared", "bins"}),
    (image_source, "load_label", darker, {"prepared"}),
    (rebuilt, "check_sample", lambda _: lambda *_: ({}, None), {"dataset"}),
    (export, "to_onnx", other_export, {"onnx"}),
]


@pytest.mark.parametrize(("module", "name", "change", "found"), CHANGES)
def test_entry_of_other_code_is_found(
    module: Any, name: str, change: Callable[[Any], Any], found: set[str], subject: Subject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, name, change(getattr(module, name)))
    evidence = rebuilt.compare(subject, SEED)
    assert {each.partition(":")[0] for each in differing(evidence)} == found
    verdict = gates.cache.cached_files(evidence)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert f"Delete {subject.store.root} and run again" in verdict.sentence


def test_generated_scene_is_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "SIZE", (64, 32))
    subject = tiny(tmp_path)
    spec = subject.deliverable
    generated = replace(spec, dataset=replace(spec.dataset, layout="scenes", images=2))
    subject = Subject(generated, subject.store, weights_path=subject.weights)
    root = tmp_path / "scenes"
    scenes.write(root, images=2, size=scenes.SIZE, workers=1)
    monkeypatch.setattr(Subject, "generate_scenes", lambda _: root)
    assert not differing(rebuilt.compare(subject, 0))
    monkeypatch.setattr(scenes, "render", lambda *_: (np.zeros((32, 64, 3), np.uint8), np.zeros((32, 64), np.uint8)))
    assert [name.partition(":")[0] for name in differing(rebuilt.compare(subject, 0))] == ["scenes"]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.PASS),
        ({"built": {"onnx: a": "2"}}, Outcome.NO_EVIDENCE),
        ({"cached": {}, "built": {}}, Outcome.NO_EVIDENCE),
        ({"built": {"onnx: b": "1"}}, Outcome.NO_EVIDENCE),
        ({"limited": True}, Outcome.NO_EVIDENCE),
    ],
)
def test_gate_needs_equal_digests_of_the_same_files(changes: dict[str, Any], outcome: Outcome) -> None:
    equal = Rebuilt(cache="c", seed=1, limited=False, cached={"onnx: a": "1"}, built={"onnx: a": "1"})
    verdict = gates.cache.cached_files(replace(equal, **changes))
    assert verdict.outcome is outcome
    assert verdict.incomplete == bool(changes.get("limited"))
