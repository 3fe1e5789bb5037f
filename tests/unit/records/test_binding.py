"""Records of throughput are bound to model, chip, inputs and clock: each of these changes is noticed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import deliverable, gates
from enet.deliverable import Deliverable, baselines
from enet.deliverable.target import Target
from enet.gates import Outcome, Verdict
from enet.records import results_folder
from enet.records.throughput import throughput_from_folder
from enet.selftest import result_folders

BATCH, IMAGES, MS = 16, 500, 0.9
NAMES = [f"munster_{number:06}_000019_leftImg8bit" for number in range(IMAGES)]

Summary = dict[str, Any]


def write(root: Path, change: Callable[[Summary], object] = lambda _: None, batch: int = BATCH) -> Path:
    """A record of a run at 1100 images/s, with times in C floats of microseconds; ``change`` edits its summary."""
    outputs = {name: np.zeros(0, np.float32) for name in NAMES}
    path = result_folders.write(root, outputs, batch, MS, console=False)
    (root / "npu-smi.txt").write_text(result_folders.NPU_SMI)
    summary = json.loads(path.read_text())
    set_times(summary, [float(np.float32(round(ms, 3))) for ms in summary["npu_compute_time_list"]])
    change(summary)
    path.write_text(json.dumps(summary))
    return path


def set_times(summary: Summary, times: list[float]) -> None:
    summary["npu_compute_time_list"] = times
    summary["NPU_compute_time"] = result_folders.statistics(np.array(times)) | {"count": len(times)}
    batch = int(summary["args"][-1])
    summary["throughput"] = 1000 * batch / summary["NPU_compute_time"]["mean"]


def judge(
    root: Path,
    images: list[str] | None = NAMES,
    soc_version: str | None = None,
    spec: Deliverable | None = None,
    batch: int = BATCH,
) -> Verdict:
    spec = spec or deliverable.load("cityscapes")
    target = Target(soc_version=soc_version)
    measured = throughput_from_folder(results_folder.scan(root), batch, spec, target, images)
    return gates.throughput.throughput(measured, spec, baselines.load())


def test_sound_record_passes_and_says_what_is_unproven(tmp_path: Path) -> None:
    write(tmp_path)
    assert judge(tmp_path).outcome is Outcome.PASS
    assert judge(tmp_path).caveats == ("model not proven",)
    assert judge(tmp_path, None).caveats == ("model not proven", "inputs not proven")
    (tmp_path / "npu-smi.txt").unlink()
    assert judge(tmp_path).outcome is Outcome.NO_EVIDENCE
    by_user = judge(tmp_path, soc_version="Ascend310P3")
    assert (by_user.outcome, by_user.caveats) == (Outcome.PASS, ("model not proven", "chip not proven"))


def model(name: str) -> Callable[[Summary], None]:
    return lambda summary: summary["args"].__setitem__(2, name)


def option(*words: str, at: int = 1) -> Callable[[Summary], None]:
    """Words on the command line, at some place."""
    return lambda summary: summary["args"].__setitem__(slice(at, at), words)


def rename(change: Callable[[str], str]) -> Callable[[Summary], None]:
    def apply(summary: Summary) -> None:
        for entry in summary["filesinfo"].values():
            entry["infiles"] = [change(entry["infiles"][0])]

    return apply


def retimed(change: Callable[[list[float]], list[float]]) -> Callable[[Summary], None]:
    return lambda summary: set_times(summary, change(summary["npu_compute_time_list"]))


#: A change to the summary, and words of the verdict, which is NO EVIDENCE.
UNBOUND: dict[str, tuple[Callable[[Summary], object], str]] = {
    "no model": (lambda summary: summary.update(args=["x", "--batchsize", "16"]), "names no model"),
    "another network": (model("resnet50_v1.5_bs16.om"), "names the network 'resnet50'"),
    "another chip": (model("enet_Ascend310_bs16.om"), "names the chip 310, expected 310P3"),
    "another batch size": (model("enet_bs1.om"), "names batch size 1, expected 16"),
    "INT8": (model("enet_bs16_int8.om"), "names INT8"),
    "another input shape": (option("--dymHW", "240,240"), "--dymHW 240,240, expected 480,480"),
    "another input shape by name": (
        option("--dymShape", "image:16,3,240,240"),
        "--dymShape image:16,3,240,240, expected 16,3,480,480",
    ),
    "another batch in the shape": (option("--dymDims", "image:1,3,480,480"), "expected 16,3,480,480"),
    "another network, abbreviated": (option("--mod", "resnet50.om", at=7), "names the network 'resnet50'"),
    "another input shape, abbreviated": (option("--dymH=240,240", at=7), "--dymHW 240,240, expected"),
    "another device, abbreviated": (option("--dev", "3", at=7), "device"),
    "another device, joined by =": (option("-d=3", at=7), "device"),
    "another device, joined": (option("-d3", at=7), "device"),
    "no list of times": (lambda summary: summary.pop("npu_compute_time_list"), "its list of times is missing"),
    "an empty list of times": (lambda summary: summary.update(npu_compute_time_list=[]), "its list of times"),
    "no --input": (
        lambda summary: summary.update(args=["x", "--model", "enet.om", "--batchsize", "16"]),
        "the command line has no --input",
    ),
    "inputs of another folder": (rename(lambda name: name.replace("prep/", "other/")), "which is not in --input"),
    "inputs of another data set": (
        rename(lambda name: name.replace("munster", "ILSVRC2012_val")),
        "500 of 500 inputs are no images of the data set: ILSVRC2012_val_000000_000019_leftImg8bit",
    ),
    "one input renamed": (
        rename(lambda name: name.replace("munster_000007", "munster_000777")),
        "1 of 500 inputs are no images of the data set",
    ),
    "constant times": (retimed(lambda raw: [14.5] * len(raw)), "all 32 times are 14.5 ms"),
    "times beyond the chip": (retimed(lambda raw: [ms / 1024 for ms in raw]), "no 310P3 can exceed 20202 images/s"),
    "most times beyond the chip": (
        retimed(lambda raw: [*(5 * ms for ms in raw[:4]), *(ms / 1024 for ms in raw[4:])]),
        "no 310P3 can exceed 20202 images/s",
    ),
    "denormal times": (retimed(lambda raw: [1e-300] * len(raw)), "which no clock gives"),
    "scaled times": (retimed(lambda raw: [0.93 * ms for ms in raw]), "multiplied by a factor"),
    "rounded times": (retimed(lambda raw: [round(ms, 4) for ms in raw]), "times are rounded"),
}


@pytest.mark.parametrize("what", UNBOUND)
def test_record_of_something_else_is_no_evidence(what: str, tmp_path: Path) -> None:
    change, words = UNBOUND[what]
    write(tmp_path, change)
    verdict = judge(tmp_path)
    assert verdict.outcome is Outcome.NO_EVIDENCE, verdict
    assert words in verdict.sentence


@pytest.mark.parametrize("option_and_value", [("--dymHW", "480,480"), ("--dymDims", "image:16,3,480,480")])
def test_input_shape_of_the_deliverable_passes(option_and_value: tuple[str, str], tmp_path: Path) -> None:
    write(tmp_path, option(*option_and_value))
    assert judge(tmp_path).outcome is Outcome.PASS


HOT = result_folders.NPU_SMI.replace(" 56 ", " 95 ")
#: Name and text of a file with the table of a hot device, beside that of a cool one or alone.
HOT_TABLES: dict[str, tuple[str, str]] = {
    "after much text": ("log.txt", "x\n" * 150_000 + HOT),
    "a NUL byte": ("smi.txt", HOT + "\0"),
    "of another suffix": ("smi.md", HOT),
    "in wide characters": ("smi.txt", "\0".join(HOT)),
}


@pytest.mark.parametrize("what", HOT_TABLES)
def test_table_of_a_hot_device_is_read_wherever_it_is(what: str, tmp_path: Path) -> None:
    name, text = HOT_TABLES[what]
    write(tmp_path)
    (tmp_path / name).write_text(text)
    verdict = judge(tmp_path)
    assert verdict.outcome is Outcome.NO_EVIDENCE, verdict
    assert "95" in verdict.sentence


def test_table_in_words_is_no_table(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "README.md").write_text("| NPU | images/s |\n|---|---|\n| 310P3 | 1100 |\n")
    assert judge(tmp_path).outcome is Outcome.PASS


#: Bytes of an image and of the input tensor in the console, the outcome, and words of the verdict.
SIZES = {
    "float32": (2_764_800, 16 * 2_764_800, Outcome.PASS, ""),
    "float16": (1_382_400, 16 * 1_382_400, Outcome.PASS, ""),
    "240x240": (691_200, 16 * 691_200, Outcome.NO_EVIDENCE, "says 691200 bytes an image, expected 2764800 for 480x480"),
    "a tensor of one": (2_764_800, 2_764_800, Outcome.FAIL, "but 16 files of 2764800 have 44236800"),
}


@pytest.mark.parametrize("what", SIZES)
def test_sizes_in_the_console_are_of_the_input(what: str, tmp_path: Path) -> None:
    image, tensor, outcome, words = SIZES[what]
    write(tmp_path)
    sizes = f"get filesperbatch files0 size:{image} tensor0size:{tensor} filesperbatch:16 runcount:32"
    (tmp_path / "console.txt").write_text(f"[INFO] output path:./results/bs16\n[INFO] {sizes}\n")
    verdict = judge(tmp_path)
    assert verdict.outcome is outcome, verdict
    assert words in verdict.sentence


def test_inputs_of_another_data_set_are_found_by_name_alone(tmp_path: Path) -> None:
    change, words = UNBOUND["inputs of another data set"]
    write(tmp_path, change)
    assert words in judge(tmp_path, None).sentence


def test_soc_version_against_npu_smi_is_no_evidence(tmp_path: Path) -> None:
    write(tmp_path)
    verdict = judge(tmp_path, soc_version="Ascend910B")
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "--soc-version Ascend910B, but npu-smi shows a 310P3" in verdict.sentence


def test_chip_unknown_is_bounded_too(tmp_path: Path) -> None:
    """The reason given is the missing chip; the rate of 10^12 images/s can never pass."""
    write(tmp_path, retimed(lambda raw: [ms * 1e-9 for ms in raw]))
    (tmp_path / "npu-smi.txt").unlink()
    assert judge(tmp_path).outcome is Outcome.NO_EVIDENCE
    assert "no 310P3 can exceed" in judge(tmp_path, soc_version="Ascend310P3").sentence


#: A change to the summary that contradicts it, which is a FAIL.
CONTRADICTIONS: dict[str, tuple[Callable[[Summary], object], str]] = {
    "--dymBatch of another size": (lambda summary: summary["args"].insert(1, "--dymBatch=8"), "--dymBatch 8, but"),
    "--loop of nothing": (lambda summary: summary["args"].insert(1, "--loop=0"), "--loop '0', but ais_bench takes"),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_options_that_contradict_the_record_fail(what: str, tmp_path: Path) -> None:
    change, words = CONTRADICTIONS[what]
    write(tmp_path, change)
    verdict = judge(tmp_path)
    assert verdict.outcome is Outcome.FAIL
    assert words in verdict.sentence


@pytest.mark.parametrize(("clock", "outcome"), [("00:01", Outcome.PASS), ("00:00", Outcome.FAIL)])
def test_executions_longer_than_the_progress_bar_fail(clock: str, outcome: Outcome, tmp_path: Path) -> None:
    """500 executions of 2.2 ms take 1.1 s; a bar of "00:00" ended within a second."""
    spec = deliverable.load("cityscapes")
    assert spec.throughput is not None
    easy = replace(spec, throughput=replace(spec.throughput, baseline="T4"))
    write(tmp_path, retimed(lambda raw: [float(np.float32(2.4 * ms)) for ms in raw]), batch=1)
    bar = f"[INFO] output path:./results/bs1\nInference array Processing: 100%|█| 500/500 [{clock}<00:00, 460.1it/s]\n"
    batch = "[INFO] get filesperbatch files0 size:2764800 tensor0size:2764800 filesperbatch:1 runcount:500\n"
    (tmp_path / "console.txt").write_text(bar + batch)
    verdict = judge(tmp_path, spec=easy, batch=1)
    assert verdict.outcome is outcome, verdict
    assert outcome is Outcome.PASS or "1 s by the progress bar" in verdict.sentence


def test_times_copied_from_another_device_are_no_evidence(tmp_path: Path) -> None:
    """Two devices whose times rise and fall alike."""
    first, second = tmp_path / "run" / "device0_summary.json", tmp_path / "run" / "device1_summary.json"
    first.parent.mkdir()
    for path, part, factor in ((first, slice(0, 250), 1.0), (second, slice(250, 500), 1.5)):

        def share(summary: Summary, part: slice = part, factor: float = factor) -> None:
            summary["filesinfo"] = dict(list(summary["filesinfo"].items())[part])
            summary["args"][1:1] = ["--device", "0"]
            set_times(summary, [float(np.float32(factor * ms)) for ms in summary["npu_compute_time_list"][:250]])

        written = write(tmp_path / "made", share, batch=1)
        path.write_text(written.read_text())
        shutil.rmtree(tmp_path / "made")
    (tmp_path / "npu-smi.txt").write_text(result_folders.NPU_SMI)
    assert "its times rise and fall as those of another record: copied" in judge(tmp_path, batch=1).sentence


@pytest.mark.parametrize("swaps", [True, False])
def test_runs_of_other_images_are_no_evidence(swaps: bool, tmp_path: Path) -> None:
    """Without the data set, each run's list is all that says which images it had."""
    write(tmp_path, rename(lambda name: name.replace("munster", "lindau")) if swaps else lambda _: None)
    write(tmp_path, batch=1)
    for batch in (1, 16):
        verdict = judge(tmp_path, None, batch=batch)
        assert verdict.outcome is (Outcome.NO_EVIDENCE if swaps else Outcome.PASS), verdict
        assert ("its images differ from those of batch" in verdict.sentence) == swaps


def test_record_of_many_inputs_is_read_in_seconds(tmp_path: Path) -> None:
    """Time grows with the number of inputs; a quadratic reader needs a quarter of an hour for these."""
    images = 120_000
    raw = np.float32(np.round(MS * (1 + 0.01 * np.random.default_rng(0).random(images)), 3)).astype(float)
    names = [f"image{number:06}" for number in range(images)]
    summary: Summary = {
        "filesinfo": {n: {"infiles": [f"./prep/{n}.bin"], "outfiles": [f"./results/bs1/{n}_0.bin"]} for n in names},
        "args": ["x", "--model", "enet_bs1.om", "--input", "./prep", "--batchsize", "1"],
    }
    set_times(summary, raw.tolist())
    (tmp_path / "bs1_summary.json").write_text(json.dumps(summary))
    begin = time.process_time()
    verdict = judge(tmp_path, None, batch=1, soc_version="Ascend310P3")
    assert time.process_time() - begin < 60  # 4 s, alone
    assert verdict.outcome is Outcome.PASS
