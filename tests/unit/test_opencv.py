"""Which distribution of OpenCV serves, and what is said of two that overwrite each other."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from enet import opencv
from tests.unit.recipes import enet

HEADLESS = 'opencv_version = "5.0.0.93"\ncontrib = False\nheadless = True\nrolling = False\nci_build = True'
OWN = 'opencv_version = "4.10.0.84"\ncontrib = False\nheadless = False\nrolling = False\nci_build = True\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEADLESS, {"opencv-python-headless": "5.0.0.93"}),
        (OWN, {"opencv-python": "4.10.0.84"}),
        (OWN.replace("contrib = False", "contrib = True"), {"opencv-contrib-python": "4.10.0.84"}),
        (HEADLESS.replace("contrib = False", "contrib = True"), {"opencv-contrib-python-headless": "5.0.0.93"}),
        ("", {"opencv": "unknown"}),  # Debian's python3-opencv
    ],
)
def test_distribution_whose_files_are_there_serves(
    text: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "version_file", lambda: text)
    assert opencv.serving() == expected


def test_distribution_that_serves_here_is_installed() -> None:
    ((name, version),) = opencv.serving().items()
    assert metadata.version(name) == version


def both(folder: Path, monkeypatch: pytest.MonkeyPatch, *distributions: str) -> None:
    """Site-packages with these distributions, of which the user's own opencv-python was installed last."""
    for name in distributions:
        (folder / f"{name.replace('-', '_')}.dist-info").mkdir(parents=True)
        version = "5.0.0.93" if "headless" in name else "4.10.0.84"
        (folder / f"{name.replace('-', '_')}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    monkeypatch.setattr(metadata, "version", lambda name: found(folder, name))
    monkeypatch.setattr(opencv, "version_file", lambda: OWN)


def found(folder: Path, name: str) -> str:
    for distribution in metadata.distributions(path=[str(folder)]):
        if distribution.metadata["Name"] == name:
            return distribution.version
    raise metadata.PackageNotFoundError(name)


def test_doctor_names_two_distributions_and_the_line_that_keeps_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path, monkeypatch, "opencv-python", "opencv-python-headless")
    monkeypatch.setattr("enet.backends.BACKENDS", {})
    assert enet("doctor") == 0
    ready, *warning, _, cores = capsys.readouterr().out.splitlines()
    assert ready.split() == ["opencv", "ready", "opencv-python", "4.10.0.84"]
    assert " ".join(" ".join(warning).split()) == (
        "warning opencv-python and opencv-python-headless overwrite each other's files; "
        "opencv-python 4.10.0.84 serves. "
        "Repair: pip uninstall -y opencv-python opencv-python-headless && "
        "pip install --no-deps opencv-python==4.10.0.84"
    )
    assert cores.split()[0] == "cores"
    assert enet("doctor", "--json") == 0
    assert "Repair: pip uninstall" in json.loads(capsys.readouterr().out)["opencv"]["warning"]


def test_doctor_names_what_opencv_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a server without graphics libraries, opencv-python cannot be imported."""
    both(tmp_path, monkeypatch, "opencv-python")
    monkeypatch.setattr("enet.backends.BACKENDS", {})
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert enet("doctor") == 0
    line = " ".join(capsys.readouterr().out.split())
    assert line.startswith("opencv missing ")
    assert "--no-deps opencv-python-headless, which needs no graphics libraries" in line
