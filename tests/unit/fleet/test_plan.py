"""A fleet's file becomes runs, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet import fleet
from enet.errors import InputError

FLEET = """
evidence = "out"
[environments.old]
pins = ["onnxruntime==1.20.1"]
[environments.venv]
python = "venv/bin/python"
[entries.one]
deliverable = "scenes"
environment = "venv"
data_root = "data"
batch_size = [1, 16]
limit = 3
[entries.many]
deliverable = ["scenes", "mine/own.toml"]
backend = ["onnxruntime", "ascend"]
device = ["Ascend310P3"]
environment = ["node", "old"]
onnx = ["a.onnx", "/b.onnx"]
trust_code = true
"""


def test_load_combines_deliverables_backends_devices_and_environments(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(FLEET)
    folder, runs = fleet.load(tmp_path / "fleet.toml")
    assert folder == tmp_path / "out"
    assert [run.name for run in runs] == [
        "one",
        *(
            f"many-{name}-{backend}-{environment}"
            for name in ("scenes", "own")
            for backend in ("onnxruntime", "ascend")
            for environment in ("node", "old")
        ),
    ]
    one, *many = runs
    assert one.environment
    assert one.environment.python == str(tmp_path / "venv/bin/python")
    assert " ".join(one.words()) == (
        "--deliverable scenes --backend onnxruntime --precision fp32"
        f" --data-root {tmp_path}/data --batch-size 1 --batch-size 16 --limit 3"
    )
    last = many[-1]
    assert last.environment
    assert last.environment.pins == ("onnxruntime==1.20.1",)
    assert (last.deliverable, last.backend, last.device) == (str(tmp_path / "mine/own.toml"), "ascend", "Ascend310P3")
    assert last.words()[6:] == ["--onnx", str(tmp_path / "a.onnx"), "--onnx", "/b.onnx", "--trust-code"]
    assert many[0].environment is None


@pytest.mark.parametrize("name", ["node", "fleet.html", "Fleet.md", "..", "a/b", ""])
def test_load_refuses_names_that_are_no_folders_of_runs(name: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(f'[entries."{name}"]\ndeliverable = "scenes"\n')
    with pytest.raises(InputError, match="is no name, expected letters"):
        fleet.load(tmp_path / "fleet.toml")


@pytest.mark.parametrize("stem", ["x" * 250, "\\u0007"])
def test_load_refuses_files_whose_names_make_no_folder(stem: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(f'[entries.a]\ndeliverable = ["scenes", "{stem}.toml"]\n')
    with pytest.raises(InputError, match="expected at most 200 printable characters"):
        fleet.load(tmp_path / "fleet.toml")


def test_load_refuses_two_runs_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(
        '[entries.a]\ndeliverable = ["x.toml", "y.toml"]\n[entries.a-x]\ndeliverable = "scenes"\n'
    )
    with pytest.raises(InputError, match="two runs are called 'a-x'"):
        fleet.load(tmp_path / "fleet.toml")
