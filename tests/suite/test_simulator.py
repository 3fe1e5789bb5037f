"""The simulator keeps the real tools' rules: what they refuse, what they name files, what becomes of a last batch."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from enet.ascend import atc as compiler, npu_smi, simulation
from enet.records import console, results_folder, summary as ais_bench
from fixtures.ascend_simulator import environment

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT.parent / "shared" / "ais_bench_records"

#: Floats of one image.
SHAPE = (3, 4, 4)


def run(*words: object, first: str = "", **settings: object) -> subprocess.CompletedProcess[str]:
    """A command; its packages are looked for in the folder ``first`` before all others."""
    variables = environment(**settings)
    if first:
        variables["PYTHONPATH"] = os.pathsep.join([first, variables["PYTHONPATH"]])
    command = [str(word) for word in words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def network(path: Path, opset: int = 11, operator: str = "Relu") -> Path:
    """One operator on ``image``."""
    sides = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", *SHAPE]) for n in ("image", "class")
    ]
    node = onnx.helper.make_node(operator, ["image"], ["class"])
    graph = onnx.helper.make_graph([node], "tiny", sides[:1], sides[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=6)
    onnx.save(model, path)
    return path


def atc(onnx_file: Path, target: Path, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """The guide's command with other values; None leaves an option out."""
    known: dict[str, str | None] = {
        "framework": "5",
        "model": str(onnx_file),
        "output": str(target),
        "input_format": "NCHW",
        "input_shape": "image:4,3,4,4",
        "soc_version": "Ascend310P3",
        "precision_mode": "force_fp32",
        **changes,
    }
    return run("atc", *(f"--{name}={value}" for name, value in known.items() if value is not None))


@pytest.fixture(scope="module")
def om(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for batch 4."""
    folder = tmp_path_factory.mktemp("simulator")
    assert atc(network(folder / "tiny.onnx"), folder / "tiny_bs4").returncode == 0
    (folder / "tiny_bs4.om").chmod(0o640)  # whatever the umask of these tests
    return folder / "tiny_bs4.om"


# atc.


def test_atc_appends_its_suffix(tmp_path: Path) -> None:
    done = atc(network(tmp_path / "tiny.onnx"), tmp_path / "tiny.om")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ATC run success, welcome to the next use.")
    assert [path.name for path in tmp_path.glob("*.om")] == ["tiny.om.om"]
    assert simulation.is_simulated_om(tmp_path / "tiny.om.om")


REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no framework": ({"framework": None}, "E10007"),
    "no model": ({"model": None}, "E10054"),
    "absent model": ({"model": "absent.onnx"}, "E10410"),
    "no SoC version": ({"soc_version": None}, "E10054"),
    "not a SoC version": ({"soc_version": "310P3"}, "E10001"),
    "not a precision": ({"precision_mode": "fp16"}, "E10001"),
    "not a layout": ({"input_format": "NHCW"}, "E10003"),
    "no such node": ({"out_nodes": "absent:0"}, "E10016"),
    "folder for output": ({"output": "out/"}, "E10022"),
    "one profile": ({"dynamic_batch_size": "4", "input_shape": "image:-1,3,4,4"}, "E10035"),
    "profiles in words": ({"dynamic_batch_size": "a,b", "input_shape": "image:-1,3,4,4"}, "E10014"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_atc_refuses(what: str, tmp_path: Path) -> None:
    """Exit code 255, the code of its own, nothing written."""
    changes, code = REFUSED[what]
    done = atc(network(tmp_path / "tiny.onnx"), tmp_path / "tiny", **changes)
    assert done.returncode == 255
    assert "ATC run failed, Please check the detail log" in done.stdout
    assert code in done.stdout
    assert not list(tmp_path.rglob("*.om"))


@pytest.mark.parametrize(("opset", "operator"), [(18, "Relu"), (11, "Det")])
@pytest.mark.parametrize("cann", ["5.1", "9"])
def test_atc_knows_no_such_operator(opset: int, operator: str, cann: str, tmp_path: Path) -> None:
    onnx_file = network(tmp_path / "tiny.onnx", opset, operator)
    words = [f"--model={onnx_file}", f"--output={tmp_path / 'tiny'}", "--framework=5", "--soc_version=Ascend310P3"]
    done = run("atc", *words, cann=cann)
    assert done.returncode == 255
    (message,) = compiler.parse_messages(done.stdout)
    assert (message.code, f"ai.onnx::{opset}::{operator}" in message.text) == ("E19010", True)
    assert message.solution.startswith("Check the version of the installation package")


# ais_bench.


def inputs(folder: Path, names: list[str]) -> Path:
    """Files of one image each; the n-th is full of n + 1."""
    folder.mkdir()
    for number, name in enumerate(names):
        np.full(SHAPE, number + 1, np.float32).tofile(folder / name)
    return folder


def infer(om: Path, folder: Path, *more: object, **settings: Any) -> dict[str, Any]:
    """Run it; what it wrote, by device for several."""
    done = run(
        sys.executable,
        "-m",
        "ais_bench",
        "--model",
        om,
        "--input",
        folder / "in",
        "--output",
        folder / "out",
        "--output_dirname",
        "run",
        *more,
        **settings,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {
        str(path.relative_to(folder / "out")): json.loads(path.read_text())
        for path in sorted((folder / "out").rglob("su*mary.json")) + sorted((folder / "out").rglob("*_summary.json"))
    }
    return {"console": done.stdout, **tables}


def test_a_last_batch_is_filled_up(om: Path, tmp_path: Path) -> None:
    """Six images in batches of four: six outputs, two executions; in natural order of names."""
    inputs(tmp_path / "in", [f"img{n}.bin" for n in (1, 2, 3, 9, 10, 11)])
    found = infer(om, tmp_path)
    listed = found["run_summary.json"]["filesinfo"].values()
    assert [Path(each["infiles"][0]).name for each in listed] == [f"img{n}.bin" for n in (1, 2, 3, 9, 10, 11)]
    assert [Path(each["outfiles"][0]).name for each in listed] == [f"img{n}_0.bin" for n in (1, 2, 3, 9, 10, 11)]
    for number, each in enumerate(listed):
        assert (np.fromfile(each["outfiles"][0], np.float32) == number + 1).all()
    assert found["run_summary.json"]["NPU_compute_time"]["count"] == 2


def test_names_end_at_their_first_dot(om: Path, tmp_path: Path) -> None:
    """Two images share an output then; the reader notices."""
    inputs(tmp_path / "in", ["a.left.bin", "a.right.bin", "b.bin", "c.bin"])
    infer(om, tmp_path)
    assert sorted(path.name for path in (tmp_path / "out" / "run").iterdir()) == ["a_0.bin", "b_0.bin", "c_0.bin"]


def test_files_are_split_between_devices(om: Path, tmp_path: Path) -> None:
    inputs(tmp_path / "in", [f"img{n}.bin" for n in range(5)])
    found = infer(om, tmp_path, "--device", "0,1", "--batchsize", 4, devices=2)
    counts = [len(found[f"run/device{n}_summary.json"]["filesinfo"]) for n in (0, 1)]
    assert counts == [3, 2]
    assert re.search(r"multidevice run end qsize:4 result:0", found["console"])
    rates = re.findall(r"device_\d throughput:(\S+) start_time", found["console"])
    (total,) = re.findall(r"summary throughput:(\S+)", found["console"])
    assert float(total) == pytest.approx(sum(map(float, rates)))


MISTAKES: dict[str, tuple[Callable[[Path], object], list[object], str]] = {
    "another size of file": (lambda at: (at / "x.bin").write_bytes(b"12345"), [], "not match"),
    "no such device": (lambda at: None, ["--device", 7], "acl open device 7 failed"),
    "dynamic batch of a static model": (lambda at: None, ["--dymBatch", 2], "not support dynamic batch size 2"),
    "an .om of something else": (lambda at: None, ["--model", __file__], "load model from file failed"),
    "an empty folder": (lambda at: (at / "a.bin").unlink(), [], "not find valid file"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_ais_bench_refuses(what: str, om: Path, tmp_path: Path) -> None:
    change, more, words = MISTAKES[what]
    inputs(tmp_path / "in", ["a.bin"])
    change(tmp_path / "in")
    done = run(sys.executable, "-m", "ais_bench", "--model", om, "--input", tmp_path / "in", *more)
    assert done.returncode != 0
    assert words in done.stdout


@pytest.mark.parametrize(
    ("version", "summary", "outputs"),
    [
        ("2022-06", "run/sumary.json", [f"sample_id_{n}_output_0.bin" for n in range(4)]),
        ("2022-07", "run/sumary.json", [f"input{n}_output_0.bin" for n in range(4)]),
        ("2022-09", "run/sumary.json", [f"img{n}_0.bin" for n in range(6)]),
        ("2022-11", "run_summary.json", [f"img{n}_0.bin" for n in range(6)]),
        ("2023-06", "run_summary.json", [f"img{n}_0.bin" for n in range(6)]),
        ("2025-12", "run_summary.json", [f"img{n}_0.bin" for n in range(6)]),
    ],
)
def test_versions(version: str, summary: str, outputs: list[str], om: Path, tmp_path: Path) -> None:
    """Where the summary goes, what outputs are called, and what becomes of a last batch of two."""
    inputs(tmp_path / "in", [f"img{n}.bin" for n in range(6)])
    (tmp_path / "out").mkdir(0o750)
    infer(om, tmp_path, ais_bench=version)
    written = {path.name for path in (tmp_path / "out" / "run").iterdir()} - {"sumary.json"}
    assert sorted(written) == outputs
    read = ais_bench.read(tmp_path / "out" / summary)
    assert read.simulated
    assert len(read.pairs) == len(outputs)
    assert bool(read.compute_ms) == (version >= "2022-11")


#: The project's own drivers: two devices from the command line, then a session.
DRIVERS = """
import sys
from pathlib import Path
import numpy as np
from enet.ascend import ais_bench
model, inputs, outputs = map(Path, sys.argv[1:])
for path in ais_bench.infer(ais_bench.FolderRun(model, inputs, outputs, 4, (0, 1))):
    print(path.relative_to(outputs))
session = ais_bench.open_session(model, 0)
(value,), (result,) = session.get_inputs(), session.infer([np.full((4, 3, 4, 4), 7, np.float32)])
print(value.name, value.shape, result.shape, result.max())
"""


@pytest.mark.parametrize(
    ("version", "shares"), [("2023-06", ["device0", "device1"]), ("2025-12", ["device0_0", "device1_1"])]
)
def test_our_drivers_speak_both_generations(version: str, shares: list[str], om: Path, tmp_path: Path) -> None:
    inputs(tmp_path / "in", [f"img{n}.bin" for n in range(5)]).chmod(0o755)
    outputs = tmp_path / "out" / "run"
    done = run(sys.executable, "-c", DRIVERS, om, tmp_path / "in", outputs, ais_bench=version, devices=2)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("[INFO]")]
    assert lines == [f"{share}_summary.json" for share in shares] + ["image [4, 3, 4, 4] (4, 3, 4, 4) 7.0"]
    assert [len(list((outputs / share).iterdir())) for share in shares] == [3, 2]
    seconds = console.read(tmp_path / "out" / "run_console.txt").seconds
    assert seconds is not None
    (recorded,) = results_folder.scan(tmp_path / "out").runs
    assert (recorded.batch_size, len(recorded.images), recorded.copies) == (4, 5, ())
    assert [timing.share.images for timing in recorded.timings] == [3, 2]
    for share in shares:
        read = ais_bench.read(outputs / f"{share}_summary.json")
        assert read.simulated
        assert simulation.is_marked(read.compute_ms)


#: What the front end of 2025 refuses: permissions of the outputs' folder, the inputs' folder and the model.
OPEN = {"outputs read": (0o755, 0o755, 0o640), "outputs": (0o770, 0o755, 0o640), "inputs": (0o750, 0o775, 0o640)}
OPEN |= {"model": (0o750, 0o755, 0o664)}


@pytest.mark.parametrize("what", OPEN)
def test_front_end_of_2025_refuses_what_others_may_change(what: str, om: Path, tmp_path: Path) -> None:
    model = Path(shutil.copy(om, tmp_path / "copy.om"))
    (tmp_path / "out").mkdir()
    for path, mode in zip((tmp_path / "out", inputs(tmp_path / "in", []), model), OPEN[what], strict=True):
        path.chmod(mode)
    words = ["--model", model, "--input", tmp_path / "in", "--output", tmp_path / "out"]
    done = run(sys.executable, "-m", "ais_bench", *words, ais_bench="2025-12")
    assert done.returncode == 2
    assert "is group writable, or is others writable" in done.stdout


def test_front_end_of_2025_writes_as_the_real_one(om: Path, tmp_path: Path) -> None:
    """Several devices and a pipeline on threads: files, keys and lines are those of genuine records."""
    records = RECORDS / "v0.0.2_2025"
    if not records.is_dir():
        pytest.skip(f"{records} is not here")
    inputs(tmp_path / "in", [f"img{n}.bin" for n in range(5)]).chmod(0o755)
    (tmp_path / "out").mkdir(0o750)
    several = infer(om, tmp_path, "--device", "0,1", "--divide_input", 1, ais_bench="2025-12", devices=2)
    told = [line for line in (records / "console_two_devices.txt").read_text().splitlines() if " device_" in line]
    assert {shape(line) for line in told} <= {shape(line) for line in several["console"].splitlines()}
    for name in ("device0_0", "device1_1"):
        genuine = json.loads((records / f"{name}_summary.json").read_text())
        assert set(several[f"run/{name}_summary.json"]) == {*genuine, simulation.KEY}


def test_pipeline_on_threads_keeps_pairs(om: Path, tmp_path: Path) -> None:
    """It lists no files and gives no statistics but the mean; times are marked all the same."""
    folder = tmp_path / "in"
    folder.mkdir(mode=0o755)
    for number in range(5):
        np.full((4, *SHAPE), number, np.float32).tofile(folder / f"img{number}.bin")
    (tmp_path / "out").mkdir(0o750)
    found = infer(om, tmp_path, "--pipeline", 1, "--threads", 2, ais_bench="2025-12")
    assert sorted(path.name for path in (tmp_path / "out" / "run").iterdir()) == [f"img{n}_0.bin" for n in range(5)]
    table = found["run_summary.json"]
    assert (table["filesinfo"], set(table["NPU_compute_time"])) == ({}, {"mean", "count"})
    pairs = table["npu_compute_time_list"]
    assert all(start < end for start, end in pairs)
    assert (len(pairs), pairs) == (5, sorted(pairs))
    assert simulation.is_marked([time for pair in pairs for time in pair])
    assert "run in pipeline mode with computing threadsnumber:2" in found["console"]


def shape(line: str) -> str:
    """A line without its figures and paths."""
    return re.sub(r"\d[\d.]*(e-?\d+)?", "#", re.sub(r":\.?/\S+", ":PATH", line))


def test_it_writes_as_the_real_one(om: Path, tmp_path: Path) -> None:
    """The summary's keys and the console's lines are those of genuine records."""
    if not RECORDS.is_dir():
        pytest.skip(f"{RECORDS} is not here")
    inputs(tmp_path / "in", [f"img{n}.bin" for n in range(5)])
    found = infer(om, tmp_path, "--batchsize", 4, "--display_all_summary", 1, "--outfmt", "BIN")
    genuine = json.loads((RECORDS / "bs16_summary.json").read_text())
    ours = found["run_summary.json"]
    assert set(ours) == {*genuine, simulation.KEY}
    for key, value in genuine.items():
        assert type(ours[key]) is type(value)
        if key.endswith(("time", "latency")):
            assert set(ours[key]) == set(value)
    wanted = {
        shape(line) for line in (RECORDS / "console_bs16.txt").read_text().splitlines() if line.startswith("[INFO]")
    }
    assert wanted <= {shape(line) for line in found["console"].splitlines()}


def test_the_genuine_front_end(om: Path, tmp_path: Path) -> None:
    """ais_bench's own Python, if it is at hand, on our aclruntime: the same files, marked all the same."""
    genuine = os.environ.get("ENET_GENUINE_AIS_BENCH")
    if not genuine:
        pytest.skip("ENET_GENUINE_AIS_BENCH names no folder with the vendor's package ais_bench")
    names = [f"img{n}.bin" for n in range(6)]
    written = []
    for who in ("ours", "theirs"):
        home = tmp_path / who
        home.mkdir()
        inputs(home / "in", names)
        found = infer(om, home, "--device", "0,1", "--batchsize", 4, devices=2, first=genuine * (who == "theirs"))
        written.append({path.name: path.read_bytes() for path in (home / "out").rglob("*.bin")})
        for device in (0, 1):
            summary = ais_bench.read(home / "out" / "run" / f"device{device}_summary.json")
            assert summary.simulated
            assert len(summary.pairs) == 3
        assert "summary throughput:" in found["console"]
    assert written[0] == written[1]


# npu-smi.


@pytest.mark.parametrize(
    ("kind", "count", "name"),
    [
        ("310", 1, "310"),
        ("310x4", 4, "310"),
        ("310P3", 1, "310P3"),
        ("310P3-wide", 2, "310P3"),
        ("910B", 2, "910B"),
        ("910B-26", 2, "910B"),
        ("950", 2, "Ascend950"),
    ],
)
def test_npu_smi(kind: str, count: int, name: str) -> None:
    """The driver reads every table that the simulator draws."""
    done = run("npu-smi", "info", npu=kind, devices=count, temperature=61, processes="python:4711")
    assert done.returncode == 0
    states = npu_smi.parse(done.stdout, "npu-smi info")
    assert [state.device for state in states] == list(range(count))
    assert all(state.name.startswith(name) for state in states)
    assert states[0].temperature == 61
    assert states[0].processes == ("python (4711)",)
