"""What is left when a run is killed, and what the next one makes of it: the same result as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enet.datasets import scenes
from enet.datasets.image_source import ImageSource, Pair
from enet.deliverable import BUILTIN
from enet.measure import pipeline
from enet.measure.subject import Subject
from enet.selftest.acceptance import BACKEND, small
from enet.selftest.table import Row
from enet.selftest.tiny import data_set, write

#: How often each run is killed, and in a quick self-test.
KILLS, QUICK_KILLS = 30, 1

#: Images of a long run, and where it is first looked at.
LONG, QUICK_LONG = 5000, 500

#: Growth of memory, in MB, that a long run is allowed: what an allocator keeps.
GROWTH = 50

#: No run here takes longer, in seconds.
PATIENCE = 300

Command = Callable[[Path], list[str]]


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """Kills of a cold run and of a training run, an interrupt, many at once, a long run."""
    rng = np.random.default_rng(0)
    toml = deliverable(folder / "small", images=24)
    kills = QUICK_KILLS if quick else KILLS
    yield killed("cold run", "evaluate", evaluating(toml), outcome, folder, kills, rng)
    yield killed("training", "training", training(write(made(folder / "tiny"))), trained, folder, kills, rng)
    # So many that the run is still scoring when the interrupt comes, however late this process is woken.
    yield interrupted(evaluating(deliverable(folder / "longer", images=120)), folder)
    yield together(evaluating(toml), folder)
    yield lock_of_the_dead(folder)
    yield long_run(small(made(folder / "long"), images=10, side=240), QUICK_LONG if quick else LONG)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def deliverable(folder: Path, images: int) -> Path:
    """The embedded deliverable over a few small scenes: its file."""
    made(folder)
    scenes.write(folder / "data", images=images, size=(512, 256))
    text = (BUILTIN / "scenes.toml").read_text(encoding="utf-8")
    for old, new in (
        ('weights = "scenes.pth"', f'weights = "{BUILTIN / "scenes.pth"}"'),
        ("images = 20", f"images = {images}"),
        ('layout = "scenes"', 'layout = "cityscapes"'),
        ('name = "scenes"', 'name = "crashes"'),
    ):
        if old not in text:
            raise ValueError(f"{BUILTIN / 'scenes.toml'}: should hold {old}")
        text = text.replace(old, new)
    (folder / "crashes.toml").write_text(text, encoding="utf-8")
    return folder / "crashes.toml"


def evaluating(toml: Path) -> Command:
    """``enet evaluate``, with its cache and its figures in a folder."""
    return lambda folder: [
        sys.executable,
        "-m",
        "enet.cli",
        "evaluate",
        "--deliverable",
        str(toml),
        "--data-root",
        str(toml.parent / "data"),
        "--artifact-cache",
        str(folder / "cache"),
        "--json",
        str(folder / "e.json"),
    ]


def outcome(folder: Path) -> Any:
    """What must be equal: everything but when, where, and how long it took."""
    table = json.loads((folder / "e.json").read_text(encoding="utf-8"))
    for name in ("seconds", "images_per_second"):
        del table[name]
    for name in ("time", "argv", "host"):
        del table["provenance"][name]
    return table


def training(tiny: Path) -> Command:
    """A training run of a few small epochs."""
    data_set(tiny / "data", images=16, seed=1, split="train")
    return lambda folder: [
        sys.executable,
        "-m",
        "enet.training",
        "--deliverable",
        str(tiny / "tiny.toml"),
        "--data-root",
        str(tiny / "data"),
        "--output",
        str(folder / "run"),
        "--epochs",
        "8",
        "--batch-size",
        "4",
        "--crop",
        "32",
        "32",
        "--validate-every",
        "2",
        "--quiet",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]


def trained(folder: Path) -> Any:
    """Weights and figures of a training run."""
    best = torch.load(folder / "run" / "best.pth", weights_only=True)
    rows = (folder / "run" / "log.csv").read_text(encoding="utf-8").splitlines()
    told = [row.split(",")[:-1] for row in rows]  # the last column holds seconds
    return best["miou"], {key: value.numpy().tobytes() for key, value in best["state_dict"].items()}, told


def start(words: list[str]) -> subprocess.Popen[str]:
    """A process in a group of its own."""
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(words: list[str]) -> str:
    """Run to the end; what it said if it failed, else nothing."""
    process = start(words)
    try:
        _, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"no end in {PATIENCE} s"
    return "" if process.returncode == 0 else f"exit code {process.returncode}: {errors.strip()[-300:]}"


def killed(
    name: str,
    stage: str,
    command: Command,
    result: Callable[[Path], Any],
    folder: Path,
    kills: int,
    rng: np.random.Generator,
) -> Row:
    """Kill a cold run at random moments, each time run it again to the end, and compare."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        begin = time.perf_counter()
        if problem := finish(command(Path(aside))):
            return Row(name=f"{name}, undisturbed", stage=stage, meant="completes", found=problem, ok=False)
        seconds = time.perf_counter() - begin
        expected = result(Path(aside))
    problems = []
    for _ in range(kills):
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            process = start(command(Path(aside)))
            time.sleep(float(rng.uniform(0.1, seconds)))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            problem = finish(command(Path(aside))) or ("" if result(Path(aside)) == expected else "another result")
            problems += [problem] if problem else []
    found = f"{kills - len(problems)} of {kills} times completed with the same result" + "".join(
        f"; {problem}" for problem in problems[:1]
    )
    return Row(
        name=f"{name}, kill -9 at random moments", stage=stage, meant="same result", found=found, ok=not problems
    )


def interrupted(command: Command, folder: Path) -> Row:
    """Ctrl-C when some batches are scored: no process is left, and the next run goes on from there."""
    with tempfile.TemporaryDirectory(dir=folder) as first, tempfile.TemporaryDirectory(dir=folder) as second:
        problem = finish(command(Path(first)))
        process = start(command(Path(second)))
        scored = wait_for(lambda: journal_size(Path(second)) > 1000, process)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        left = alive(process.pid)
        kept = journal_size(Path(second))
        problems = [
            *([problem] if problem else []),
            *([] if scored else ["nothing was scored before the interrupt"]),
            *([f"exit code {process.returncode}"] if process.returncode != 130 else []),
            *(["a traceback"] if "Traceback" in errors else []),
            *(["processes were left"] if left else []),
            *([] if kept > 1000 else ["nothing was kept"]),
            *([again] if (again := finish(command(Path(second)))) else []),
        ]
        if not problems and outcome(Path(first)) != outcome(Path(second)):
            problems.append("another result")
        if not problems and journal_size(Path(second)):
            problems.append("the journal was left")
    return Row(
        name="Ctrl-C, then the same command",
        stage="evaluate",
        meant="same result",
        ok=not problems,
        found="; ".join(problems) or f"exit code 130, no process left, {kept} bytes kept, went on to the same result",
    )


def journal_size(folder: Path) -> int:
    """Bytes that an interrupted run has kept."""
    return sum(path.stat().st_size for path in (folder / "cache" / "interrupted").glob("*.journal"))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Look again and again while the process lives."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.002)
    return False


def alive(group: int) -> bool:
    """Whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def together(command: Command, folder: Path) -> Row:
    """Four runs at once on one cold cache: one build of everything, and all results the same."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        outputs = [Path(aside) / str(number) for number in range(4)]
        processes = []
        for output in outputs:
            words = command(Path(aside))
            words[-1] = str(output)
            processes.append(start(words))
        said = [process.communicate(timeout=PATIENCE)[1] for process in processes]
        results = []
        for output in outputs:
            if output.exists():
                output.rename(Path(aside) / "e.json")
                results.append(outcome(Path(aside)))
        built = [path.parent.parent.name for path in (Path(aside) / "cache").glob("*/*/manifest.json")]
    codes = [process.returncode for process in processes]
    ok = codes == [0] * 4 and all(result == results[0] for result in results) and len(built) == len({*built})
    found = (
        f"exit codes {codes}, {len(built)} entries built, each once" if ok else f"{codes}, {built}, {said[0][-200:]}"
    )
    return Row(name="four at once on a cold cache", stage="evaluate", meant="same result", found=found, ok=ok)


HOLDS = """
import sys, time
from pathlib import Path
from enet.storage.store import Store
def make(folder):
    (folder / "x").write_text("x")
    print("building", flush=True)
    time.sleep(float(sys.argv[2]))
Store(Path(sys.argv[1])).build("kind", {"key": 1}, make)
"""


def lock_of_the_dead(folder: Path) -> Row:
    """A process is killed while it builds; one that waits for its lock builds instead."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        words = [sys.executable, "-c", HOLDS, aside]
        dying = subprocess.Popen([*words, str(PATIENCE)], stdout=subprocess.PIPE, text=True, start_new_session=True)
        if dying.stdout is not None:
            dying.stdout.readline()
        waiting = start([*words, "0"])
        time.sleep(1)
        still = waiting.poll() is None
        os.killpg(dying.pid, signal.SIGKILL)
        dying.communicate()
        begin = time.perf_counter()
        waiting.communicate(timeout=PATIENCE)
        seconds = time.perf_counter() - begin
        ok = still and waiting.returncode == 0 and len(list(Path(aside).glob("kind/*/manifest.json"))) == 1
    found = f"the other waited, and had built {seconds:.1f} s after the kill" if ok else "the other didn't build"
    return Row(name="kill -9 of who holds a lock", stage="store", meant="released", found=found, ok=ok)


class Repeated:
    """The images of a source again and again, under names of their own."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self.source, self.names = source, tuple(f"image{number:06}" for number in range(count))
        self.seen: list[dict[str, float]] = []

    def load(self, index: int) -> Pair:
        if index in (len(self.names) // 10, len(self.names) - 1):
            self.seen.append(resources())
        return self.source.load(index % len(self.source.names))


def resources() -> dict[str, float]:
    """What this process holds: memory in MB, open files, threads."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
    files = len(list(Path("/proc/self/fd").iterdir()))
    return {"MB": int(resident) / 1024, "files": files, "threads": threading.active_count()}


def long_run(subject: Subject, images: int) -> Row:
    """Many images: after a tenth of them and at the end, the process holds the same."""
    source = Repeated(subject.prepared(), images)
    spec = replace(subject.deliverable, dataset=replace(subject.deliverable.dataset, images=images))
    measured = pipeline.measure_split(replace(subject, deliverable=spec), subject.artifact(BACKEND, 1), source)
    early, late = source.seen[0], source.seen[-1]
    ok = len(measured.images) == images and late["MB"] - early["MB"] < GROWTH
    ok = ok and late["files"] == early["files"] and late["threads"] == early["threads"]
    found = ", ".join(f"{name} {early[name]:.0f} to {late[name]:.0f}" for name in early)
    return Row(name=f"{images} images", stage="long run", meant="flat", found=found, ok=ok)
