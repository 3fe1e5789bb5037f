"""What is installed is pinned for every Python, licensed, and the same in the container; no file names a registry."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import enet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
EXTRAS = [Requirement(text) for texts in PROJECT["optional-dependencies"].values() for text in texts]
DOCKERFILE = ROOT / "Dockerfile"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_pin_for_each_python(python: str, machine: str) -> None:
    place = {"python_version": python, "python_full_version": f"{python}.9", "platform_machine": machine}
    place |= {"sys_platform": "linux", "platform_system": "Linux", "platform_python_implementation": "CPython"}
    needed = [each for each in (*map(Requirement, PROJECT["dependencies"]), *EXTRAS) if applies(each, place)]
    assert len(needed) > 20
    for requirement in needed:
        name = canonicalize_name(requirement.name)
        pins = [each for each in PINS if canonicalize_name(each.name) == name and applies(each, place)]
        assert len(pins) == 1, requirement
        (pin,) = pins[0].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), requirement


def applies(requirement: Requirement, place: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(place)


def test_pythons_are_those_of_tox() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    (names,) = re.findall(r"\[testenv:py\{([\d,]+)\}\]", tox)
    assert [f"3.{name[1:]}" for name in names.split(",")] == PYTHONS
    assert PYTHONS[0] == PROJECT["requires-python"].removeprefix(">=") == "3.10"


def test_pins_are_made_by_the_command_in_their_head() -> None:
    head = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[:2]
    assert "uv pip compile --universal --python-version 3.10 --all-extras" in head[1]


@pytest.mark.parametrize(
    "name", ["constraints.txt", "pyproject.toml", "tox.ini", "Dockerfile", "ci/action.yml", "ci/gitlab.yml", ".ci/run"]
)
def test_no_file_that_installs_names_a_registry(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_version_and_licence() -> None:
    assert enet.__version__.startswith("0.2")
    assert "urls" not in PROJECT
    assert PROJECT["license"].startswith("Apache-2.0")
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in PROJECT["license-files"]]
    assert "Apache License\n                           Version 2.0" in texts[0]
    for weights in (ROOT / "enet/deliverable/builtin").glob("*.pth"):
        assert weights.name in texts[1]


def instructions(text: str) -> list[tuple[str, str]]:
    """Word and rest of each instruction of a Dockerfile."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]


def of_ascend() -> str:
    """The Dockerfile for Ascend's base images, in the docs."""
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    return page.partition("```dockerfile\n")[2].partition("```")[0]


@pytest.mark.parametrize("text", [DOCKERFILE.read_text(encoding="utf-8"), of_ascend()], ids=["plain", "ascend"])
def test_container_has_the_pins_and_all_that_the_wheel_is_built_from(text: str) -> None:
    words = instructions(text)
    copied = [rest.split()[:-1] for word, rest in words if word == "COPY" and not rest.startswith("--from")]
    names = {name for part in copied for name in part} - {"wheels"}  # the user's, of ais_bench
    assert all((ROOT / name).exists() for name in names)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    assert kept == names
    assert {"enet", "tests/acceptance", "fixtures", "conftest.py", "pytest.ini", PROJECT["readme"], "LICENSE"} <= names
    (install,) = (rest for word, rest in words if word == "RUN" and "pip install" in rest)
    assert "pip install -q --no-cache-dir -c constraints.txt" in install
    assert "ENET_CACHE=/tmp/" in next(rest for word, rest in words if word == "ENV")


def test_container_runs_enet_as_no_root() -> None:
    words = dict(instructions(DOCKERFILE.read_text(encoding="utf-8")))  # the last of each
    assert words["USER"] not in ("root", "0")
    assert words["ENTRYPOINT"] == '["enet"]'


def test_container_is_built_and_runs() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no container engine runs here")
    subprocess.run(["docker", "build", "-q", "-t", "enet-test", str(ROOT)], check=True)
    options = ["--rm", "--read-only", "--tmpfs", "/tmp", "--user", "12345", "--network", "none"]
    command = ["docker", "run", *options, "enet-test", "accept", "--evidence", "/tmp/evidence"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scenes: ACCEPTED" in done.stdout


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
@pytest.mark.parametrize("text", [DOCKERFILE.read_text(encoding="utf-8"), of_ascend()], ids=["plain", "ascend"])
def test_container_file_passes_hadolint(text: str) -> None:
    done = subprocess.run(["hadolint", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
