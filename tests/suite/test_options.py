"""The options from outside: what they choose, what they refuse, and that asking takes no time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from enet.deliverable import BUILTIN
from fixtures.options import aspects_selected

ROOT = Path(__file__).resolve().parents[2]

#: What takes seconds to import, and what is only of use once a test runs.
HEAVY = {"torch", "onnx", "onnxruntime", "openvino", "nncf", "cv2"}


def collect(*arguments: str, tests: str = "tests/acceptance", python: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``pytest --collect-only``."""
    command = [sys.executable, *python, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", tests]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def ids(*arguments: str) -> list[str]:
    """Names of the collected tests, without their files."""
    code, output, errors = collect(*arguments)
    assert code == 0, output + errors
    return [line.rpartition("::")[2] for line in output.splitlines() if "::" in line]


def test_the_embedded_deliverable_is_the_default() -> None:
    found = ids()
    assert len(set(found)) == len(found)
    assert {"test_miou[scenes-onnxruntime-bs1]", "test_miou[scenes-onnxruntime-bs16]"} <= set(found)
    assert {"test_reference_miou[scenes]", "test_preprocessing[scenes]"} <= set(found)
    assert {"test_onnx_logits[scenes-bs1]", "test_onnx_logits[scenes-bs16]"} <= set(found)
    assert "test_batch_parity[scenes-onnxruntime-bs16]" in found
    assert "test_batch_parity[scenes-onnxruntime-bs1]" not in found


def test_batch_sizes_and_backends_may_be_repeated() -> None:
    found = ids(
        "--deliverable",
        "camvid",
        "--batch-size",
        "4",
        "--batch-size=8",
        "--batch-size",
        "4",
        "--backend",
        "pytorch",
        "--backend",
        "onnxruntime",
        "-m",
        "accuracy",
    )
    assert [name for name in found if name.startswith("test_miou")] == [
        "test_miou[camvid-pytorch-bs4]",
        "test_miou[camvid-pytorch-bs8]",
        "test_miou[camvid-onnxruntime-bs4]",
        "test_miou[camvid-onnxruntime-bs8]",
    ]
    assert [name for name in found if name.startswith("test_onnx_logits")] == [
        "test_onnx_logits[camvid-bs4]",
        "test_onnx_logits[camvid-bs8]",
    ]
    assert found.count("test_reference_miou[camvid]") == 1


def test_int8_is_judged_on_the_backend_that_has_it() -> None:
    found = ids("--precision", "int8")
    assert "test_miou[scenes-openvino-int8-bs1]" in found
    assert "test_int8_miou[scenes-openvino-int8-bs16]" in found
    assert {f"test_int8_speedup[scenes-openvino-int8-bs1-over-{engine}]" for engine in ("onnxruntime", "openvino")} < {
        *found
    }
    assert not [name for name in ids("--backend", "openvino") if "test_int8" in name or "-int8-" in name]


@pytest.mark.parametrize("option", ["--data-root", "--evidence", "--artifact-cache"])
def test_folders_elsewhere_are_not_taken_for_test_paths(option: str, tmp_path: Path) -> None:
    """Nor does ``pytest.ini`` hold too late to switch off a plugin that takes a second."""
    words = ["-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", option, str(tmp_path)]
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "tests/acceptance/test_accuracy.py::test_reference_miou[scenes]" in done.stdout.splitlines()
    assert "tests/unit" not in done.stdout
    assert "hypothesis.internal" not in done.stderr


def test_a_deliverable_of_ones_own(tmp_path: Path) -> None:

    text = (BUILTIN / "cityscapes.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('name = "cityscapes"', 'name = "mine"').replace("[1, 16]", "[2]"), encoding="utf-8")
    assert "test_miou[mine-onnxruntime-bs2]" in ids("--deliverable", str(path))


def test_large_batches_alone_are_compared_with_batch_1() -> None:
    found = ids("--batch-size", "1")
    assert "test_miou[scenes-onnxruntime-bs1]" in found
    compared = [name for name in found if name.startswith(("test_batch_parity", "test_padded"))]
    assert all("NOTSET" in name for name in compared)  # nothing to compare: skipped, and said so


USAGE = {
    "deliverable": (["--deliverable", "scene"], "deliverable='scene' is not known: did you mean 'scenes'?"),
    "deliverable file": (["--deliverable", "./none.toml"], "deliverable none.toml: No such file or directory"),
    "backend": (["--backend", "onxruntime"], "--backend='onxruntime' is not known: did you mean 'onnxruntime'?"),
    "one of two backends": (["--backend", "pytorch", "--backend", "tensorrt"], "--backend='tensorrt' is not known"),
    "int8 elsewhere": (
        ["--precision", "int8", "--backend", "pytorch"],
        "--precision int8: not supported by backend pytorch",
    ),
    "int8 of records": (["--precision", "int8", "--replay", "."], "Leave out --precision"),
    "batch size": (["--batch-size", "0"], "--batch-size: '0', expected a whole number in 1..1024"),
    "large batch size": (["--batch-size", "1025"], "--batch-size: '1025', expected a whole number in 1..1024"),
    "batch size in words": (["--batch-size", "all"], "--batch-size: 'all', expected a whole number in 1..1024"),
    "limit": (["--limit", "0"], "--limit: '0', expected a whole number in 1.."),
    "limit in parts": (["--limit", "1.5"], "--limit: '1.5', expected a whole number in 1.."),
    "option": (["--wieghts", "x.pth"], "unrecognized arguments: --wieghts"),
}


@pytest.mark.parametrize("what", USAGE)
def test_what_is_not_known_is_a_usage_error(what: str) -> None:
    arguments, message = USAGE[what]
    code, output, errors = collect(*arguments)
    by_pytest = "whole number" in message or "unrecognized" in message
    assert code == (pytest.ExitCode.USAGE_ERROR if by_pytest else 2), output + errors
    assert "::" not in output
    assert "Traceback" not in errors
    lines = [line for line in errors.splitlines() if line.strip()]
    assert sum(message in line for line in lines) == 1, errors
    assert len(lines) <= 4  # argparse's own come with a usage line, and with the files they concern


@pytest.mark.parametrize("tests", ["tests/acceptance", "tests"])
def test_collecting_imports_nothing_heavy(tests: str) -> None:
    code, output, errors = collect("--capture=no", tests=tests, python=("-X", "importtime"))
    assert code == 0, output[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in errors.splitlines()}
    assert "enet.deliverable" in imported
    assert not HEAVY & imported


@pytest.mark.parametrize(
    ("expression", "aspects"),
    [
        ("accuracy", ["accuracy"]),
        ("accuracy or perf", ["accuracy", "perf"]),
        ("not perf", ["accuracy"]),
        ("not (accuracy or perf)", []),
        ("accuracy and not built", ["accuracy"]),
        ("built and perf", ["perf"]),
        ("accuracy and perf", []),
    ],
)
def test_aspects_that_an_expression_selects(expression: str, aspects: list[str]) -> None:
    assert list(aspects_selected(expression)) == aspects
