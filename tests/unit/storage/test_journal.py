"""What a run has scored is read back as it was, up to the first record that isn't whole."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import numpy as np
import pytest

from enet.storage import journal
from enet.storage.journal import JournalRecord

KEY = "k" * 64


def write(folder: Path, count: int = 3) -> Path:
    """A journal of so many batches of two images, as an interrupted run leaves it."""
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(folder, KEY, classes=3) as kept:
        assert kept is not None
        for number in range(count):
            kept.append(JournalRecord(np.full((2, 3, 3), number, np.int64), number, 0.5 * number))
        raise KeyboardInterrupt
    (path,) = folder.glob("*.journal")
    return path


def read(folder: Path, key: str = KEY) -> list[JournalRecord]:
    found: list[JournalRecord] = []
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(folder, key, classes=3) as kept:
        assert kept is not None
        found = kept.batches
        assert kept.images == sum(len(batch.matrices) for batch in found)
        raise KeyboardInterrupt
    return found


def test_an_interrupted_run_is_read_back(tmp_path: Path) -> None:
    write(tmp_path)
    found = read(tmp_path)
    assert [batch.matrices.tolist() for batch in found] == [np.full((2, 3, 3), n).tolist() for n in range(3)]
    assert [(batch.non_finite, batch.seconds) for batch in found] == [(0, 0.0), (1, 0.5), (2, 1.0)]


def test_every_cut_keeps_the_whole_records_before_it(tmp_path: Path) -> None:
    content = write(tmp_path).read_bytes()
    record = (len(content) - 65) // 3
    for cut in range(len(content)):
        path = write(tmp_path)
        path.write_bytes(content[:cut])
        assert len(read(tmp_path)) == max(0, cut - 65) // record
        path.unlink()


def test_a_changed_byte_ends_it(tmp_path: Path) -> None:
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    record = (len(content) - 65) // 3
    content[65 + record + 30] ^= 1
    path.write_bytes(content)
    assert len(read(tmp_path)) == 1


def test_another_runs_journal_is_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.rename(tmp_path / f"{'x' * 20}.journal")
    assert read(tmp_path, "x" * 64) == []


def test_a_run_that_ended_well_leaves_none(tmp_path: Path) -> None:
    with journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        with journal.open_journal(tmp_path, KEY, classes=3) as second:
            assert second is None  # an equal run at the same time goes its own way
    assert not list(tmp_path.glob("*.journal"))


def test_where_none_can_be_written_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "interrupted").write_text("in the way")
    with journal.open_journal(tmp_path / "interrupted", KEY, classes=3) as kept:
        assert kept is None


@pytest.mark.parametrize("failure", ["an error", "half a record"])
def test_a_full_disk_ends_the_journal_and_not_the_run(failure: str, tmp_path: Path) -> None:
    write(tmp_path, count=2)

    class Full:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, record: bytes) -> int:
            if failure == "an error":
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self.file.write(record[:50]))  # type: ignore[attr-defined]

    batch = JournalRecord(np.zeros((2, 3, 3), np.int64), 0, 1.0)
    with contextlib.suppress(KeyboardInterrupt), journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        sound, kept.file = kept.file, Full(kept.file)  # type: ignore[assignment]
        kept.append(batch)
        assert kept.stopped
        kept.file = sound  # room again: what came between is lost, so nothing may follow
        kept.append(batch)
        assert kept.holds_any
        raise KeyboardInterrupt
    assert len(read(tmp_path)) == 2


def test_nothing_is_held_before_the_first_batch(tmp_path: Path) -> None:
    with journal.open_journal(tmp_path, KEY, classes=3) as kept:
        assert kept is not None
        assert not kept.holds_any
