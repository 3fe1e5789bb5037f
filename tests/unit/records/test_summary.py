"""A sound folder of results passes; every way in which one can be broken is refused or fails, in one line."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet import gates
from enet.ascend import simulation
from enet.deliverable import ThroughputLimit, baselines
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.gates import Outcome, Verdict
from enet.measure import pipeline, recorded_accuracy
from enet.measure.subject import Subject
from enet.records import results_folder as folder, summary as ais_bench, throughput as evidence
from enet.selftest import result_folders
from tests.unit import tiny as data

RECORDS = Path(__file__).resolve().parents[4] / "shared" / "ais_bench_records"
LIMIT = ThroughputLimit(chip="310P3", baseline="310", at_least=1.2, source="the guide")

#: So fast that 1.2 times the 310 is reached: 2000 images/s.
MS = 0.5


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A tiny deliverable whose reference is what its network reaches, and that asks for throughput."""

    plain = data.tiny(tmp_path_factory.mktemp("records"))
    live = pipeline.measure_split(plain, plain.artifact("onnxruntime", 1), plain.photographs())
    reference = dataclasses.replace(plain.deliverable.reference, miou_percent=100 * live.miou)
    spec = dataclasses.replace(plain.deliverable, reference=reference, throughput=LIMIT)
    return Subject(spec, plain.store, data_root=plain.data_root)


@pytest.fixture(scope="module")
def logits(subject: Subject) -> dict[str, NDArray[Any]]:
    return dict(sorted(data.slow_logits(subject).items()))


@pytest.fixture
def sound(subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path) -> Path:
    """Batch 1 and 4 over all images, with consoles, npu-smi's table and the guide's log."""
    root = tmp_path / "results"
    for batch in (1, 4):
        result_folders.write(root, logits, batch, MS)
    (root / "npu_smi.txt").write_text(result_folders.NPU_SMI)
    percent = subject.deliverable.reference.miou_percent
    (root / "eval_log.txt").write_text(f"BS 1\nmiou: {percent:.3f}%\nBS 4\nmiou: {percent:.3f}%\n")
    return root


def judged(root: Path, subject: Subject, soc_version: str | None = None) -> list[Verdict]:
    """All verdicts on a folder, as the acceptance suite would reach them."""
    spec, table = subject.deliverable, baselines.load()
    found = folder.scan(root)
    target, sizes = Target(soc_version=soc_version), sorted({1, 4, *found.batch_sizes})
    timed = [evidence.throughput(found, size, spec, target) for size in sizes]
    verdicts = [gates.throughput(each, spec, table) for each in timed]
    verdicts.append(gates.best_batch(timed, spec, table))
    for size in sizes:
        scored = recorded_accuracy.accuracy(found, size, subject, labels_to=root.parent / f"labels{size}.npy")
        verdicts.append(gates.artifact_miou(scored, spec))
    return verdicts


def test_sound(sound: Path, subject: Subject) -> None:
    verdicts = judged(sound, subject)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS] * 5, verdicts


@pytest.mark.parametrize("version", result_folders.VERSIONS)
@pytest.mark.parametrize("suffix", ["bin", "npy", "txt"])
def test_every_version(
    version: str, suffix: str, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    how = result_folders.VERSIONS[version]
    root = tmp_path / "results"
    for batch in (1, 4):
        result_folders.write(root, logits, batch, MS, version, suffix)
    (root / "npu_smi.txt").write_text(result_folders.NPU_SMI)
    first, fourth, _, miou, miou_of_4 = judged(root, subject)
    assert (first.outcome, miou.outcome) == (Outcome.PASS, Outcome.PASS), (first, miou)
    assert fourth.outcome is Outcome.PASS, fourth
    assert ("keeps no raw times" in str(first)) is not how.keeps_times
    if how.drops_tail:  # 5 images in batches of 4: one is lost
        assert miou_of_4.outcome is Outcome.NO_EVIDENCE
        assert "1 images of the last batch are missing: this version of ais_bench leaves out" in miou_of_4.sentence
    else:
        assert miou_of_4.outcome is Outcome.PASS


@pytest.mark.parametrize("suffix", ["bin", "npy", "txt"])
def test_labels(suffix: str, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    root = tmp_path / "results"
    labels = {name: each.argmax(axis=0).astype(np.uint8) for name, each in logits.items()}
    result_folders.write(root, labels, 1, MS, suffix=suffix)
    assert judged(root, subject, "Ascend310P3")[3].outcome is Outcome.PASS


def test_which_device_must_be_known(sound: Path, subject: Subject) -> None:
    (sound / "npu_smi.txt").unlink()
    assert judged(sound, subject)[0].outcome is Outcome.NO_EVIDENCE
    assert judged(sound, subject, "Ascend310P3")[0].outcome is Outcome.PASS
    assert judged(sound, subject, "Ascend310")[0].outcome is Outcome.NO_EVIDENCE


def test_batch_size_without_a_console(sound: Path, subject: Subject) -> None:
    for path in sound.glob("console*"):
        path.unlink()
    assert folder.scan(sound).batch_sizes == (1, 4)
    verdicts = judged(sound, subject)
    assert [verdict.outcome for verdict in verdicts].count(Outcome.PASS) == 4
    (doubtful,) = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
    assert doubtful.outcome is Outcome.NO_EVIDENCE
    assert "batch 3 to 4 would all give 5 images in 2 executions: bring ais_bench's console" in doubtful.sentence


def test_another_device_than_npu_smi_shows(sound: Path, subject: Subject) -> None:
    """Another device's health and chip don't stand in for the one that was used."""
    edit(summary_of(sound, 1), lambda table: table["args"].extend(["--device", "3"]))
    timed = evidence.throughput(folder.scan(sound), 1, subject.deliverable, Target(soc_version="Ascend310P3"))
    assert (timed.provenance.chip, timed.provenance.devices_before) == ("", ())


def test_a_sick_device_is_no_evidence_of_accuracy(sound: Path, subject: Subject, tmp_path: Path) -> None:
    table = (sound / "npu_smi.txt").read_text()
    (sound / "npu_smi.txt").write_text(table.replace("| OK    ", "| Alarm ", 1))
    measured = recorded_accuracy.accuracy(folder.scan(sound), 1, subject, labels_to=tmp_path / "labels.npy")
    verdict = gates.artifact_miou(measured, subject.deliverable)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "health is Alarm" in verdict.sentence


@pytest.mark.parametrize("where", ["raw times", "statistics"])
def test_simulated_times_are_known_without_a_word(where: str, sound: Path) -> None:
    """One changed time doesn't hide the others; nor does a version that keeps only statistics."""

    def change(table: dict[str, Any]) -> None:
        raw = [simulation.marked(time) for time in table["npu_compute_time_list"]]
        table["npu_compute_time_list"] = [MS, *raw[1:]] if where == "raw times" else None
        table["NPU_compute_time"] |= {"min": min(raw), "max": max(raw)} if where == "statistics" else {}

    edit(summary_of(sound, 1), change)
    assert ais_bench.read(summary_of(sound, 1)).simulated


def test_one_console_of_several_runs(sound: Path, subject: Subject) -> None:
    """Runs whose output went into one file are still told apart."""
    consoles = sorted(sound.glob("console*"))
    text = "".join(path.read_text() for path in consoles)
    for path in consoles:
        path.unlink()
    (sound / "all.txt").write_text(text)
    assert folder.scan(sound).batch_sizes == (1, 4)
    assert [verdict.outcome for verdict in judged(sound, subject)] == [Outcome.PASS] * 5


def test_a_note_is_no_capture(sound: Path) -> None:
    (sound / "notes.txt").write_text("npu-smi info was fine\n")
    assert len(folder.scan(sound).devices) == 1


def test_several_devices(subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    root = tmp_path / "results"
    names = list(logits)
    console = ["[INFO] multidevice:[0, 1] run begin"]
    for device, part in enumerate((names[:3], names[3:])):
        summary = result_folders.write(root / "made", {name: logits[name] for name in part}, 1, MS)
        (root / "run").mkdir(exist_ok=True)
        (root / "made" / "bs1").rename(root / "run" / f"device{device}")
        text = summary.read_text().replace("results/bs1", f"results/run/device{device}")
        (root / "run" / f"device{device}_summary.json").write_text(text)
        rate = json.loads(text)["throughput"]
        console.append(
            f"i:{device} device_{device} throughput:{rate} start_time:{100 + device} end_time:{104 + device}"
        )
        shutil.rmtree(root / "made")
    console.append("[INFO] summary throughput:4000.0")
    (root / "console.txt").write_text(
        "\n".join(["[INFO] get filesperbatch files0 size:1 tensor0size:1 filesperbatch:1 runcount:3", *console])
    )
    found = folder.scan(root)
    timed = evidence.throughput(found, 1, subject.deliverable, Target(soc_version="Ascend310P3"))
    assert [share.images for share in timed.shares] == [3, 2]
    assert timed.images_per_second == pytest.approx(2000, rel=0.01)
    assert timed.seconds == 5
    assert timed.wall_images_per_second == 1  # 5 images in 5 s, not 4000
    scored = recorded_accuracy.accuracy(found, 1, subject, labels_to=tmp_path / "labels.npy")
    assert gates.artifact_miou(scored, subject.deliverable).outcome is Outcome.PASS


def test_the_real_records(subject: Subject, tmp_path: Path) -> None:
    if not RECORDS.is_dir():
        pytest.skip(f"{RECORDS} is not here")
    for path in filter(Path.is_file, RECORDS.iterdir()):  # those of 2023; later forms are in folders of their own
        shutil.copy(path, tmp_path)
    found = folder.scan(tmp_path)
    assert found.batch_sizes == (1, 16)
    for size, rate in ((1, 28.96723093874706), (16, 12.55537435547691)):
        timed = evidence.throughput(found, size, subject.deliverable, Target())
        assert timed.images_per_second == pytest.approx(rate, rel=1e-9)
        assert (timed.images, timed.contradictions, timed.claimed_batch_size) == (20, (), size)
        assert timed.batch_size_source == f"filesperbatch:{size} in console_bs{size}.txt"


# What is broken. Each changes one thing in a sound folder.


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def summary_of(root: Path, batch: int) -> Path:
    return root / f"bs{batch}_summary.json"


def set_in(batch: int, *path: str, value: Any) -> Callable[[Path], None]:
    """Set one value of a summary."""

    def change(table: dict[str, Any]) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    return lambda root: edit(summary_of(root, batch), change)


def scaled(batch: int, factor: float, *, flag: int | None = None) -> Callable[[Path], None]:
    """Scale the throughput figure, and perhaps say so on the command line."""

    def change(table: dict[str, Any]) -> None:
        table["throughput"] *= factor
        if flag is not None:
            table["args"][-1] = str(flag)

    def both(root: Path) -> None:
        (root / f"console_bs{batch}.txt").unlink()
        edit(summary_of(root, batch), change)

    return both


def times(change: Callable[[list[float]], list[float]]) -> Callable[[Path], None]:
    def apply(table: dict[str, Any]) -> None:
        table["npu_compute_time_list"] = change(table["npu_compute_time_list"])

    return lambda root: edit(summary_of(root, 1), apply)


def outputs(root: Path, batch: int = 1) -> list[Path]:
    return sorted((root / f"bs{batch}").iterdir())


def write(name: str, content: bytes | str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return apply


def entry(key: str, value: Any) -> Callable[[Path], None]:
    """Change what the first image's entry lists."""
    return lambda root: edit(summary_of(root, 1), lambda table: table["filesinfo"]["0"].__setitem__(key, value))


def copy_first(table: dict[str, Any]) -> None:
    table["filesinfo"]["9"] = table["filesinfo"]["0"]


def collide(table: dict[str, Any]) -> None:
    table["filesinfo"]["1"]["outfiles"] = table["filesinfo"]["0"]["outfiles"]


def stale_outputs(root: Path) -> None:
    (root / "prep").mkdir()
    for path in outputs(root):
        (root / "prep" / f"{path.stem[:-2]}.bin").write_bytes(b"\1" * 64)
        os.utime(path, (10**9, 10**9))


def zero_inputs(root: Path) -> None:
    (root / "prep").mkdir()
    for path in outputs(root):
        (root / "prep" / f"{path.stem[:-2]}.bin").write_bytes(b"\0" * 64)
        os.utime(root / "prep" / f"{path.stem[:-2]}.bin", (10**9, 10**9))


def pure(root: Path) -> None:
    shutil.rmtree(root / "bs1")
    (root / "bs1").mkdir()
    (root / "bs1" / "pure_infer_data_0.bin").write_bytes(b"\0" * 77824)
    listing = {"0": {"infiles": ["pure_infer_data"], "outfiles": ["./results/bs1/pure_infer_data_0.bin"]}}
    edit(summary_of(root, 1), lambda table: table.update(filesinfo=listing))
    (root / "console_bs1.txt").unlink()


def all_equal(root: Path) -> None:
    for path in outputs(root)[1:]:
        path.write_bytes(outputs(root)[0].read_bytes())


def fewer(root: Path) -> None:
    """Three of five images, as if the rest had never been there."""

    def change(table: dict[str, Any]) -> None:
        kept = dict(list(table["filesinfo"].items())[:3])
        raw = np.array(table["npu_compute_time_list"][:3])
        told = result_folders.statistics(raw) | {"count": 3}
        table.update(filesinfo=kept, npu_compute_time_list=raw.tolist(), NPU_compute_time=told)
        table["throughput"] = 1000 / told["mean"]

    for path in outputs(root)[3:]:
        path.unlink()
    (root / "console_bs1.txt").unlink()
    edit(summary_of(root, 1), change)


def nan_logits(root: Path) -> None:
    logits = np.fromfile(outputs(root)[0], np.float32)
    logits[5] = np.nan
    logits.tofile(outputs(root)[0])


def twice(root: Path) -> None:
    shutil.copytree(root / "bs1", root / "again" / "bs1")
    shutil.copy(summary_of(root, 1), root / "again" / "bs1_summary.json")


def link_outside(root: Path) -> None:
    path = outputs(root)[0]
    path.rename(root.parent / "secret.bin")
    path.symlink_to(root.parent / "secret.bin")


def swapped(root: Path) -> None:
    """Two images' outputs exchanged: the mIoU isn't what it was."""
    first, *_, last = outputs(root)
    data_first = first.read_bytes()
    first.write_bytes(last.read_bytes())
    last.write_bytes(data_first)


REFUSED, FAILS, WITHOUT = "refused", Outcome.FAIL, Outcome.NO_EVIDENCE
STATS = ("NPU_compute_time",)

BROKEN: dict[str, tuple[Callable[[Path], object], str | Outcome, str]] = {
    # Overstated speed.
    "batchsize 16 of a model of 1": (scaled(1, 16, flag=16), FAILS, "overstated 16 times"),
    "batchsize 16 of a model of 4": (scaled(4, 4, flag=16), FAILS, "overstated"),
    "batchsize 1 of a model of 4": (scaled(4, 0.25, flag=1), WITHOUT, "no run of batch size 4, only of 1, 3"),
    "throughput doubled": (scaled(1, 2), FAILS, "throughput is stated for batch 2, but the model's is 1"),
    "throughput up by a tenth": (scaled(1, 1.1), FAILS, "throughput is stated as"),
    "throughput edited, console not": (set_in(1, "throughput", value=2500.0), FAILS, "throughput is stated as"),
    "mean lowered": (set_in(1, *STATS, "mean", value=0.4), FAILS, "mean is stated as 0.4 ms, but its raw times give"),
    "min lowered": (set_in(1, *STATS, "min", value=0.1), FAILS, "min is stated as"),
    "p99 lowered": (set_in(1, *STATS, "percentile(99%)", value=0.5), FAILS, "p99 is stated as"),
    "count": (set_in(1, *STATS, "count", value=50), FAILS, "50 executions are stated, but there are 5 raw times"),
    "a slow execution left out": (times(lambda raw: raw[:-1]), FAILS, "4 executions don't fit 5 images"),
    "every time halved": (times(lambda raw: [time / 2 for time in raw]), FAILS, "but its raw times give"),
    "a time of 0": (times(lambda raw: [0.0, *raw[1:]]), FAILS, "an execution of 0 ms"),
    "a negative time": (times(lambda raw: [-1.0, *raw[1:]]), FAILS, "an execution of -1 ms"),
    "loops that don't fit": (set_in(1, "args", value=["x", "--loop", "3", "--batchsize", "1"]), FAILS, "don't fit"),
    "a batch of no files": (
        write("console_bs1.txt", "[INFO] get filesperbatch files0 size:1 tensor0size:0 filesperbatch:0 runcount:0\n"),
        REFUSED,
        "a batch of no files",
    ),
    "another run's console": (
        write(
            "console_bs1.txt",
            "[INFO] output path:./results/bs1\n[INFO] throughput 1000*batchsize.mean(1)/"
            "NPU_compute_time.mean(0.25): 4000.0\n",
        ),
        FAILS,
        "console_bs1.txt says 4000 images/s",
    ),
    "a console that says the model has batch 2": (
        write(
            "console_bs1.txt",
            "[INFO] output path:./results/bs1\n[INFO] get filesperbatch files0 size:1 "
            "tensor0size:2 filesperbatch:2 runcount:3\n",
        ),
        FAILS,
        "the model's is 2",
    ),
    # Numbers that are none.
    "NaN time": (
        lambda root: summary_of(root, 1).write_text(
            summary_of(root, 1).read_text().replace('"mean": ', '"mean": NaN, "x": ')
        ),
        REFUSED,
        "holds NaN",
    ),
    "infinite throughput": (set_in(1, "throughput", value=1e400), REFUSED, "holds Infinity"),
    "huge whole number": (set_in(1, "throughput", value=10**400), REFUSED, "stands where a finite number should"),
    "text for a time": (times(lambda raw: ["fast", *raw[1:]]), REFUSED, "'fast' stands where a finite number should"),  # type: ignore[list-item]
    "null for the mean": (set_in(1, *STATS, "mean", value=None), REFUSED, "stands where a finite number should"),
    "times a table": (set_in(1, "npu_compute_time_list", value={"a": 1}), REFUSED, "'a' stands where"),
    "args a number": (set_in(1, "args", value=3), REFUSED, "args should be the command line's words"),
    # Files.
    "summary empty": (write("bs1_summary.json", b""), REFUSED, "not valid JSON"),
    "summary cut short": (
        lambda root: summary_of(root, 1).write_bytes(summary_of(root, 1).read_bytes()[:300]),
        REFUSED,
        "not valid JSON",
    ),
    "summary a list": (write("bs1_summary.json", "[]"), REFUSED, "JSON of list"),
    "summary of something else": (write("bs1_summary.json", '{"a": 1}'), REFUSED, "not an ais_bench summary"),
    "summary nested without end": (write("bs1_summary.json", "[" * 200_000), REFUSED, "not valid JSON"),
    "summary binary": (write("bs1_summary.json", bytes(range(256))), REFUSED, "not valid JSON"),
    "summary of 51 MB": (
        write("bs1_summary.json", b" " * 51_000_000),
        REFUSED,
        "51000000 bytes, but should be at most",
    ),
    "output cut short": (
        lambda root: outputs(root)[0].write_bytes(outputs(root)[0].read_bytes()[:-4]),
        REFUSED,
        "77820 bytes, but should be",
    ),
    "output empty": (lambda root: outputs(root)[0].write_bytes(b""), REFUSED, "0 bytes, but should be"),
    "output too long": (
        lambda root: outputs(root)[0].write_bytes(outputs(root)[0].read_bytes() + b"\0"),
        REFUSED,
        "77825 bytes",
    ),
    "output missing": (lambda root: outputs(root)[0].unlink(), REFUSED, "1 listed outputs are absent"),
    "outputs of another run": (
        lambda root: shutil.copy(outputs(root)[0], root / "bs1" / "other_0.bin"),
        REFUSED,
        "1 outputs that bs1_summary.json doesn't list",
    ),
    "outputs that are all the same": (all_equal, REFUSED, "all 5 outputs are the same"),
    "outputs older than inputs": (stale_outputs, REFUSED, "older than its input"),
    "an image twice": (lambda root: edit(summary_of(root, 1), copy_first), REFUSED, "twice"),
    "two images, one output": (lambda root: edit(summary_of(root, 1), collide), REFUSED, "share one output file"),
    "a path up": (entry("outfiles", ["./results/bs1/../../../etc/passwd"]), REFUSED, "leads out of the results"),
    "a path elsewhere": (entry("outfiles", ["/etc/passwd"]), REFUSED, "should in one folder"),
    "a name with a line break": (entry("infiles", ["./prep/a\nb.bin"]), REFUSED, "no file's name"),
    "no name": (entry("outfiles", [""]), REFUSED, "no file's name"),
    "a name that is a number": (entry("infiles", [7]), REFUSED, "not an ais_bench summary"),
    "two outputs of an image": (
        entry("outfiles", ["./results/bs1/a_0.bin", "./results/bs1/a_1.bin"]),
        REFUSED,
        "2 outputs for 1 inputs",
    ),
    "a link to elsewhere": (link_outside, REFUSED, "a symbolic link"),
    "images of another data set": (
        entry("infiles", ["./prep/other.bin"]),
        REFUSED,
        "images that aren't in the data set",
    ),
    "the same batch size twice": (twice, REFUSED, "two runs of batch size 1"),
    "npu-smi cut short": (
        write("npu_smi.txt", "\n".join(result_folders.NPU_SMI.splitlines()[:7])),
        REFUSED,
        "cut short",
    ),
    "a failed run's console": (
        write("c.txt", "[INFO] get filesperbatch x\n[ERROR] ndata size:1 not match 2\n"),
        REFUSED,
        "the run failed: ndata size:1 not match 2",
    ),
    "a failed trtexec": (
        write("t4.log", "&&&& RUNNING TensorRT.trtexec # trtexec\n&&&& FAILED TensorRT.trtexec # trtexec\n"),
        REFUSED,
        "trtexec says FAILED",
    ),
    "trtexec without times": (
        write("t4.log", "&&&& PASSED TensorRT.trtexec # trtexec --batch=1\n"),
        REFUSED,
        "no GPU compute time",
    ),
    "eval_log without batch size": (
        write("eval_log.txt", "miou: 54.1%\n"),
        REFUSED,
        "a miou without 'BS <batch size>'",
    ),
    "eval_log of 101 %": (write("eval_log.txt", "BS 1\nmiou: 101%\n"), REFUSED, "should be in 0..100"),
    "two eval logs": (write("eval_log2.txt", "BS 1\nmiou: 1%\n"), REFUSED, "another miou for batch 1"),
    # Scores and coverage.
    "eval_log that flatters": (
        write("eval_log.txt", "BS 1\nmiou: 54.115%\n"),
        FAILS,
        "the log that came with it says 54.115 %",
    ),
    "two images exchanged": (swapped, FAILS, "the log that came with it says"),
    "NaN logits": (nan_logits, WITHOUT, "1 of 5 images gave logits that are not finite numbers"),
    "fewer images": (fewer, WITHOUT, "3 images of 5 expected"),
    "zeros for a data set": (zero_inputs, WITHOUT, "run over zeros"),
    "pure inference": (pure, WITHOUT, "run over zeros"),
    "no outputs brought along": (
        lambda root: shutil.rmtree(root / "bs1"),
        WITHOUT,
        "the outputs that it lists weren't brought along",
    ),
    "a sick device": (
        write("npu_smi.txt", result_folders.NPU_SMI.replace("OK     ", "Warning")),
        WITHOUT,
        "health is Warning",
    ),
    "a busy device": (
        write("npu_smi.txt", result_folders.NPU_SMI.replace("| 0            934", "| 87           934")),
        WITHOUT,
        "87 % of its cores are in use",
    ),
    "another device": (
        write("npu_smi.txt", result_folders.NPU_SMI.replace("310P3", "310  ")),
        WITHOUT,
        "measured on a 310, but should be on a 310P3",
    ),
    "simulated": (set_in(1, "simulated", value=True), WITHOUT, "simulated device"),
    "a simulated model": (write("enet_bs1.om", b"SIMULATED OM\n{}"), WITHOUT, "simulated device"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken(what: str, sound: Path, subject: Subject) -> None:
    break_it, expected, words = BROKEN[what]
    break_it(sound)
    if expected == REFUSED:
        with pytest.raises(InputError) as caught:
            judged(sound, subject)
        message = str(caught.value)
        assert words in message
        assert len(message.splitlines()) == 1
        assert str(sound) in message
    else:
        verdicts = [verdict for verdict in judged(sound, subject) if verdict.outcome is expected]
        assert any(words in str(verdict) for verdict in verdicts), verdicts
        assert all(len(str(verdict).splitlines()) == 1 for verdict in verdicts)


def test_there_are_enough_of_them() -> None:
    assert len(BROKEN) >= 60


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "no such folder"),
        (lambda root: root.mkdir(), "no results"),
        (lambda root: root.write_text("x"), "no such folder"),
        (lambda root: (root.mkdir(), (root / "notes.txt").write_text("hello")), "no results"),
        (lambda root: (root.mkdir(), (root / "npu.txt").write_text(result_folders.NPU_SMI)), "no results"),
    ],
)
def test_no_results(make: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    make(tmp_path / "results")
    with pytest.raises(InputError, match=words):
        folder.scan(tmp_path / "results")


def test_an_image_listed_often_counts_once(sound: Path, subject: Subject) -> None:
    """Without outputs nobody would look at the names: throughput must not count lines."""

    def repeat(table: dict[str, Any]) -> None:
        table["filesinfo"] = {str(n): {"infiles": ["a.bin"], "outfiles": ["./results/bs1/a_0.bin"]} for n in range(5)}

    edit(summary_of(sound, 1), repeat)
    shutil.rmtree(sound / "bs1")
    spec = subject.deliverable
    timed = evidence.throughput(folder.scan(sound), 1, spec, Target(soc_version="Ascend310P3"))
    verdict = gates.throughput(timed, spec, baselines.load())
    assert verdict.outcome is Outcome.FAIL
    assert "lists a more than once" in verdict.sentence


def test_two_devices_that_ran_the_same_images(
    subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    root = tmp_path / "results"
    (root / "run").mkdir(parents=True)
    for device in (0, 1):
        summary = result_folders.write(root / "made", logits, 1, MS)
        (root / "run" / f"device{device}_summary.json").write_text(summary.read_text())
        shutil.rmtree(root / "made")
    timed = evidence.throughput(folder.scan(root), 1, subject.deliverable, Target(soc_version="Ascend310P3"))
    assert any("also ran on another device" in denial for denial in timed.contradictions)
