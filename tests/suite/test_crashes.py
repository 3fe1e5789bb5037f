"""Kill or interrupt runs at chosen points: the next run gives the same result as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from enet import selftest
from enet.backends import DEFAULT
from enet.datasets.image_source import ImageSource, Pair
from enet.host import cores
from enet.measure import pipeline
from enet.selftest import tiny
from tests.suite.stop_points import StoppableProcess, run_to_the_end

#: Everything, which takes minutes; else a few points and fewer images.
IS_LONG = bool(os.environ.get("ENET_LONG_TESTS"))

#: Points at which each run is killed, spread evenly over all that it has.
KILLS = 30 if IS_LONG else 3

#: Images of a long run. It is first looked at after a tenth of them.
MANY = 5000 if IS_LONG else 500

#: Images of a run that is killed, each a batch.
IMAGES = 12

#: Growth of memory, in MB, that a long run is allowed: what an allocator keeps.
GROWTH = 50


@dataclass(frozen=True)
class Program:
    """A program whose runs are killed.

    Attributes:
        words: module and arguments for a folder that takes all that it writes.
        result: what must be equal after two runs.
    """

    words: Callable[[Path], list[object]]
    result: Callable[[Path], object]


@dataclass(frozen=True)
class Undisturbed:
    program: Program
    result: object
    points: int


def evaluation(folder: Path) -> Program:
    """``enet evaluate`` over a few tiny images."""
    tiny.write(folder)
    tiny.data_set(folder / "data", images=IMAGES)
    toml = folder / "tiny.toml"
    toml.write_text(toml.read_text().replace(f"images = {tiny.IMAGES}", f"images = {IMAGES}"))
    words = ["enet.cli", "evaluate", "--deliverable", toml, "--data-root", folder / "data"]
    return Program(
        lambda to: [*words, "--artifact-cache", to / "cache", "--json", to / "e.json"],
        lambda to: without_times(to / "e.json"),
    )


def without_times(path: Path) -> Any:
    """Everything of an evaluation but when, where and how long."""
    table = json.loads(path.read_text(encoding="utf-8"))
    for name in ("seconds", "images_per_second", "run"):
        del table[name]
    for name in ("time", "argv", "host"):
        del table["provenance"][name]
    return table


def training(folder: Path) -> Program:
    """A training run of a few small epochs."""
    tiny.write(folder)
    tiny.data_set(folder / "data", images=8, seed=1, split="train")
    words = ["enet.training", "--deliverable", folder / "tiny.toml", "--data-root", folder / "data", "--quiet"]
    more = shlex.split("--epochs 4 --batch-size 4 --crop 32 32 --validate-every 2 --threads 1 --device cpu")

    def result(to: Path) -> object:
        best = torch.load(to / "run" / "best.pth", weights_only=True)
        rows = (to / "run" / "log.csv").read_text(encoding="utf-8").splitlines()
        weights = {key: value.numpy().tobytes() for key, value in best["state_dict"].items()}
        return best["miou"], weights, [row.split(",")[:-1] for row in rows]  # the last column holds seconds

    return Program(lambda to: [*words, "--output", to / "run", *more], result)


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(evaluation, tmp_path_factory)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(training, tmp_path_factory)


def undisturbed(make: Callable[[Path], Program], factory: pytest.TempPathFactory) -> Undisturbed:
    program, folder = make(factory.mktemp("inputs")), factory.mktemp("undisturbed")
    points = run_to_the_end(program.words(folder), folder)
    return Undisturbed(program, program.result(folder), points)


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("name", ["evaluate", "train"])
def test_killed_run_completes_with_the_same_result(
    name: str, number: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    expected: Undisturbed = request.getfixturevalue(name)
    words = expected.program.words(tmp_path)
    with StoppableProcess(words, tmp_path, 1 + number * (expected.points - 1) // (KILLS - 1)) as process:
        process.wait_until_stopped()
        process.send(signal.SIGKILL)
        assert process.end()[0] == -signal.SIGKILL
    run_to_the_end(words, tmp_path)
    assert expected.program.result(tmp_path) == expected.result


def test_interrupted_evaluate_resumes_to_the_same_result(evaluate: Undisturbed, tmp_path: Path) -> None:
    """Ctrl-C when two batches are scored: no process is left, and the same command scores only the others."""
    words = evaluate.program.words(tmp_path)
    with StoppableProcess(words, tmp_path, 2, kinds=["record"]) as process:
        process.wait_until_stopped()
        process.interrupt()
        code, _, errors = process.end()
        assert (code, process.has_processes) == (130, False), errors
    assert "Traceback" not in errors
    assert "run the same command again to resume" in errors
    assert run_to_the_end(words, tmp_path, kinds=["record"]) == IMAGES - 2
    assert evaluate.program.result(tmp_path) == evaluate.result
    assert not list((tmp_path / "cache" / "interrupted").glob("*.journal"))


def test_four_evaluations_on_a_cold_cache_share_one_build(evaluate: Undisturbed, tmp_path: Path) -> None:
    """All four wait until the last of them begins to build."""
    with contextlib.ExitStack() as stack:
        processes = []
        for number in range(4):
            words = [*evaluate.program.words(tmp_path)[:-1], tmp_path / f"{number}.json"]
            processes.append(stack.enter_context(StoppableProcess(words, tmp_path / "cache", 1)))
        for process in processes:
            process.wait_until_stopped()
        for process in processes:
            process.resume()
        ends = [process.end() for process in processes]
    assert [code for code, _, _ in ends] == [0] * 4, ends
    for number in range(4):
        assert without_times(tmp_path / f"{number}.json") == evaluate.result
    built = [path.parent.parent.name for path in (tmp_path / "cache").glob("*/*/manifest.json")]
    assert len(built) == len({*built}) > 1


def test_lock_of_a_killed_process_is_released(evaluate: Undisturbed, tmp_path: Path) -> None:
    """The first process is killed while it builds, after the second has tried to get its lock."""
    words = evaluate.program.words(tmp_path)
    with (
        StoppableProcess(words, tmp_path, 1, kinds=["write"], part=".build") as first,
        StoppableProcess(words, tmp_path, 2, kinds=["lock"]) as second,
    ):
        first.wait_until_stopped()
        second.wait_until_stopped()  # its second attempt: the first was in vain
        first.send(signal.SIGKILL)
        assert first.end()[0] == -signal.SIGKILL
        second.resume()
        code, _, errors = second.end()
    assert code == 0, errors
    assert evaluate.program.result(tmp_path) == evaluate.result


def test_interrupted_pytest_session_leaves_a_sound_cache(small: Path, scenes: Path, tmp_path: Path) -> None:
    """Ctrl-C just before a built model is complete; the same command then measures everything and accepts."""
    folders = ["--artifact-cache", tmp_path / "cache", "--evidence", tmp_path / "evidence"]
    words = ["pytest", "-q", "-p", "no:cacheprovider", "-m", "accuracy", "tests/acceptance", *folders]
    words += ["--deliverable", small, "--data-root", scenes]
    cache = tmp_path / "cache" / "onnxruntime"
    with StoppableProcess(words, cache, 1, kinds=["write"], part="manifest.json") as process:
        process.wait_until_stopped()
        process.interrupt()
        code, output, errors = process.end()
        assert (code, process.has_processes) == (pytest.ExitCode.INTERRUPTED, False), output + errors
    assert not list(cache.glob("*/manifest.json"))
    assert not list(cache.glob(".*.build*"))
    assert "small: ACCEPTED" not in output
    with StoppableProcess(words, cache, kinds=["write"]) as process:
        code, output, errors = process.end()
    assert code == 0, output + errors
    assert "small: ACCEPTED (accuracy): all" in output


class RepeatedImages:
    """The images of a source repeated under names of their own; looks at the process after a tenth and at the end."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self.source, self.names = source, tuple(f"image{number:06}" for number in range(count))
        self.seen: list[dict[str, float]] = []

    def load(self, index: int) -> Pair:
        if index in (len(self.names) // 10, len(self.names) - 1):
            self.seen.append(resources())
        return self.source.load(index % len(self.source.names))


def resources() -> dict[str, float]:
    """Memory in MB, open files and threads of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
    files = len(list(Path("/proc/self/fd").iterdir()))
    return {"MB": int(resident) / 1024, "files": files, "threads": threading.active_count()}


def test_many_images_need_no_more_memory_files_or_threads(tmp_path: Path) -> None:
    subject = selftest.acceptance.small(tmp_path, images=10, side=240)
    artifact, source = subject.artifact(DEFAULT, 1), RepeatedImages(subject.prepared(), MANY)
    spec = replace(subject.deliverable, dataset=replace(subject.deliverable.dataset, images=MANY))
    before = resources()
    measured = pipeline.measure_split(replace(subject, deliverable=spec), artifact, source)
    assert len(measured.images) == MANY
    early, late = source.seen
    assert late["MB"] - early["MB"] < GROWTH
    for name in ("files", "threads"):  # each worker has one of its own, when it needs it
        assert late[name] <= before[name] + cores() + 1
