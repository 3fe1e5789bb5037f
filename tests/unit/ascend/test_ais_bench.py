"""ais_bench: the guide's command line, and failures in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enet.ascend import ais_bench
from enet.ascend.ais_bench import FolderRun
from enet.ascend.tool import ToolFailed
from enet.errors import BackendUnavailable

RUN = FolderRun(
    model=Path("enet_citys_bs16.om"), inputs=Path("prep_data/bin"), outputs=Path("results") / "bs16", batch_size=16
)


def front_end(folder: Path, patch: pytest.MonkeyPatch, program: str) -> None:
    """Install a stand-in of ais_bench, whose command line is a program."""
    (folder / "ais_bench" / "infer").mkdir(parents=True)
    for name, text in {"ais_bench/infer/__init__": "", "ais_bench/__main__": program, "aclruntime": ""}.items():
        (folder / f"{name}.py").write_text(text)
    patch.setenv("PYTHONPATH", str(folder))
    patch.syspath_prepend(folder)


def options(run: FolderRun) -> dict[str, str]:
    words = ais_bench.command(run)
    assert words[:3] == [sys.executable, "-m", "ais_bench"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_command_is_that_of_the_guide() -> None:
    assert options(RUN) == {
        "--model": "enet_citys_bs16.om",
        "--input": "prep_data/bin",
        "--output": "results",
        "--output_dirname": "bs16",
        "--outfmt": "BIN",
        "--batchsize": "16",
        "--device": "0",
        "--warmup_count": "1",
        "--display_all_summary": "1",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"devices": (0, 1, 2)}, {"--device": "0,1,2"}),
        ({"dynamic_batch": True}, {"--dymBatch": "16", "--batchsize": "16"}),
        ({"outfmt": "NPY"}, {"--outfmt": "NPY"}),
    ],
)
def test_command_changed_run_adds_options(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert options(FolderRun(**{**vars(RUN), **changes})).items() >= expected.items()


@pytest.mark.parametrize(
    ("console", "reason"),
    [
        ("[INFO] acl init success\n[ERROR] acl open device 0 failed\nRuntimeError\n", "acl open device 0 failed"),
        ("[ERROR] arg0 tensorsize: 16 filesize: 5 not match\n", "arg0 tensorsize: 16 filesize: 5 not match"),
        (
            "Traceback (most recent call last):\nRuntimeError: SetDevice failed.ret=507033\n",
            "SetDevice failed.ret=507033",
        ),
        ("", "no output"),
    ],
)
def test_infer_failure_gives_reason_and_keeps_console(
    console: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end(tmp_path, monkeypatch, f"import sys\nsys.stdout.write({console!r})\nsys.exit(1)\n")
    run = FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": tmp_path / "out" / "bs16"})
    with pytest.raises(ToolFailed) as caught:
        ais_bench.infer(run)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "out" / "bs16_console.txt").read_text() == console


def test_infer_without_summary_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 is not enough."""
    front_end(tmp_path, monkeypatch, "print('[INFO] done')\n")
    with pytest.raises(ToolFailed, match="ais_bench"):
        ais_bench.infer(FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": tmp_path / "out" / "bs16"}))


def test_require_without_packages_names_both() -> None:
    with pytest.raises(BackendUnavailable, match="ais_bench and aclruntime not installed"):
        ais_bench.require()
