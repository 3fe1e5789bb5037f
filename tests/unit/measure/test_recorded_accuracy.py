"""Results brought back from a device score as the pipeline scores them, and nothing odd in them is let through."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.errors import InputError
from enet.evidence import Accuracy
from enet.measure import pipeline, recorded_accuracy as score
from enet.measure.subject import Subject
from enet.records import output_files as outputs_module, summary as ais_bench
from tests.unit import tiny as data

RECORDS = Path(__file__).resolve().parents[4] / "shared" / "ais_bench_records"

#: Output file by number and image, as three ages of ais_bench name them.
SCHEMES: dict[str, Callable[[int, str], str]] = {
    "June 2022": lambda number, _: f"sample_id_{number}_output_0",
    "July 2022": lambda number, _: f"input{number}_output_0",
    "September 2022": lambda _, name: f"{name.split('.')[0]}_0",
}
#: Where the summary lies for outputs in ``folder``.
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "inside": lambda folder: folder / "sumary.json",
    "beside": lambda folder: folder.with_name(f"{folder.name}_summary.json"),
}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("ascend"))


@pytest.fixture(scope="module")
def live(subject: Subject) -> Accuracy:
    return pipeline.measure_split(subject, subject.artifact("onnxruntime", 1), subject.photographs())


def write_output(path: Path, array: NDArray[Any]) -> Path:
    """One output file; ``path`` without its suffix is completed by what the array is written as."""
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        path.write_bytes(array.tobytes())
    return path


def write_summary(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """A summary with one entry for each execution."""
    listed = {str(n): {"infiles": [i], "outfiles": [o]} for n, (i, o) in enumerate(pairs)}
    times = {"min": 1.0, "max": 1.0, "mean": 1.0, "median": 1.0, "percentile(99%)": 1.0}
    path.write_text(json.dumps({"filesinfo": listed, "args": [], "NPU_compute_time": times, "throughput": 1000.0}))
    return path


def bring_back(
    subject: Subject, root: Path, scheme: str = "September 2022", layout: str = "beside", kind: str = "float32.bin"
) -> Path:
    """A folder of outputs of all images, as a user brings it back; its summary's path."""
    folder = root / "2022_12_01-10_00_00"
    folder.mkdir()
    dtype, suffix = kind.split(".")
    pairs = []
    for number, (name, logits) in enumerate(sorted(data.slow_logits(subject).items())):
        array = logits.argmax(axis=0) if dtype in ("uint8", "int64") else logits
        file = write_output(folder / f"{SCHEMES[scheme](number, name)}.{suffix}", array.astype(dtype))
        pairs.append((f"./prep/{name}.bin", f"/home/someone/results/{folder.name}/{file.name}"))
    return write_summary(LAYOUTS[layout](folder), pairs)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_and_names(scheme: str, layout: str, subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    evidence = score.score(subject, [ais_bench.read(bring_back(subject, tmp_path, scheme, layout))])
    np.testing.assert_array_equal(evidence.matrices, live.matrices)
    assert evidence.images == live.images
    assert (evidence.images_expected, evidence.non_finite) == (data.IMAGES, 0)
    assert evidence.miou == live.miou
    assert evidence.provenance.dataset_sha256 == live.provenance.dataset_sha256
    assert evidence.provenance.backend == "recorded"


@pytest.mark.parametrize("kind", ["float32.npy", "uint8.bin", "uint8.npy", "float16.bin", "float16.npy", "int64.npy"])
def test_kinds_of_output(kind: str, subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    evidence = score.score(subject, [ais_bench.read(bring_back(subject, tmp_path, kind=kind))])
    expected = live.matrices
    if kind.startswith("float16"):
        halves = {name: logits.astype(np.float16) for name, logits in data.slow_logits(subject).items()}
        expected = np.stack([data.slow_matrix(subject, name, halves[name].argmax(axis=0)) for name in evidence.images])
        assert np.abs(expected - live.matrices).sum() < 0.02 * expected.sum()
    np.testing.assert_array_equal(evidence.matrices, expected)


@pytest.mark.parametrize("shape", [(1, 19, 32, 32), (19, 32, 32)])
def test_npy_with_and_without_a_batch(shape: tuple[int, ...], subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path, kind="float32.npy")
    for path in outputs(summary):
        np.save(path, np.load(path).reshape(shape))
    np.testing.assert_array_equal(score.score(subject, [ais_bench.read(summary)]).matrices, live.matrices)


def test_a_batch_with_several_files_in_one_entry(subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    entries = list(json.loads(summary.read_text())["filesinfo"].values())
    together = {"infiles": [e["infiles"][0] for e in entries], "outfiles": [e["outfiles"][0] for e in entries]}
    summary.write_text(json.dumps({"filesinfo": {"0": together}}))
    np.testing.assert_array_equal(score.score(subject, [ais_bench.read(summary)]).matrices, live.matrices)


def test_inputs_may_be_npy(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    summary.write_text(summary.read_text().replace('.bin"], "outfiles', '.npy"], "outfiles'))
    assert ".npy" in summary.read_text()
    assert len(score.score(subject, [ais_bench.read(summary)]).images) == data.IMAGES


def test_fewer_images_than_the_data_set_has(subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    table = json.loads(summary.read_text())
    (removed,) = table["filesinfo"].pop("1")["outfiles"]
    (summary.parent / "2022_12_01-10_00_00" / Path(removed).name).unlink()
    summary.write_text(json.dumps(table))
    evidence = score.score(subject, [ais_bench.read(summary)])
    assert evidence.images == live.images[:1] + live.images[2:]
    assert evidence.images_expected == data.IMAGES
    np.testing.assert_array_equal(evidence.matrices, np.delete(live.matrices, 1, axis=0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_with_non_finite_logits_are_counted(value: float, subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    for path in outputs(summary)[:2]:
        logits = np.fromfile(path, np.float32)
        logits[7] = value
        logits.tofile(path)
    assert score.score(subject, [ais_bench.read(summary)]).non_finite == 2


# What is refused, and in which words.


def outputs(summary: Path) -> list[Path]:
    """The output files that lie there."""
    return sorted(path for path in summary.parent.rglob("*") if path.suffix in (".bin", ".npy"))


def names(summary: Path) -> list[tuple[str, str]]:
    entries = json.loads(summary.read_text())["filesinfo"].values()
    return [(entry["infiles"][0], entry["outfiles"][0]) for entry in entries]


def refusal(subject: Subject, summary: Path) -> str:
    """The message with which a summary is refused: one line that names a file, and not a long one."""
    with pytest.raises(InputError) as caught:
        score.score(subject, [ais_bench.read(summary)])
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 1000 + len(str(summary)) * 6
    assert str(summary.parent) in message
    return message


def test_absent_outputs_are_counted_and_five_named(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    lost = outputs(summary)[:2]
    for path in lost:
        path.unlink()
    message = refusal(subject, summary)
    assert "2 listed outputs are absent" in message
    assert all(path.name in message for path in lost)
    left = names(summary)[-1]
    more = [(f"./prep/x{number}.bin", left[1].replace(left[0][7:-4], f"x{number}")) for number in range(8)]
    message = refusal(subject, write_summary(summary, [left, *more]))
    assert "8 listed outputs are absent" in message
    assert message.count("_0.bin") == 5
    assert "and 3 more" in message
    for path in outputs(summary):
        path.unlink()
    assert "none of the 8 listed outputs is here" in refusal(subject, write_summary(summary, more))


def test_outputs_that_the_summary_does_not_list(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    write_summary(summary, names(summary)[1:])
    assert "1 outputs that 2022_12_01-10_00_00_summary.json doesn't list" in refusal(subject, summary)


def test_outputs_that_are_all_the_same(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    for path in outputs(summary)[1:]:
        path.write_bytes(outputs(summary)[0].read_bytes())
    assert "all 5 outputs are the same, byte for byte" in refusal(subject, summary)


@pytest.mark.parametrize(("seconds", "is_refused"), [(0, False), (-1, False), (-10, True), (10, False)])
def test_outputs_older_than_their_inputs(seconds: int, is_refused: bool, subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    (tmp_path / "prep").mkdir()
    for infile, _ in names(summary):
        (tmp_path / infile).write_bytes(b"\1" * 64)
        os.utime(tmp_path / infile, (10**9, 10**9))
    for path in summary.with_name("2022_12_01-10_00_00").iterdir():
        os.utime(path, (10**9 + seconds, 10**9 + seconds))
    if is_refused:
        assert "older than its input" in refusal(subject, summary)
    else:
        score.score(subject, [ais_bench.read(summary)])


def test_the_record_of_a_real_run_without_its_outputs() -> None:
    summary = RECORDS / "bs16_summary.json"
    if not summary.is_file():
        pytest.skip(f"{RECORDS} is not here")
    assert outputs_module.of_image(ais_bench.read(summary)) is None


def test_an_image_listed_twice(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    pairs = names(summary)
    message = refusal(subject, write_summary(summary, [*pairs, (pairs[0][0], pairs[1][1])]))
    assert f"lists the image {Path(pairs[0][0]).stem} twice" in message


def test_images_that_share_an_output(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    pairs = names(summary)
    message = refusal(subject, write_summary(summary, [pairs[0], (pairs[1][0], pairs[0][1])]))
    assert "share one output file" in message


def test_images_of_another_data_set(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    pairs = [(f"./prep/other_{number}.bin", out) for number, (_, out) in enumerate(names(summary))]
    message = refusal(subject, write_summary(summary, pairs))
    assert "5 outputs of images that aren't in the data set: other_0, other_1" in message


def test_a_pure_inference_run(subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
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
def test_a_listing_never_leads_outside(outfile: str, subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 4096)
    (tmp_path / "results").mkdir()
    summary = bring_back(subject, tmp_path / "results")
    pairs = names(summary)
    message = refusal(subject, write_summary(summary, [(pairs[0][0], outfile), *pairs[1:]]))
    assert any(words in message for words in ("leads out of the results", "should in one folder", "no file's name"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_link_out_of_the_folder_is_not_followed(layout: str, subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    summary = bring_back(subject, tmp_path / "results", layout=layout)
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
def test_what_is_no_summary(kind: str, subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "sumary.json"
    path.write_bytes(SUMMARIES[kind])
    refusal(subject, path)


def test_no_such_summary(subject: Subject, tmp_path: Path) -> None:
    assert "No such file" in refusal(subject, tmp_path / "sumary.json")
    assert "a folder, but should be" in refusal(subject, tmp_path)


@pytest.mark.parametrize("size", [0, 1, 1023, 1025, 19 * 32 * 32, 19 * 32 * 32 * 4 - 1, 20 * 32 * 32 * 4])
def test_an_output_of_another_size(size: int, subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path)
    path = outputs(summary)[3]
    path.write_bytes(b"\0" * size)
    message = refusal(subject, summary)
    assert f"{path}: {size} bytes, but should be 77824 (float32 logits), 38912 (float16) or 1024 (uint8" in message


class Evil:
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
    yield "a pickle", pickle.dumps(Evil(folder / "pwned"))
    yield "pickled objects", saved(np.array([Evil(folder / "pwned")], object), allow_pickle=True)
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
def test_an_npy_that_is_no_output(kind: str, subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    files = dict(npy_files(tmp_path / "made"))
    assert list(files) == NPY
    summary = bring_back(subject, tmp_path, kind="float32.npy")
    path = sorted((tmp_path / "2022_12_01-10_00_00").iterdir())[2]
    path.write_bytes(files[kind])
    assert str(path) in refusal(subject, summary)
    assert not (tmp_path / "made" / "pwned").exists()


@pytest.mark.parametrize("value", [19, 255])
def test_labels_that_are_no_class(value: int, subject: Subject, tmp_path: Path) -> None:
    summary = bring_back(subject, tmp_path, kind="uint8.bin")
    path = outputs(summary)[1]
    path.write_bytes(path.read_bytes()[:-1] + bytes([value]))
    message = refusal(subject, summary)
    assert str(path) in message
    assert f" {value}, but should " in message
    assert "0..18" in message
