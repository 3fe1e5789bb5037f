"""The Ascend path from outside, on the simulator: it runs whole, its figures are right, and no device gate passes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from enet import deliverable, evidence, gates
from enet.deliverable import baselines
from enet.evidence import Accuracy, Throughput
from enet.gates import Outcome
from fixtures.ascend_simulator import environment

ROOT = Path(__file__).resolve().parents[2]

#: So fast that every gate of throughput would pass.
MS = 0.25


def run(*command: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """A command with the simulator in place of CANN."""
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, check=False)


def enet(*words: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "enet.cli", *words, **settings)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ascend")


def accept(
    small: Path, scenes: Path, folder: Path, *more: object, **settings: object
) -> subprocess.CompletedProcess[str]:
    """An acceptance run of accuracy and performance."""
    return run(
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "-m",
        "accuracy or perf",
        "tests/acceptance",
        "--deliverable",
        small,
        "--data-root",
        scenes,
        "--artifact-cache",
        folder / "cache",
        *more,
        **settings,
    )


@pytest.fixture(scope="session")
def accepted(small: Path, scenes: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The deliverable on two devices at once, by two workers, on a cold cache."""
    return accept(
        small,
        scenes,
        folder,
        "--backend",
        "ascend",
        "--batch-size",
        1,
        "--batch-size",
        4,
        "--device",
        "0,1",
        "--evidence",
        folder / "live",
        "-n",
        2,
        "--basetemp",
        folder / "temp",
        ms=MS,
        devices=2,
    )


def verdicts(folder: Path) -> list[dict[str, Any]]:
    table: dict[str, Any] = json.loads((folder / "verdicts.json").read_text())
    return [each for each in table["verdicts"] if each["gate"] != "recorded" and not each["reported"]]


def loaded(path: Path) -> Any:
    return evidence.load(path)


def of_the_device(verdict: dict[str, Any]) -> bool:
    return "ascend" in verdict["test"]


def test_a_simulated_device_is_never_accepted(accepted: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert accepted.returncode == 1, accepted.stdout + accepted.stderr
    assert "small: NOT ACCEPTED: no evidence for" in accepted.stdout
    device = [verdict for verdict in verdicts(folder / "live") if of_the_device(verdict)]
    assert {verdict["gate"] for verdict in device} == {
        "miou",
        "class_floor",
        "batch_parity",
        "padded_tail",
        "equal_rows",
        "throughput",
        "best_batch",
    }
    for verdict in device:
        assert verdict["outcome"] == "NO EVIDENCE", verdict
        assert "simulated device" in verdict["sentence"]
    others = [verdict for verdict in verdicts(folder / "live") if not of_the_device(verdict)]
    assert {verdict["outcome"] for verdict in others} == {"PASS"}


@pytest.mark.parametrize("kind", ["accuracy", "parity", "padded-tail", "equal-rows", "throughput"])
def test_the_evidence_says_so(kind: str, accepted: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert accepted.returncode == 1
    found = sorted((folder / "live").glob(f"{kind}-small-ascend-bs*.json"))
    assert found
    for path in found:
        table = json.loads(path.read_text())
        places = [table[key] for key in ("provenance", "first", "second") if key in table]
        assert all(place["simulated"] is True for place in places)
        assert all(len(place["devices_before"]) == len(place["devices_after"]) == 2 for place in places)


def test_its_figures_are_right(accepted: subprocess.CompletedProcess[str], small: Path, folder: Path) -> None:
    assert accepted.returncode == 1
    spec = deliverable.load(str(small))
    for size in (1, 4):
        scored: Accuracy = loaded(folder / "live" / f"accuracy-small-ascend-bs{size}.json")
        assert 100 * scored.miou == pytest.approx(spec.reference.miou_percent, abs=0.05)  # half precision
        assert [(share.device, share.images) for share in scored.devices] == [("0", 5), ("1", 5)]
        timed: Throughput = loaded(folder / "live" / f"throughput-small-ascend-bs{size}.json")
        assert timed.images_per_second == pytest.approx(1000 / MS, rel=1e-6)
        assert timed.batch_size_source == "the compiled model"
        assert (timed.batch_size, timed.images, timed.contradictions) == (size, 10, ())
        assert timed.seconds is not None
        assert timed.wall_images_per_second is not None
        assert timed.wall_images_per_second < 2 * timed.images_per_second
    parity = loaded(folder / "live" / "parity-small-ascend-bs4.json")
    assert parity.agreement > 0.9999


def test_every_om_is_built_once(accepted: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert accepted.returncode == 1
    built = [json.loads(path.read_text())["key"] for path in (folder / "cache" / "ascend").glob("*/manifest.json")]
    assert sorted(key["batch_size"] for key in built) == [1, 4]
    assert {key["soc_version"] for key in built} == {"Ascend310P3"}


def real(timed: Throughput, **changes: Any) -> Throughput:
    """The same evidence, had it not been simulated."""
    where = dataclasses.replace(timed.provenance, simulated=False, **changes)
    return dataclasses.replace(timed, provenance=where)


def test_busy_and_sick_devices(small: Path, scenes: Path, folder: Path, tmp_path: Path) -> None:
    """Looked at before and after; what is seen is in the evidence, and speaks against it unless the user accepts it."""
    spec, table = deliverable.load(str(small)), baselines.load()
    states = tmp_path / "states"
    fine = {"HEALTH": "OK", "TEMPERATURE": "50", "AICORE": "0", "PROCESSES": ""}
    cases = {
        "other processes run on it: python (4711)": [fine | {"PROCESSES": "python:4711"}],
        "health is Warning": [fine | {"HEALTH": "Warning"}],
        "96 °C, should be at most 85": [fine] * 2 + [fine | {"TEMPERATURE": "96"}],
        "40 % of its cores are in use": [fine] * 2 + [fine | {"AICORE": "40"}],
    }
    for number, (reason, lines) in enumerate(cases.items()):
        states.write_text("".join(json.dumps(line) + "\n" for line in lines))
        place, accepting = tmp_path / str(number), ["--allow-busy-device"] if number == 0 else []
        done = accept(
            small,
            scenes,
            folder,
            "--backend",
            "ascend",
            "--batch-size",
            1,
            "-k",
            "test_throughput",
            "--evidence",
            place,
            *accepting,
            ms=MS,
            states=states,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        timed = real(loaded(place / "throughput-small-ascend-bs1.json"))
        verdict = gates.throughput(timed, spec, table)
        if accepting:
            assert verdict.outcome is Outcome.PASS, verdict
            timed = real(timed, allow_busy=False)
            verdict = gates.throughput(timed, spec, table)
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert reason in verdict.sentence
    assert gates.throughput(real(timed, devices_after=()), spec, table).outcome is Outcome.PASS


# Step by step, and brought back.


@pytest.fixture(scope="session")
def results(small: Path, scenes: Path, folder: Path) -> Path:
    """What somebody brings back who went step by step: batch 1 and 4, consoles, and npu-smi's table."""
    home = folder / "steps"
    home.mkdir()
    spec = deliverable.load(str(small))
    steps = [
        ("pth2onnx", "--deliverable", small, "--input-file", spec.weights, "--output-file", home / "enet.onnx"),
        ("preprocess", "--deliverable", small, "--src-path", scenes, "--save-path", home / "prep"),
    ]  # type: list[tuple[object, ...]]
    for size in (1, 4):
        model = home / f"enet_bs{size}.om"
        steps += [
            ("om", "--model", home / "enet.onnx", "--output", model, "--batch-size", size),
            (
                "infer",
                "--backend",
                "ascend",
                "--model",
                model,
                "--input",
                home / "prep",
                "--output",
                home / "results" / f"bs{size}",
                "--batch-size",
                size,
            ),
        ]
    for step in steps:
        done = enet(*step, ms=MS)
        assert done.returncode == 0, done.stdout + done.stderr
    (home / "results" / "npu_smi.txt").write_text(run("npu-smi", "info").stdout)
    return home / "results"


@pytest.mark.parametrize("marks", ["all", "no key"])
def test_brought_back(marks: str, results: Path, small: Path, scenes: Path, folder: Path, tmp_path: Path) -> None:
    """Even without what says so in words, simulated times are known for what they are."""
    if marks == "no key":
        for path in results.glob("*_summary.json"):
            table = json.loads(path.read_text())
            table.pop("simulated", None)
            path.write_text(json.dumps(table))
    done = accept(small, scenes, folder, "--replay", results, "--evidence", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for verdict in verdicts(tmp_path):
        assert verdict["outcome"] == "NO EVIDENCE"
        assert "simulated device" in verdict["sentence"]
    spec, table = deliverable.load(str(small)), baselines.load()
    timed = [real(loaded(tmp_path / f"throughput-small-recorded-bs{size}.json")) for size in (1, 4)]
    assert [gates.throughput(each, spec, table).outcome for each in timed] == [Outcome.PASS] * 2
    for size in (1, 4):
        scored: Accuracy = loaded(tmp_path / f"accuracy-small-recorded-bs{size}.json")
        live = dataclasses.replace(scored, provenance=dataclasses.replace(scored.provenance, simulated=False))
        assert gates.artifact_miou(live, spec).outcome is Outcome.PASS


def test_postprocess(results: Path, small: Path, scenes: Path) -> None:
    done = enet(
        "postprocess", "--deliverable", small, "--src-path", scenes, "--result-dir", results / "bs4_summary.json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 images)" in done.stdout
    done = enet("postprocess", "--deliverable", small, "--src-path", scenes, "--result-dir", results / "absent.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_dynamic_batch_and_aipp(results: Path, small: Path, scenes: Path, tmp_path: Path) -> None:
    """One ``.om`` with several batch sizes that takes bytes: a quarter of what goes to the device, the same labels."""
    home, model, prep = results.parent, tmp_path / "enet_dynamic.om", tmp_path / "prep"
    steps: list[tuple[object, ...]] = [
        ("preprocess", "--deliverable", small, "--src-path", scenes, "--save-path", prep, "--input", "uint8"),
        (
            "om",
            "--deliverable",
            small,
            "--model",
            home / "enet.onnx",
            "--output",
            model,
            "--batch-size",
            "1,4",
            "--input",
            "uint8",
        ),
        (
            "infer",
            "--backend",
            "ascend",
            "--model",
            model,
            "--input",
            prep,
            "--output",
            tmp_path / "out" / "d",
            "--batch-size",
            4,
            "--dynamic",
        ),
    ]
    for step in steps:
        done = enet(*step)
        assert done.returncode == 0, done.stdout + done.stderr
    sizes = [{path.stat().st_size for path in folder.glob("*.bin")} for folder in (prep, home / "prep")]
    assert sizes == [{480 * 480 * 3}, {480 * 480 * 3 * 4}]
    summary = tmp_path / "out" / "d_summary.json"
    score = tmp_path / "score.json"
    done = enet("postprocess", "--deliverable", small, "--src-path", scenes, "--result-dir", summary, "--json", score)
    assert done.returncode == 0, done.stdout + done.stderr
    miou = json.loads(score.read_text())["miou"]
    assert 100 * miou == pytest.approx(deliverable.load(str(small)).reference.miou_percent, abs=0.1)


def test_evaluate_on_several_devices(small: Path, scenes: Path, folder: Path, tmp_path: Path) -> None:
    """Matrices add up to those of one device; the total is by the clock."""
    found = []
    for devices in ("0", "0,1,2,3"):
        done = enet(
            "evaluate",
            "--deliverable",
            small,
            "--data-root",
            scenes,
            "--artifact-cache",
            folder / "cache",
            "--backend",
            "ascend",
            "--device",
            devices,
            "--json",
            tmp_path / "e.json",
            npu="310x4",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(json.loads((tmp_path / "e.json").read_text()))
    one, four = found
    assert one["confusion_matrix"] == four["confusion_matrix"]
    assert [share["images"] for share in four["devices"]] == [2, 3, 2, 3]
    assert "all devices together by the clock" in done.stdout
    assert four["seconds"] >= max(share["seconds"] for share in four["devices"]) - 0.01


def test_om_fixtures(small: Path, scenes: Path, folder: Path) -> None:
    """Every batch size's ``.om`` is a fixture, built once by two workers."""
    done = run(
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "tests/suite/compiled.py",
        "--deliverable",
        small,
        "--data-root",
        scenes,
        "--artifact-cache",
        folder / "oms",
        "-n",
        2,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert len(list((folder / "oms" / "ascend").glob("*/manifest.json"))) == 5


def test_tuned(small: Path, scenes: Path, folder: Path) -> None:
    """aoe in place of atc: another artifact, which says how it was made."""
    for jobs, said in (("1", "old"), ("1,2", "new")):
        done = enet(
            "evaluate",
            "--deliverable",
            small,
            "--data-root",
            scenes,
            "--artifact-cache",
            folder / "tuned",
            "--backend",
            "ascend",
            "--aoe",
            jobs,
            "--limit",
            1,
            aoe=said,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    told = sorted(path.read_text() for path in (folder / "tuned" / "ascend").glob("*/built.json"))
    assert [json.loads(text)["improvements_percent"] for text in told] == [[12.5, 12.5], [None]]


def test_without_cann(small: Path, scenes: Path, tmp_path: Path) -> None:
    """What is missing, and how to get it, in one line; never a skip."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "ENET_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "enet.cli",
            "evaluate",
            "--deliverable",
            str(small),
            "--data-root",
            str(scenes),
            "--backend",
            "ascend",
            "--soc-version",
            "Ascend310P3",
        ],
        cwd=ROOT,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "enet: atc: not found on the PATH; install CANN and run: source /usr/local/Ascend/ascend-toolkit/set_env.sh\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "enet.cli", "doctor"], cwd=ROOT, env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ascend")]
    for tool in ("atc: not found", "npu-smi: not found", "ais_bench and aclruntime not installed"):
        assert tool in line
