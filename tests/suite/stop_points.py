"""Stop a program at a chosen point, so that a test kills or interrupts it exactly there, on a machine of any speed.

``python -m tests.suite.stop_points MODULE …`` runs a module as ``python -m MODULE …`` does. Each change below a watched
folder is a point: a file opened for writing, synchronised, moved or removed, a folder made, a record appended to a
journal. At the point that the test has chosen the process reports through one pipe and waits on another.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "ENET_TEST_STOP_POINT"

#: Kinds of points. An attempt to lock is one too, but not a change.
CHANGES = ("write", "sync", "move", "make", "remove", "record")

#: Kind by Python's audit event.
EVENTS = {"open": "write", "os.rename": "move", "os.mkdir": "make", "os.remove": "remove", "os.rmdir": "remove"}

#: Seconds after which a process counts as hanging. It only ends a test that fails anyway.
HANG_TIMEOUT = 300


class StoppableProcess:
    """A process in a group of its own, used as a context, which kills what is left of it.

    Args:
        words: module and arguments.
        folder: watched folder.
        number: number of the point at which it stops, from 1; 0 for nowhere.
        kinds: kinds of points that count.
        part: text that the paths of points that count contain.
    """

    def __init__(
        self, words: Sequence[object], folder: Path, number: int = 0, kinds: Sequence[str] = CHANGES, part: str = ""
    ) -> None:
        self.reports, report = os.pipe()
        wait, self.releases = os.pipe()
        stop = {"folder": f"{folder.resolve()}/", "number": number, "kinds": kinds, "part": part}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.suite.stop_points", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {VARIABLE: json.dumps(stop | {"report": report, "wait": wait})},
            pass_fds=(report, wait),
            start_new_session=True,
        )
        os.close(report)
        os.close(wait)

    def __enter__(self) -> StoppableProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGKILL)
            self.process.communicate()
        os.close(self.reports)
        os.close(self.releases)

    def report(self) -> str:
        """What the process reports next: "stopped", the number of its points when it ends, "" if it is dead."""
        ready, _, _ = select.select([self.reports], [], [], HANG_TIMEOUT)
        return os.read(self.reports, 100).decode() if ready else f"nothing in {HANG_TIMEOUT} s"

    def wait_until_stopped(self) -> None:
        report = self.report()
        assert report == "stopped", (
            f"{report!r} points, then it ended: {self.process.communicate(timeout=HANG_TIMEOUT)}"
        )

    def resume(self) -> None:
        os.write(self.releases, b"x")

    def send(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def interrupt(self) -> None:
        """Ctrl-C while it is stopped; it resumes, because Python may have begun to wait after it looked for signals."""
        self.send(signal.SIGINT)
        self.resume()

    def end(self) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        output, errors = self.process.communicate(timeout=HANG_TIMEOUT)
        return self.process.returncode, output, errors

    @property
    def has_processes(self) -> bool:
        """Whether a process of the group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def run_to_the_end(words: Sequence[object], folder: Path, kinds: Sequence[str] = CHANGES) -> int:
    """Run undisturbed; returns the number of points."""
    with StoppableProcess(words, folder, kinds=kinds) as process:
        code, _, errors = process.end()
        assert code == 0, errors
        return int(process.report())


def watch(folder: str, number: int, kinds: Sequence[str], part: str, report: int, wait: int) -> None:
    """Count the points of this process, and stop at one."""
    passed, lock = 0, threading.Lock()

    def point(kind: str, path: str) -> None:
        nonlocal passed
        path = os.path.abspath(path)  # noqa: PTH100 - pathlib would normalise it less
        if not path.startswith(folder) or kind not in kinds or part not in path:
            return
        with lock:
            passed += 1
            is_here = passed == number
        if is_here:
            os.write(report, b"stopped")
            os.read(wait, 1)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not isinstance(arguments[0], (str, os.PathLike)):
            return
        path, kind = os.fspath(arguments[0]), EVENTS[event]
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        point("lock" if path.endswith(".lock") else kind, path)

    def synchronise(handle: int) -> None:
        point("sync", os.readlink(f"/proc/self/fd/{handle}"))  # noqa: PTH115 - as above
        fsync(handle)

    fsync = os.fsync
    os.fsync = synchronise  # type: ignore[assignment]
    if "record" in kinds:
        from enet.storage.journal import Journal  # not before pytest, which wants to be the first to import enet

        append = Journal.append

        def append_and_stop(journal: Journal, record: Any) -> None:
            append(journal, record)
            (_, _, path), *_ = journal.database.execute("PRAGMA database_list")
            point("record", path)

        Journal.append = append_and_stop  # type: ignore[assignment,method-assign]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    sys.addaudithook(audit)
    atexit.register(lambda: os.write(report, str(passed).encode()))


if __name__ == "__main__":
    watch(**json.loads(os.environ.pop(VARIABLE)))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
