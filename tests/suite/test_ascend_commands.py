"""The commands for Ascend devices one by one, on the simulator, and the results that are brought home from a device."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from enet import deliverable, evidence, gates
from enet.deliverable import baselines
from enet.evidence import Accuracy, Throughput
from enet.gates import Outcome
from enet.storage.files import hash_file
from tests.suite.acceptance import ROOT
from tests.suite.conftest import SIDE
from tests.suite.simulator import MS, accept, enet, run, verdicts, without_mark


@pytest.fixture(scope="module")
def results(small: Path, scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a user who went step by step: batch 1 and 4, consoles, and npu-smi's table."""
    home = tmp_path_factory.mktemp("steps")
    onnx, prep, spec = home / "enet.onnx", home / "prep", deliverable.load(str(small))
    enet("pth2onnx", "--deliverable", small, "--input-file", spec.weights, "--output-file", onnx)
    enet("preprocess", "--deliverable", small, "--src-path", scenes, "--save-path", prep)
    for size in (1, 4):
        model, outputs = home / f"enet_bs{size}.om", home / "results" / f"bs{size}"
        enet("om", "--model", onnx, "--output", model, "--batch-size", size)
        folders = ["--model", model, "--input", prep, "--output", outputs]
        enet("infer", "--backend", "ascend", *folders, "--batch-size", size, ms=MS)
    (home / "results" / "npu_smi.txt").write_text(run("npu-smi", "info").stdout)
    return home / "results"


@pytest.mark.parametrize("has_key", [True, False])
def test_replay_of_simulated_results_gives_no_evidence(
    has_key: bool, results: Path, small: Path, scenes: Path, cache: Path, tmp_path: Path
) -> None:
    """Simulated times are recognised even if no key of the summary says so."""
    if not has_key:
        for path in results.glob("*_summary.json"):
            table = json.loads(path.read_text())
            table.pop("simulated", None)
            path.write_text(json.dumps(table))
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", cache]
    done = accept(inputs, "--replay", results, "--evidence", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for verdict in verdicts(tmp_path):
        assert verdict["outcome"] == "NO EVIDENCE"
        assert "simulated device" in verdict["sentence"]
    spec = deliverable.load(str(small))
    for size in (1, 4):
        timed = evidence.load(tmp_path / f"throughput-small-recorded-bs{size}.json")
        assert isinstance(timed, Throughput)
        assert gates.throughput.throughput(without_mark(timed), spec, baselines.load()).outcome is Outcome.PASS
        scored = evidence.load(tmp_path / f"accuracy-small-recorded-bs{size}.json")
        assert isinstance(scored, Accuracy)
        real = replace(scored, provenance=replace(scored.provenance, simulated=False))
        assert gates.accuracy.miou(real, spec).outcome is Outcome.PASS


def test_postprocess_scores_recorded_outputs(results: Path, small: Path, scenes: Path) -> None:
    words = ["postprocess", "--deliverable", small, "--src-path", scenes, "--result-dir"]
    assert "10 images)" in enet(*words, results / "bs4_summary.json").stdout
    done = run(sys.executable, "-m", "enet.cli", *words, results / "absent.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_om_with_dynamic_batch_and_aipp_gives_the_same_miou(
    results: Path, small: Path, scenes: Path, tmp_path: Path
) -> None:
    """One ``.om`` with several batch sizes that takes bytes: a quarter of the data goes to the device."""
    home, model, prep, outputs = results.parent, tmp_path / "enet_dynamic.om", tmp_path / "prep", tmp_path / "out" / "d"
    this = ["--deliverable", small]
    enet("preprocess", *this, "--src-path", scenes, "--save-path", prep, "--input", "uint8")
    sizes = ["--batch-size", "1,4", "--input", "uint8"]
    enet("om", *this, "--model", home / "enet.onnx", "--output", model, *sizes)
    folders = ["--model", model, "--input", prep, "--output", outputs]
    enet("infer", "--backend", "ascend", *folders, "--batch-size", 4, "--dynamic")
    lengths = [{path.stat().st_size for path in folder.glob("*.bin")} for folder in (prep, home / "prep")]
    assert lengths == [{SIDE * SIDE * 3}, {SIDE * SIDE * 3 * 4}]
    summary, score = tmp_path / "out" / "d_summary.json", tmp_path / "score.json"
    enet("postprocess", *this, "--src-path", scenes, "--result-dir", summary, "--json", score)
    miou = json.loads(score.read_text())["miou"]
    delivered = run(sys.executable, "-m", "enet.cli", "evaluate", *this, "--backend", "ascend", "--om", model)
    assert (delivered.returncode, "Give one .om a batch size" in delivered.stderr) == (2, True)
    assert 100 * miou == pytest.approx(deliverable.load(str(small)).reference.miou_percent, abs=0.1)


def test_evaluate_on_several_devices_equals_one_device(small: Path, scenes: Path, cache: Path, tmp_path: Path) -> None:
    """Matrices add up to those of one device; the total time is wall clock."""
    found, path = [], tmp_path / "e.json"
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", cache, "--json", path]
    for devices in ("0", "0,1,2,3"):
        done = enet("evaluate", *inputs, "--backend", "ascend", "--device", devices, npu="310x4")
        found.append(json.loads(path.read_text()))
    one, four = found
    assert one["confusion_matrix"] == four["confusion_matrix"]
    assert [share["images"] for share in four["devices"]] == [2, 3, 2, 3]
    assert "all devices together, wall clock" in done.stdout
    assert four["seconds"] >= max(share["seconds"] for share in four["devices"]) - 0.01


def test_evaluate_of_delivered_om_files(results: Path, small: Path, scenes: Path, tmp_path: Path) -> None:
    """Nothing is compiled: of one file a batch size, that of the asked one runs, and evidence names its hash."""
    files = {size: results.parent / f"enet_bs{size}.om" for size in (1, 4)}
    path, both = tmp_path / "e.json", [word for file in files.values() for word in ("--om", file)]
    inputs = ["evaluate", "--deliverable", small, "--data-root", scenes, "--artifact-cache", tmp_path / "cache"]
    inputs += ["--backend", "ascend", "--device", "0,1", "--json", path]
    enet(*inputs, *both, "--batch-size", 4, npu="310x4")
    found = json.loads(path.read_text())
    assert found["provenance"]["delivered"] == f"{hash_file(files[4])}  enet_bs4.om"
    assert found["provenance"]["artifact_sha256"] == hash_file(files[4])
    assert 100 * found["miou"] == pytest.approx(deliverable.load(str(small)).reference.miou_percent, abs=0.1)
    assert not (tmp_path / "cache" / "ascend").exists()
    refused = run(sys.executable, "-m", "enet.cli", *inputs, "--om", files[1], "--batch-size", 4)
    assert refused.returncode == 2
    assert "no delivered file for batch size 4: enet_bs1.om is fixed to 1" in refused.stderr


def test_evaluate_with_aoe_records_the_improvements(small: Path, scenes: Path, tmp_path: Path) -> None:
    """aoe replaces atc: another artifact, which records how it was made."""
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", tmp_path, "--limit", 1]
    for jobs, version in (("1", "old"), ("1,2", "new")):
        enet("evaluate", *inputs, "--backend", "ascend", "--aoe", jobs, aoe=version)
    built = sorted(path.read_text() for path in (tmp_path / "ascend").glob("*/built.json"))
    assert [json.loads(text)["improvements_percent"] for text in built] == [[12.5, 12.5], [None]]


def test_commands_without_cann_name_what_is_missing(small: Path, scenes: Path, tmp_path: Path) -> None:
    """In one line that says how to get it; never a skip."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "ENET_CACHE": str(tmp_path / "cache")}

    def without_cann(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "enet.cli", *words]
        return subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)

    device = ["--backend", "ascend", "--soc-version", "Ascend310P3"]
    done = without_cann("evaluate", "--deliverable", str(small), "--data-root", str(scenes), *device)
    assert done.returncode == 2
    assert done.stderr == (
        "enet: atc: not found on the PATH; install CANN and run: source /usr/local/Ascend/cann/set_env.sh "
        "(before CANN 8.5: /usr/local/Ascend/ascend-toolkit/set_env.sh)\n"
    )
    done = without_cann("doctor")
    assert done.returncode == 0
    line = " ".join(done.stdout.partition("\nascend")[2].partition("\nopencv")[0].split())
    for tool in ("atc: not found", "npu-smi: not found", "ais_bench and aclruntime not installed"):
        assert tool in line
