"""The built wheel in an environment of its own: a verdict needs no clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build uses what an earlier one left beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "docs", "benchmarks")
    shutil.copytree(ROOT, folder / "source", ignore=left_out)
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", str(folder), str(folder / "source")], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_has_all_modules_and_the_suite_below_the_package(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    sources = (path for pattern in ("enet/**/*.py", "enet/**/*.pyi") for path in ROOT.glob(pattern))
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= names
    files = (
        *ROOT.glob("fixtures/*.py"),
        *ROOT.glob("tests/acceptance/*.py"),
        ROOT / "conftest.py",
        ROOT / "pytest.ini",
    )
    suite = {f"enet/suite/{path.relative_to(ROOT).as_posix()}" for path in files}
    assert suite == {name for name in names if name.startswith("enet/suite/")}
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"enet"}


def test_the_installed_wheel_accepts_the_included_deliverable(wheel: Path, tmp_path: Path) -> None:
    environment, place = tmp_path / "environment", tmp_path / "place"
    place.mkdir()
    venv.create(environment)
    python = str(environment / "bin" / "python")
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")  # torch and all others
    subprocess.run([*PIP, "--python", python, "install", "--no-deps", str(wheel)], check=True)
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(environment / "bin" / "enet"), "accept", "--markdown-summary", "summary.md"]
    done = subprocess.run(command, cwd=place, env=elsewhere, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scenes: ACCEPTED (accuracy): all 19 gates passed. Evidence: .enet/evidence" in done.stdout.splitlines()
    assert str(packages / "enet" / "suite") in done.stdout
    assert json.loads((place / ".enet/evidence/verdicts.json").read_text(encoding="utf-8"))["accepted"]
    assert "ACCEPTED" in (place / "summary.md").read_text(encoding="utf-8")
    assert not list(packages.rglob(".pytest_cache"))
