"""The journal returns exactly what an interrupted run stored, and a damaged file is replaced by a new one."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from enet.storage import journal
from enet.storage.journal import JournalRecord

KEY = "k" * 64
BATCH = JournalRecord(np.zeros((2, 3, 3), np.int64), 0, 1.0)


def write(folder: Path, count: int = 3) -> Path:
    """A journal of so many batches of two images, as an interrupted run leaves it."""
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(folder, KEY, classes=3) as kept:
        assert kept is not None
        for number in range(count):
            kept.append(JournalRecord(np.full((2, 3, 3), number, np.int64), number, 0.1 * number))
        raise KeyboardInterrupt
    (path,) = folder.glob("*.journal")
    return path


def read(folder: Path, key: str = KEY) -> list[JournalRecord]:
    found: list[JournalRecord] = []
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(folder, key, classes=3) as kept:
        assert kept is not None
        found = kept.batches
        raise KeyboardInterrupt
    return found


def test_open_journal_after_interrupt_returns_the_same_batches(tmp_path: Path) -> None:
    write(tmp_path)
    found = read(tmp_path)
    assert [batch.matrices.tolist() for batch in found] == [np.full((2, 3, 3), n).tolist() for n in range(3)]
    assert [(batch.non_finite, batch.seconds) for batch in found] == [(0, 0.0), (1, 0.1), (2, 0.1 * 2)]
    assert all(batch.matrices.dtype == np.int64 for batch in found)


def test_append_after_resume_continues_the_sequence(tmp_path: Path) -> None:
    write(tmp_path, count=1)
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        kept.append(JournalRecord(np.full((1, 3, 3), 2**62, np.int64), 7, 9.0))
        raise KeyboardInterrupt
    assert [batch.matrices.max() for batch in read(tmp_path)] == [0, 2**62]


KILLED = """
import os, sys
from pathlib import Path
from tests.unit.storage.test_journal import BATCH, KEY
from enet.storage.journal import open_journal
with open_journal(Path(sys.argv[1]), KEY, classes=3) as kept:
    while True:
        kept.append(BATCH)
        print(kept.written, flush=True)
"""


def test_append_killed_at_any_moment_loses_no_stored_batch(tmp_path: Path) -> None:
    for lines in (1, 3, 20):
        folder = tmp_path / str(lines)
        command = [sys.executable, "-c", KILLED, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            stored = lines + len(process.stdout.read().splitlines())
        found = read(folder)
        assert len(found) in (stored, stored + 1)  # one more: stored, but killed before it was printed
        assert all((batch.matrices == BATCH.matrices).all() for batch in found)


def test_open_journal_truncated_at_any_page_starts_again(tmp_path: Path) -> None:
    path = write(tmp_path, count=40)
    content = path.read_bytes()
    for cut in (1, 99, 100, *range(512, len(content), 512)):
        path.write_bytes(content[:cut])
        assert read(tmp_path) == [], cut


def foreign(path: Path, sql: str) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(sql)


def edited(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(sql)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 + 8 : 4096 + 40] = b"\xff" * 32
    path.write_bytes(content)


VALUES = f"INSERT INTO batches VALUES ('{KEY}'"
DAMAGES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("notes of mine\n" * 1000),
    "empty": lambda path: path.write_bytes(b""),
    "damaged page": damaged,
    "other columns": lambda path: foreign(path, "CREATE TABLE batches (a)"),
    "other types": lambda path: foreign(path, f"CREATE TABLE {journal.TABLE}; {VALUES}, 'x', 'x', 'x', 'x')"),
    "other shape": lambda path: foreign(path, f"CREATE TABLE {journal.TABLE}; {VALUES}, x'0011', 0, 0, '')"),
    "edited counts": lambda path: edited(path, "UPDATE batches SET matrices = zeroblob(144) WHERE rowid = 2"),
    "edited count of images": lambda path: edited(path, "UPDATE batches SET non_finite = 0"),
    "rows in another order": lambda path: edited(path, "UPDATE batches SET rowid = 9 WHERE rowid = 1"),
    "a row twice": lambda path: edited(path, "INSERT INTO batches SELECT * FROM batches LIMIT 1"),
    "a view": lambda path: foreign(path, "CREATE VIEW batches AS SELECT 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_open_journal_unusable_file_starts_again(damage: str, tmp_path: Path) -> None:
    DAMAGES[damage](write(tmp_path))
    assert read(tmp_path) == []
    write(tmp_path, count=1)
    assert len(read(tmp_path)) == 1


def test_open_journal_of_another_run_starts_again(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.rename(tmp_path / f"{'x' * 20}.journal")
    assert read(tmp_path, "x" * 64) == []


def test_open_journal_completed_run_leaves_no_file(tmp_path: Path) -> None:
    with journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        with journal.open_journal(tmp_path, KEY, classes=3) as second:
            assert second is None  # an equal run at the same time scores everything itself
        kept.append(BATCH)
    assert not list(tmp_path.glob("*.journal*"))


def test_open_journal_folder_not_writable_gives_none(tmp_path: Path) -> None:
    (tmp_path / "interrupted").write_text("in the way")
    with journal.open_journal(tmp_path / "interrupted", KEY, classes=3) as kept:
        assert kept is None


def test_append_full_disk_ends_the_journal_and_not_the_run(tmp_path: Path) -> None:
    write(tmp_path, count=2)
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        (pages,) = kept.database.execute("PRAGMA page_count").fetchone()
        kept.database.execute(f"PRAGMA max_page_count = {pages}")  # sqlite3 then reports a full disk
        large = JournalRecord(np.zeros((2000, 3, 3), np.int64), 0, 1.0)
        kept.append(large)
        assert kept.stopped
        kept.append(BATCH)  # it has room, but the batch before it is missing
        assert kept.holds_any
        raise KeyboardInterrupt
    assert len(read(tmp_path)) == 2


def test_holds_any_before_the_first_batch_is_false(tmp_path: Path) -> None:
    with journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        assert not kept.holds_any
        kept.append(BATCH)
        assert kept.holds_any
