"""aoe: command lines, order of jobs, both forms of its last line, and the files that it writes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from enet.ascend import aoe, atc, tool
from enet.ascend.aoe import Tuning
from enet.errors import BackendUnavailable, InputError
from tests.unit.executables import executable, only

OLD = "Aoe process finished"
NEW = "enet_citys process finished. Performance improved by 12.34%"


def tuning(folder: Path, **changes: Any) -> Tuning:
    conversion = atc.Conversion(
        model=Path("enet_citys.onnx"),
        output=folder / "out" / "enet_bs32",
        soc_version="Ascend310P3",
        shape=(3, 480, 480),
        batch_sizes=(32,),
    )
    return Tuning(**{"conversion": conversion, "job_types": (1,), "bank": folder / "bank", **changes})


def test_command_is_that_of_the_guide(tmp_path: Path) -> None:
    guide = (
        "aoe --framework 5 --model enet_citys.onnx --job_type 1 --output ./enet_bs32_aoe_job1_1 "
        '--input_shape="image:32,3,480,480"  --log error'
    )
    words = guide.replace('"', "").replace("./", "").replace("--input_shape=", "--input_shape ").split()
    expected = {f"{name}={value}" for name, value in zip(words[1::2], words[2::2], strict=True)}
    assert set(aoe.command(tuning(tmp_path), 1, Path("enet_bs32_aoe_job1_1"))) == {"aoe"} | expected
    assert aoe.environment(tuning(tmp_path, device=3)) == {
        "TUNE_BANK_PATH": str(tmp_path / "bank"),
        "ASCEND_DEVICE_ID": "3",
    }


@pytest.mark.parametrize("job_types", [(), (2, 1), (1, 1), (3,), (0, 1)])
def test_tuning_job_types_out_of_order_give_error(job_types: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected \[1\], \[2\] or \[1, 2\]"):
        tuning(tmp_path, job_types=job_types)


#: A tool that logs its command line and writes a file to --output.
SCRIPT = """
echo "$@ bank=$TUNE_BANK_PATH device=$ASCEND_DEVICE_ID" >> {log}
for word; do case $word in --output=*) name=${{word#--output=}};; --job_type=*) job=${{word#--job_type=}};; esac; done
{make}
[ "$job" = 2 ] && echo "[]" > aoe_result_opat_20221101120000001_pid77.json
echo '{said}'
"""
BESIDE = 'echo "job $job" > "$name.om"'
WORKSPACE = (
    'mkdir -p "$ASCEND_WORK_PATH/aoe_workspace/enet_1/tunespace/result"; '
    'echo "job $job" > "$ASCEND_WORK_PATH/aoe_workspace/enet_1/tunespace/result/enet_1_tune_linux_x86_64.om"'
)


def prepare(folder: Path, patch: pytest.MonkeyPatch, said: str = NEW, make: str = BESIDE, then: str = "") -> Path:
    log = folder / "log"
    body = SCRIPT.format(log=log, make=make, said=said)
    executable(folder / "bin", "aoe", body + then)
    only(folder / "bin", patch)
    patch.setattr("tempfile.tempdir", str(folder))
    patch.chdir(folder)
    return log


@pytest.mark.parametrize(("said", "gained"), [(OLD, None), (NEW, 12.34), (NEW.replace("12.34", "-0.5"), -0.5)])
@pytest.mark.parametrize("make", [BESIDE, WORKSPACE])
def test_tune_two_jobs_gives_om_of_the_last(
    said: str, gained: float | None, make: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = prepare(tmp_path, monkeypatch, said, make)
    before = set(tmp_path.iterdir())
    tuned, improvements = aoe.tune(tuning(tmp_path, job_types=(1, 2)))
    assert improvements == (gained, gained)
    assert tuned == tmp_path / "out" / "enet_bs32.om"
    assert tuned.read_text() == "job 2\n"
    calls = log.read_text().splitlines()
    assert ["--job_type=1" in calls[0], "--job_type=2" in calls[1]] == [True, True]
    assert all(f"bank={tmp_path / 'bank'} device=0" in call for call in calls)
    # aoe's own files do not stay in the current folder.
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out", tmp_path / "bank", log}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["enet_bs32.om"]


@pytest.mark.parametrize(
    ("said", "make", "then", "reason"),
    [
        ("aoe: unrecognized option", ":", "exit 2", "aoe: unrecognized option (exit code 2)"),
        ("tuning failed", BESIDE, "", "tuning failed (exit code 0)"),
        (NEW, BESIDE, "exit 1", "(exit code 1)"),
        (NEW, ":", "", "it reported success, but wrote no .om"),
        ("E10410: File [x.onnx] does not exist.", ":", "exit 255", "E10410: File [x.onnx] does not exist."),
    ],
)
def test_tune_failure_gives_one_line_error(
    said: str, make: str, then: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, monkeypatch, said, make, then)
    with pytest.raises(tool.ToolFailed) as caught:
        aoe.tune(tuning(tmp_path))
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not list((tmp_path / "out").glob("*.om"))


def test_tune_without_aoe_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(tmp_path / "bin", monkeypatch)
    with pytest.raises(BackendUnavailable, match=r"aoe: not found on the PATH; install CANN and run: source"):
        aoe.tune(tuning(tmp_path))


def test_tuning_of_several_batch_sizes_gives_input_error(tmp_path: Path) -> None:
    several = dataclasses.replace(tuning(tmp_path).conversion, batch_sizes=(1, 4))
    with pytest.raises(InputError, match="aoe: 2 batch sizes, expected one"):
        tuning(tmp_path, conversion=several)
