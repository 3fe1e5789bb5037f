"""Backends that are ready, and what is missing."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from enet.backends import BACKENDS
from tests.unit.executables import executable, only
from tests.unit.recipes import enet


def test_doctor_of_the_namesake_is_not_ready(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyPI's ais-bench-benchmark has a module of the same name."""
    for name in ("atc", "npu-smi"):
        executable(work / "bin", name, "exit 0")
    only(work / "bin", monkeypatch)
    (work / "ais_bench").mkdir()
    (work / "ais_bench" / "__init__.py").touch()
    (work / "aclruntime.py").touch()
    monkeypatch.syspath_prepend(work)
    monkeypatch.setattr("enet.backends.BACKENDS", {"ascend": BACKENDS["ascend"]})
    assert enet("doctor") == 0
    line = " ".join(capsys.readouterr().out.split())
    assert line.startswith("ascend missing")
    assert "has no ais_bench.infer: it is not the vendor's ais_bench" in line
    assert "Install both wheels of ais_bench" in line


def test_doctor_shows_versions_and_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # without CANN
    assert enet("doctor") == 0
    printed = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in printed if "https:" not in line) <= 80
    lines = {line.split()[0]: line for line in printed if not line.startswith(" ")}
    assert list(lines) == [*BACKENDS, "opencv", "png", "cores"]
    ready = {name: line.split()[1] == "ready" for name, line in lines.items()}
    assert ready["pytorch"]
    assert ready["onnxruntime"]
    assert not ready["ascend"]
    assert ready["openvino"] == bool(importlib.util.find_spec("openvino"))
    assert ready["cuda"] == torch.cuda.is_available()
    assert f"torch {torch.__version__}" in lines["pytorch"]
    assert "set_env.sh" in "".join(printed)
    assert enet("doctor", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert table["pytorch"]["versions"]["torch"] == torch.__version__
    assert "set_env.sh" in table["ascend"]["missing"]
    monkeypatch.delitem(sys.modules, "enet.backends.onnxruntime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert enet("doctor") == 0
    again = capsys.readouterr().out
    assert "\nonnxruntime  missing" in again
    assert "pip install onnxruntime" in " ".join(again.split())
