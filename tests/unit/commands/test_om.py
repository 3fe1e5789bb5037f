"""The guide's own lines of atc and aoe, with ``enet om`` in place of the tool."""

from __future__ import annotations

import shlex
from pathlib import Path

import onnx
import pytest

from enet.selftest.result_folders import NPU_SMI
from tests.unit.executables import executable, only
from tests.unit.recipes import enet

#: A tool that logs its arguments and the knowledge bank, and writes the .om.
TOOL = """
echo "$TUNE_BANK_PATH" "$@" >> {log}
for word; do case $word in --output=*) name=${{word#--output=}};; esac; done
echo om > "$name.om"
echo "{said}"
"""
ATC = (
    "--framework=5 --model=./enet_citys.onnx --output=./enet_citys_bs1 --input_format=NCHW "
    '--input_shape="image:1,3,480,480" --log=info --soc_version=Ascend310P3'
)
AOE = (
    "--framework 5 --model enet_citys.onnx --job_type 1 --output ./enet_bs32_aoe_job1_1 "
    '--input_shape="image:32,3,480,480"  --log error'
)


@pytest.fixture
def log(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Arguments of the tools that ran, in a folder with the guide's ONNX file."""
    sides: list[str | int | None] = ["batch", 3, 480, 480]
    image, out = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sides) for name in ("image", "class")
    )
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["image"], ["class"])], "tiny", [image], [out])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)]), work / "enet_citys.onnx")
    log = work / "log"
    for name, said in {"atc": "ATC run success, welcome to the next use.", "aoe": "Aoe process finished"}.items():
        executable(work / "bin", name, TOOL.format(log=log, said=said))
    (work / "table").write_text(NPU_SMI)
    executable(work / "bin", "npu-smi", f"cat {work / 'table'}")
    only(work / "bin", monkeypatch)
    return log


@pytest.mark.parametrize(
    ("line", "om", "expected"),
    [
        (ATC, "enet_citys_bs1.om", {"--input_shape=image:1,3,480,480", "--log=info", "--soc_version=Ascend310P3"}),
        (AOE, "enet_bs32_aoe_job1_1.om", {"--input_shape=image:32,3,480,480", "--log=error", "--job_type=1"}),
        (
            ATC.replace("image:1", "image:-1") + " --dynamic_batch_size=1,4",
            "enet_citys_bs1.om",
            {"--input_shape=image:-1,3,480,480", "--dynamic_batch_size=1,4"},
        ),
    ],
)
def test_om_takes_the_guides_lines_as_they_stand(
    line: str, om: str, expected: set[str], log: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_BANK_PATH", str(work / "custom_tune_bank"))
    assert enet("om", *shlex.split(line)) == 0
    bank, *words = log.read_text().split()
    assert expected | {"--framework=5"} <= set(words)
    assert bank == str(work / "custom_tune_bank")
    assert (work / om).read_text() == "om\n"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("--input_shape=image:4,3,480,480 --batch-size 1", "--input-shape: batch 4 with --batch-size 1, expected one"),
        ("--input_shape=image:-1,3,480,480", "--input-shape: batch -1 with no --batch-size, expected one number"),
        ("--input_shape=image:0,3,480,480", "--input-shape: batch 0 with no --batch-size"),
        ("--input_shape=image:1,3,480,480 --batch-size 1,4", "--input-shape: batch 1 with --batch-size 1,4"),
        (
            "--input_shape=x:1,3,512,1024",
            "enet_citys.onnx: an image of the input is image [3, 480, 480], but of --input-shape x [3, 512, 1024]",
        ),
    ],
)
def test_om_shape_that_contradicts_gives_one_line(
    more: str, problem: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enet("om", "--model", "enet_citys.onnx", "--output", "x", *more.split()) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1
    assert not log.exists()


@pytest.mark.parametrize("option", ["--provider=CUDA", "--allow-busy-device"])
def test_om_has_no_option_that_does_nothing(option: str, log: Path, work: Path) -> None:
    with pytest.raises(SystemExit):
        enet("om", *shlex.split(ATC), option)
    assert not log.exists()
