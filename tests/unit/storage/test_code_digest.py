"""The digest changes with every module that a module imports, and with no other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from enet.storage.code_digest import ROOT, code_digest, imported_modules

MODULES = {
    "__init__.py": "",
    "build.py": "from enet.tools import cut, steel\nfrom enet.lazy import wood\n",
    "tools/__init__.py": "from enet.tools.blades import cut\nfrom enet.tools.paint import red\n",
    "tools/blades.py": "def cut():\n    from enet.deep import (  # only when used\n        iron,\n    )\n",
    "tools/paint.py": "import os\n",
    "tools/steel.py": "import enet.rust\n",
    "deep.py": 'iron = """\nfrom the import of iron\n"""\n',
    "rust.py": "",
    "lazy/__init__.py": "",
    "lazy/__init__.pyi": "from .oak import wood as wood\nfrom .stone import rock as rock\n",
    "lazy/oak.py": "",
    "lazy/stone.py": "",
    "other.py": "from enet import build\n",
}
IMPORTED = {"build", "tools.blades", "tools.steel", "deep", "rust", "lazy.oak"}


def package(root: Path, changed: str = "") -> Path:
    for name, text in MODULES.items():
        path = root / "enet" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "#" * (name == changed))
    return root


def test_imported_modules_are_those_that_define_used_names(tmp_path: Path) -> None:
    assert imported_modules(package(tmp_path), "enet.build") == {f"enet.{name}" for name in IMPORTED}


@pytest.mark.parametrize("name", MODULES)
def test_code_digest_changes_with_an_imported_module_only(name: str, tmp_path: Path) -> None:
    before = code_digest("enet.build", root=package(tmp_path / "before"))
    after = code_digest("enet.build", root=package(tmp_path / "after", changed=name))
    assert (before != after) == (name.removesuffix(".py").replace("/", ".") in IMPORTED)


def test_code_digest_of_an_unknown_module_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"module='enet\.none', expected a module"):
        code_digest("enet.none", root=package(tmp_path))


#: What a cached file is built by, and what may decide its content.
BUILDS = {
    "enet.model.export": {"model", "deliverable", "storage", "errors"},
    "enet.datasets.preprocess": {"datasets", "deliverable", "storage", "errors", "host", "cgroup", "opencv"},
    "enet.ascend.atc": {"ascend", "deliverable", "storage", "errors"},
    # The module also runs folders of files: FolderRun is ais_bench's, and the last batch is padded by metrics.labels.
    "enet.backends.onnxruntime": {"backends", "ascend", "metrics", "model", "datasets"}
    | {"deliverable", "storage", "errors", "host", "cgroup", "opencv", "progress"},
}


@pytest.mark.parametrize("module", BUILDS)
def test_imported_modules_of_a_build_are_of_lower_packages(module: str) -> None:
    found = imported_modules(ROOT, module) - {"enet"}
    assert {name.split(".")[1] for name in found} <= BUILDS[module]


def test_code_digest_is_the_same_in_another_folder_and_process(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "enet", tmp_path / "enet", ignore=shutil.ignore_patterns("__pycache__", "builtin"))
    script = "from enet.storage.code_digest import code_digest; print(code_digest('enet.measure.pipeline'))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(tmp_path)})
    assert done.stdout.strip() == code_digest("enet.measure.pipeline")
