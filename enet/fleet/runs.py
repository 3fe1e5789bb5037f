"""The runs of a fleet as tasks of a Ray cluster: each is ``enet accept`` in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from enet import cluster
from enet.backends import BACKENDS
from enet.errors import InputError, printable
from enet.fleet import results
from enet.fleet.plan import Run
from enet.fleet.results import Result
from enet.storage.store import Store, default_root

#: What a task returns: exit code, printed text, and the files of the evidence.
Answer = tuple[int, str, dict[str, bytes]]

#: Folder of the package: a node whose own Python runs the suite runs the same code as the task.
ROOT = str(Path(__file__).parents[2])


def run_all(folder: Path, runs: Sequence[Run], address: str) -> Iterator[tuple[Run, Result]]:
    """Make those runs whose verdicts are not here already, and yield how each ended.

    Nothing that goes wrong in one run stops another.

    Raises:
        InputError: no cluster, or evidence cannot be written.
    """
    for run in runs:
        results.require_own(folder / run.name)
    store = Store(default_root())
    keys = {run.name: results.key(run, store) for run in runs}
    left = []
    for run in runs:
        if found := results.earlier(folder / run.name, keys[run.name]):
            yield run, found
        else:
            left.append(run)
    if not left:
        return
    ray = cluster.connect(address)
    waiting: dict[Any, Run] = {}
    for run in left:
        try:
            waiting[submit(ray, run)] = run
        except InputError as error:
            yield run, results.save(folder / run.name, None, 2, {}, str(error))
    try:
        while waiting:
            (reference,), _ = ray.wait(list(waiting), num_returns=1)
            run = waiting.pop(reference)
            code, printed, files = answer(ray, reference)
            digest = keys[run.name] if results.key(run, store) == keys[run.name] else None  # its files have changed
            yield run, results.save(folder / run.name, digest, code, files, printed)
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)


def submit(ray: Any, run: Run) -> Any:
    """Start the task of a run; Ray runs it again if its node dies.

    Raises:
        InputError: no node has what it needs.
    """
    resource, environment = BACKENDS[run.backend].resource, run.environment
    needs: dict[str, Any] = {"num_cpus": run.entry.cpus, "max_retries": -1, "resources": {}}
    if resource == "GPU":
        needs["num_gpus"] = 1
    elif resource != "CPU":
        needs["resources"][resource] = 1
    if run.device != "any":
        needs["resources"].setdefault(run.device, 0.001)
    for name in {resource, *needs["resources"]}:
        cluster.require_resource(ray, name)
    if environment and environment.pins:
        needs["runtime_env"] = {"pip": list(environment.pins)}
    python = environment.python if environment else ""
    return ray.remote(**needs)(accept).remote(python, run.words())


def answer(ray: Any, reference: Any) -> Answer:
    """What the task returned, or why it could not."""
    try:
        found: Answer = ray.get(reference)
    except ray.exceptions.RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        return 3, printable(f"the task failed: {lines[0]} … {lines[-1]}")[:600], {}
    return found


def accept(python: str, words: Sequence[str]) -> Answer:
    """The task: run ``enet accept`` on this node, in a folder of its own."""
    device = os.environ.pop("ASCEND_RT_VISIBLE_DEVICES", "")
    environment = dict(os.environ)
    if not python:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH", "")]))
    with tempfile.TemporaryDirectory() as folder:
        evidence = Path(folder) / "evidence"
        command = [python or sys.executable, "-m", "enet", "accept", *words, *(["--device", device] if device else [])]
        command += ["--evidence", str(evidence), "--html-report", str(evidence / "report.html")]
        command += ["--artifact-cache", str(cluster.node_cache())]
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            return 2, f"{command[0]}: {error.strerror}. Give a Python that is on every node", {}
        files = {
            str(file.relative_to(evidence)): file.read_bytes() for file in sorted(evidence.rglob("*")) if is_plain(file)
        }
    return done.returncode, (done.stdout + done.stderr), files


def is_plain(file: Path) -> bool:
    return file.is_file() and not file.name.endswith(".lock")
