"""Keys of the artifact cache cover what decides an entry: every module that runs meanwhile, libraries, tables."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from enet.datasets import Classes, cityscapes, scenes
from enet.measure.subject import Subject
from enet.storage import code_digest
from enet.storage.store import Make, Store
from tests.unit.tiny import tiny

#: Modules whose functions only pass on what the key already has.
GLUE = {"enet.measure.subject", "enet.model.onnx_cache", "enet.storage.store"}


class TracedStore(Store):
    """Notes the modules of this package that run while each kind of entry is made, and those that its key covers."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ran: dict[str, set[str]] = {}
        self.covered: dict[str, set[str]] = {}
        self.named: set[str] = set()

    def build(self, entry: Path, manifest: dict[str, Any], make: Make) -> None:
        kind = entry.parent.name
        self.covered[kind] = set(self.named)

        def traced_make(folder: Path) -> None:
            with traced(self.ran.setdefault(kind, set())):
                make(folder)

        super().build(entry, manifest, traced_make)
        self.named.clear()


class traced:  # noqa: N801 - a context manager
    """Collect the modules of this package whose functions run, in all threads."""

    def __init__(self, modules: set[str]) -> None:
        self.modules = modules

    def __enter__(self) -> None:
        def profile(frame: FrameType, event: str, _: object) -> None:
            name = frame.f_globals.get("__name__", "")
            if event == "call" and name.startswith("enet.") and frame.f_code.co_name != "<module>":
                self.modules.add(name)

        threading.setprofile(profile)
        sys.setprofile(profile)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedStore]:
    """After everything that does not take long was made once."""
    folder = tmp_path_factory.mktemp("tiny")
    traced_store = TracedStore(folder / "cache")
    original = code_digest.imported_modules

    def imported_modules(root: Path, *modules: str) -> set[str]:
        found = original(root, *modules)
        traced_store.named.update(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_digest, "imported_modules", imported_modules)
        code_digest.code_digest.cache_clear()
        subject = replace(tiny(folder), store=traced_store)
        subject.prepared()
        subject.bin_files("float")
        for backend in ("onnxruntime", "openvino"):
            code_digest.code_digest.cache_clear()
            subject.artifact(backend, 1)
        yield traced_store


@pytest.mark.parametrize("kind", ["dataset", "prepared", "bins", "onnx", "onnxruntime", "openvino"])
def test_key_covers_every_module_that_runs(kind: str, store: TracedStore) -> None:
    assert store.ran[kind] - GLUE
    assert store.ran[kind] - GLUE - store.covered[kind] == set()


def test_key_of_scenes_covers_every_module_that_runs(tmp_path: Path) -> None:
    modules: set[str] = set()
    with traced(modules):
        scenes.write(tmp_path, images=1, size=(64, 32), workers=1)
    assert modules - code_digest.imported_modules(code_digest.ROOT, "enet.datasets.scenes") == set()


@pytest.mark.parametrize(
    ("modules", "libraries"),
    [
        (("enet.datasets.scenes",), {"cv2", "numpy"}),
        (("enet.datasets.preprocess", "enet.datasets.image_source"), {"numpy", "PIL"}),
        (("enet.model.checkpoint", "enet.model.export"), {"numpy", "onnx", "torch"}),
        (("enet.backends.onnxruntime",), {"numpy", "onnx", "onnxruntime"}),
        (("enet.backends.quantise",), {"nncf", "openvino"}),
    ],
)
def test_made_by_names_the_libraries_with_their_versions(modules: tuple[str, ...], libraries: set[str]) -> None:
    found = code_digest.made_by(*modules)["libraries"]
    assert libraries <= found.keys()
    assert found["numpy" if "numpy" in found else "openvino"][0].isdigit()


def test_made_by_changes_with_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest.made_by("enet.datasets.preprocess")
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "pillow" else "1")
    code_digest.libraries.cache_clear()
    assert code_digest.made_by("enet.datasets.preprocess")["libraries"]["PIL"] == "0.1" != before["libraries"]["PIL"]
    code_digest.libraries.cache_clear()


def test_no_library_of_the_package_is_unknown() -> None:
    """A library whose distribution has another name must be in the table, or no change of it would be seen."""
    modules = [".".join(path.relative_to(code_digest.ROOT).with_suffix("").parts) for path in sources()]
    optional = {"nncf", "openvino", "ais_bench", "ray", "vl_convert", "pywuffs", "imagecodecs"}
    found = code_digest.libraries(*modules)
    assert {name for name, version in found.items() if version == "not installed"} <= optional


def sources() -> list[Path]:
    return [path for path in (code_digest.ROOT / "enet").rglob("*.py") if path.name != "__init__.py"]


@pytest.mark.parametrize("how", ["table", "lookup"])
def test_swapped_label_table_is_not_served_from_a_warm_cache(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = tiny(tmp_path)
    before = subject.prepared()
    table = dict(cityscapes.CLASSES.train_ids)
    swapped = {7: table[8], 8: table[7]}
    if how == "table":
        monkeypatch.setitem(cityscapes.CLASSES.train_ids, 7, swapped[7])
        monkeypatch.setitem(cityscapes.CLASSES.train_ids, 8, swapped[8])
    else:
        lookup = replace(cityscapes.CLASSES, train_ids=table | swapped).lookup()
        monkeypatch.setattr(Classes, "lookup", lambda _: lookup)
    again = Subject(subject.deliverable, Store(subject.store.root), data_root=subject.data_root)
    after = again.prepared()
    assert after.folder != before.folder
    assert (after.labels != before.labels).any()
