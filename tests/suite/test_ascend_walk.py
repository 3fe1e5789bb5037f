"""The commands of ``docs/ascend.md``, one after the other, on a simulated server of each generation.

In a container the same commands follow: only how it is started differs, which is checked by what it mounts.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from enet.ascend import devices
from fixtures.ascend_simulator import HERE as SIMULATOR, environment
from tests.suite.acceptance import ROOT
from tests.suite.simulator import run
from tests.unit import tiny
from tests.unit.recipes import enet

PAGE = (ROOT / "docs" / "ascend.md").read_text(encoding="utf-8")
#: Commands of the page with the lines that they print.
SHOWN = [
    (command, printed)
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]

#: Servers, as settings of the simulator: CANN with the ais_bench and the npu-smi of its time, and its folder.
SERVERS = {
    "CANN 5.1": {"cann": "5.1", "ais_bench": "2023-06", "npu": "310P3"},
    "CANN 8.5": {"cann": "9", "ais_bench": "2025-12", "npu": "910B-26"},
}
SET_ENV = {"CANN 5.1": "/usr/local/Ascend/ascend-toolkit/set_env.sh", "CANN 8.5": "/usr/local/Ascend/cann/set_env.sh"}

#: Commands that take the deliverable, which is here a smaller one.
OF_DELIVERABLE = ("pth2onnx", "om", "preprocess", "postprocess")
#: What is not tried here: installations; acceptance, which other tests run; the simulator's own set_env.sh.
NOT_TRIED = ("python3 -m venv", "pip install", "pytest", "docker", "source fixtures/")

#: Number of commands that are tried at least.
TRIED = 9

#: What a container needs of the host: devices, the driver, and npu-smi with its library.
MOUNTED = {
    "--device": ["/dev/davinci0", "/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc"],
    "-v": ["/usr/local/Ascend/driver", "/usr/local/dcmi", "/etc/ascend_install.info", "/usr/local/bin/npu-smi", "$PWD"],
}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of two devices with the checkpoint, a small data set and its deliverable in the current folder."""
    tiny.tiny(tmp_path)
    (tmp_path / "data").rename(tmp_path / "citys")
    (tmp_path / "tiny.pth").rename(tmp_path / "enet_citys.pth")
    for name, value in environment(**SERVERS[request.param], devices=2).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(SIMULATOR / "python")
    monkeypatch.chdir(tmp_path)
    devices.chip_name.cache_clear()
    yield str(request.param)
    devices.chip_name.cache_clear()


def test_commands_of_the_page_run_on_a_server(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"source {SET_ENV[server]}" in [command for command, _ in SHOWN]
    tried, changing = 0, re.compile(r"[\d.]+|…")
    for command, printed in SHOWN:
        name, *words = shlex.split(command.partition(" | ")[0])
        if command.startswith((*NOT_TRIED, "source ")):
            continue
        if name != "enet":
            subprocess.run(["bash", "-c", command], check=True, capture_output=True)
        else:
            more = ["--deliverable", "tiny.toml"] if words[0] in OF_DELIVERABLE else []
            assert enet(*words, *more) == 0, f"{command}: {capsys.readouterr().err}"
        out = capsys.readouterr().out.strip()
        if command.startswith(("enet infer", "enet preprocess", "enet om")):
            shown = ".*".join(map(re.escape, changing.split(printed.splitlines()[0])))
            assert re.fullmatch(shown.replace("Ascend.*P", "Ascend.*"), out), f"{command}: {out}"
        tried += 1
    assert tried >= TRIED
    images = len(list(Path("prep_dataset").glob("*.bin")))
    counts = [len(list(Path("shares/bs16").glob(f"device{device}*/*.bin"))) for device in (0, 1)]
    assert (sum(counts), min(counts)) == (images, images // 2)
    scores = []
    for summaries in (["results/bs16_summary.json"], sorted(Path("shares").rglob("*_summary.json"))):
        assert enet("postprocess", "--src-path", "citys", "--deliverable", "tiny.toml", "--result-dir", *summaries) == 0
        scores.append(capsys.readouterr().out.splitlines()[:-1])  # without the time that it took
    assert scores[0] == scores[1]


def test_container_of_the_page_mounts_what_is_needed() -> None:
    (command,) = [command for command, _ in SHOWN if command.startswith("docker run ")]
    words = shlex.split(command)
    for option, expected in MOUNTED.items():
        given = [after.partition(":")[0] for word, after in pairwise(words) if word == option]
        assert given == expected
    done = run("npu-smi", "info", npu="held")
    assert done.stdout.splitlines()[0] in PAGE
