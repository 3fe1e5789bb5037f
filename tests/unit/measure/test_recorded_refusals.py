"""Recorded results that cannot be scored are refused in one line that names the file; nothing in them is executed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.errors import InputError
from enet.measure import recorded_accuracy
from enet.measure.subject import Subject
from enet.records import summary as ais_bench
from tests.unit.measure.recorded import LAYOUTS, listed_pairs, outputs, record, write_summary


def refusal(subject: Subject, summary: Path) -> str:
    """The message with which a summary is refused: one line that names a file, and not a long one."""
    with pytest.raises(InputError) as caught:
        recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)])
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 1000 + len(str(summary)) * 6
    assert str(summary.parent) in message
    return message


def test_absent_outputs_are_counted_and_five_named(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    lost = outputs(summary)[:2]
    for path in lost:
        path.unlink()
    message = refusal(subject, summary)
    assert "2 listed outputs are absent" in message
    assert all(path.name in message for path in lost)
    left = listed_pairs(summary)[-1]
    more = [(f"./prep/x{number}.bin", left[1].replace(left[0][7:-4], f"x{number}")) for number in range(8)]
    message = refusal(subject, write_summary(summary, [left, *more]))
    assert "8 listed outputs are absent" in message
    assert message.count("_0.bin") == 5
    assert "and 3 more" in message
    for path in outputs(summary):
        path.unlink()
    assert "none of the 8 listed outputs is here" in refusal(subject, write_summary(summary, more))


def test_outputs_that_are_not_listed_are_refused(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    write_summary(summary, listed_pairs(summary)[1:])
    assert "1 outputs that 2022_12_01-10_00_00_summary.json does not list" in refusal(subject, summary)


def test_outputs_all_the_same_are_refused(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    for path in outputs(summary)[1:]:
        path.write_bytes(outputs(summary)[0].read_bytes())
    assert "all 5 outputs are the same, byte for byte" in refusal(subject, summary)


@pytest.mark.parametrize(("seconds", "is_refused"), [(0, False), (-1, False), (-10, True), (10, False)])
def test_outputs_older_than_their_inputs_are_refused(
    seconds: int, is_refused: bool, subject: Subject, tmp_path: Path
) -> None:
    summary = record(subject, tmp_path)
    (tmp_path / "prep").mkdir()
    for infile, _ in listed_pairs(summary):
        (tmp_path / infile).write_bytes(b"\1" * 64)
        os.utime(tmp_path / infile, (10**9, 10**9))
    for path in summary.with_name("2022_12_01-10_00_00").iterdir():
        os.utime(path, (10**9 + seconds, 10**9 + seconds))
    if is_refused:
        assert "older than its input" in refusal(subject, summary)
    else:
        recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)])


def test_image_listed_twice_is_refused(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    pairs = listed_pairs(summary)
    message = refusal(subject, write_summary(summary, [*pairs, (pairs[0][0], pairs[1][1])]))
    assert f"lists the image {Path(pairs[0][0]).stem} twice" in message


def test_images_that_share_an_output_are_refused(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    pairs = listed_pairs(summary)
    message = refusal(subject, write_summary(summary, [pairs[0], (pairs[1][0], pairs[0][1])]))
    assert "share one output file" in message


def test_images_of_another_data_set_are_refused(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    pairs = [(f"./prep/other_{number}.bin", out) for number, (_, out) in enumerate(listed_pairs(summary))]
    message = refusal(subject, write_summary(summary, pairs))
    assert "5 outputs of images that are not in the data set: other_0, other_1" in message


def test_pure_inference_is_refused(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    assert "feeds zeros" in refusal(subject, write_summary(summary, []))
    outputs(summary)[0].with_name("pure_infer_data_0.bin").write_bytes(b"\0" * 100)
    for infile in ("pure_infer_data", "pure_infer_data.bin"):
        message = refusal(subject, write_summary(summary, [(infile, "./out/pure_infer_data_0.bin")]))
        assert "pure_infer_data" in message


@pytest.mark.parametrize(
    "outfile",
    [
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "",
        "/",
        "a\0b",
        "../secret.bin",
        "2022_12_01-10_00_00",
        "\ud800.bin",
        pytest.param("x" * 300, id="too long a name"),
    ],
)
def test_listed_path_never_leads_outside(outfile: str, subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 4096)
    (tmp_path / "results").mkdir()
    summary = record(subject, tmp_path / "results")
    pairs = listed_pairs(summary)
    message = refusal(subject, write_summary(summary, [(pairs[0][0], outfile), *pairs[1:]]))
    assert any(
        words in message for words in ("leads out of the results", "expected one folder", "expected a file name")
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_link_out_of_the_folder_is_refused(layout: str, subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    summary = record(subject, tmp_path / "results", layout=layout)
    path = outputs(summary)[0]
    secret = path.rename(tmp_path / "secret.bin")
    path.symlink_to(secret)
    assert "a symbolic link" in refusal(subject, summary)


SUMMARIES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"throughput: 12",
    "cut short": b'{"filesinfo": {"0": {"infiles": ["a.bin"], "outf',
    "binary": bytes(range(256)) * 4000,
    "null": b"null",
    "a list": b"[1, 2]",
    "a number": b"3",
    "no filesinfo": b'{"throughput": 3}',
    "filesinfo a list": b'{"filesinfo": []}',
    "filesinfo null": b'{"filesinfo": null}',
    "an entry without outfiles": b'{"filesinfo": {"0": {"infiles": ["a.bin"]}}}',
    "an entry that is no table": b'{"filesinfo": {"0": "a.bin"}}',
    "infiles null": b'{"filesinfo": {"0": {"infiles": null, "outfiles": []}}}',
    "more infiles than outfiles": b'{"filesinfo": {"0": {"infiles": ["a.bin", "b.bin"], "outfiles": ["a_0.bin"]}}}',
    "more outfiles than infiles": b'{"filesinfo": {"0": {"infiles": ["a.bin"], "outfiles": ["a_0.bin", "a_1.bin"]}}}',
    "numbers for names": b'{"filesinfo": {"0": {"infiles": [1], "outfiles": [2]}}}',
    "nested too deep": b"[" * 200_000,
}


@pytest.mark.parametrize("kind", SUMMARIES)
def test_summary_invalid_is_refused(kind: str, subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "sumary.json"
    path.write_bytes(SUMMARIES[kind])
    refusal(subject, path)


def test_summary_absent_is_refused(subject: Subject, tmp_path: Path) -> None:
    assert "No such file" in refusal(subject, tmp_path / "sumary.json")
    assert "is a folder, expected" in refusal(subject, tmp_path)


@pytest.mark.parametrize("size", [0, 1, 1023, 1025, 19 * 32 * 32, 19 * 32 * 32 * 4 - 1, 20 * 32 * 32 * 4])
def test_output_of_another_size_is_refused(size: int, subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    path = outputs(summary)[3]
    path.write_bytes(b"\0" * size)
    message = refusal(subject, summary)
    assert f"{path}: {size} bytes, expected 77824 (float32 logits), 38912 (float16) or 1024 (uint8" in message


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


def npy_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Content of files called .npy that must not be read as an array."""

    def saved(array: NDArray[Any], **options: Any) -> bytes:
        np.save(folder / "made.npy", array, **options)
        return (folder / "made.npy").read_bytes()

    rng = np.random.default_rng(0)
    yield "empty", b""
    yield "no array", b"not an array"
    yield "a pickle", pickle.dumps(Malicious(folder / "pwned"))
    yield "pickled objects", saved(np.array([Malicious(folder / "pwned")], object), allow_pickle=True)
    whole = saved(rng.normal(size=(19, 32, 32)).astype(np.float32))
    yield "cut short", whole[:-1]
    yield "header cut short", whole[:20]
    header = whole[:128].replace(b"(19, 32, 32), } ", b"(19, 320000000000000, 32), } "[:16])
    assert len(header) == 128
    yield "header cut open", header
    huge = saved(np.zeros((1, 1), np.float32))[:128].replace(b"(1, 1), }" + b" " * 14, b"(10000000000000, 1), }" + b" ")
    assert len(huge) == 128
    yield "a header that claims 40 TB", huge
    np.savez(folder / "made.npz", logits=np.zeros((19, 32, 32), np.float32))
    yield "an archive", (folder / "made.npz").read_bytes()
    yield "channels last", saved(rng.normal(size=(32, 32, 19)).astype(np.float32))
    yield "text", saved(np.full((32, 32), "road"))
    yield "text logits", saved(np.full((19, 32, 32), "x"))
    yield "records", saved(np.zeros((19, 32, 32), [("a", "f4"), ("b", "f4")]))
    yield "complex", saved(np.zeros((19, 32, 32), np.complex64))
    yield "labels of 256 and above", saved(np.full((32, 32), 257, np.int64))
    yield "negative labels", saved(np.full((32, 32), -1, np.int64))
    yield "labels that are no whole numbers", saved(np.full((32, 32), 0.5, np.float32))
    yield "labels that are no numbers", saved(np.full((32, 32), np.nan, np.float32))
    yield "other sides", saved(np.zeros((19, 16, 64), np.float32))


NPY = [
    "empty",
    "no array",
    "a pickle",
    "pickled objects",
    "cut short",
    "header cut short",
    "header cut open",
    "a header that claims 40 TB",
    "an archive",
    "channels last",
    "text",
    "text logits",
    "records",
    "complex",
    "labels of 256 and above",
    "negative labels",
    "labels that are no whole numbers",
    "labels that are no numbers",
    "other sides",
]


@pytest.mark.parametrize("kind", NPY)
def test_npy_invalid_is_refused(kind: str, subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    files = dict(npy_files(tmp_path / "made"))
    assert list(files) == NPY
    summary = record(subject, tmp_path, kind="float32.npy")
    path = sorted((tmp_path / "2022_12_01-10_00_00").iterdir())[2]
    path.write_bytes(files[kind])
    assert str(path) in refusal(subject, summary)
    assert not (tmp_path / "made" / "pwned").exists()


@pytest.mark.parametrize("value", [19, 255])
def test_labels_that_are_not_a_class_are_refused(value: int, subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path, kind="uint8.bin")
    path = outputs(summary)[1]
    path.write_bytes(path.read_bytes()[:-1] + bytes([value]))
    message = refusal(subject, summary)
    assert str(path) in message
    assert f" {value}, expected " in message
    assert "0..18" in message
