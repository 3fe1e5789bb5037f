"""Readers of files from users: they read any content, or give a one-line error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from enet import deliverable, evidence, model
from enet.ascend import npu_smi
from enet.datasets import preprocess
from enet.errors import InputError
from enet.evidence import RecordedSpeed, speed_record
from enet.metrics.latency import Rate, Ratio
from enet.records import consistency, console, eval_log, results_folder as results, summary as ais_bench, trtexec
from enet.selftest import result_folders, tiny

fuzzed = settings(max_examples=60, deadline=None, derandomize=True, database=None)

LOOKUP = np.zeros(256, np.uint8)

#: By kind of file: its name, and what reads it.
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "deliverable": ("x.toml", lambda path: deliverable.load(str(path))),
    "evidence": ("x.json", evidence.load),
    "summary": ("sumary.json", ais_bench.read),
    "summary with times": ("sumary.json", lambda path: consistency.recorded_timing(ais_bench.read(path), [])),
    "console": ("x.txt", console.read),
    "log of mIoU": ("x.txt", eval_log.read),
    "log of trtexec": ("x.txt", trtexec.read),
    "npu-smi": ("x.txt", lambda path: npu_smi.parse(path.read_text(encoding="utf-8", errors="replace"), str(path))),
    "earlier speeds": ("x.json", speed_record.load),
    "checkpoint": ("x.pth", lambda path: model.checkpoint.read(path)),
    "image": ("x.png", lambda path: preprocess.load_image(path, deliverable.Preprocessing(size=(32, 32)))),
    "label map": ("x.png", lambda path: preprocess.load_label(path, deliverable.Preprocessing(size=(32, 32)), LOOKUP)),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind, named so, to be damaged."""
    folder = tmp_path_factory.mktemp("sound")
    tiny.write(folder)
    outputs = {f"image{number}": np.zeros(4, np.float32) for number in range(5)}
    summary = result_folders.write(folder / "results", outputs, 1, 2.0)
    (image,) = (folder / "data" / "leftImg8bit" / "val" / "alpha").glob("*1_leftImg8bit.png")
    (label,) = (folder / "data" / "gtFine" / "val" / "alpha").glob("*1_gtFine_labelIds.png")
    speeds = folder / "speeds.json"
    speed = RecordedSpeed(ratio=Ratio(2.0, 1.9, 2.1), artifact=Rate(20, 19, 21), reference=Rate(10, 9, 11))
    speed_record.save({"tiny-onnxruntime-bs1": speed}, speeds)
    trt = "[I] === Performance summary ===\n[I] Throughput: 100 qps\n[I] GPU Compute Time: min = 1 ms, mean = 2 ms\n"
    files = {
        "deliverable": (folder / "tiny.toml").read_bytes(),
        "evidence": json.dumps({"schema": evidence.SCHEMA, "kind": "digests", "ours": {}}).encode(),
        "summary": summary.read_bytes(),
        "summary with times": summary.read_bytes(),
        "console": (folder / "results" / "console_bs1.txt").read_bytes(),
        "log of mIoU": b"miou: 54.627\nbs1 mIoU 54.6\n",
        "log of trtexec": trt.encode(),
        "npu-smi": result_folders.NPU_SMI.encode(),
        "earlier speeds": speeds.read_bytes(),
        "checkpoint": (folder / "tiny.pth").read_bytes()[:20_000],
        "image": image.read_bytes(),
        "label map": label.read_bytes(),
    }
    kinds = tmp_path_factory.mktemp("kinds")
    for kind, content in files.items():
        (kinds / kind).write_bytes(content)
    return kinds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def damaged(content: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    """Pieces of a file replaced by others."""
    for start, length, piece in cuts:
        at = start % (len(content) + 1)
        content = content[:at] + piece + content[at + length :]
    return content


PIECES = st.binary(max_size=8) | st.sampled_from(
    [b"nan", b"-1", b"1e999", b"9" * 400, b'"', b"[", b"{", b"null", b"\x00", b"\xff", b"\n", b"../", b"true", b"0"]
)
CUTS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 40), PIECES), min_size=1, max_size=6)


def refusal(read: Callable[[Path], object], path: Path) -> str:
    """What a reader says against a file; nothing if it reads it. Any other exception is a fault."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", READERS)
@fuzzed
@given(noise=st.binary(max_size=300), cuts=CUTS, whole=st.booleans())
def test_readers_random_bytes_raise_only_input_errors(
    kind: str, noise: bytes, cuts: list[tuple[int, int, bytes]], whole: bool, sound: Path, folder: Path
) -> None:
    name, read = READERS[kind]
    path = folder / name
    path.write_bytes(noise if whole else damaged((sound / kind).read_bytes(), cuts))
    said = refusal(read, path)
    lines = said.split("\n")  # of a deliverable, one for each mistake
    assert max(map(len, lines)) < 2000
    assert len(lines) == 1 or (kind == "deliverable" and all(str(path) in line for line in lines))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", ["summary with times", "earlier speeds"])
@fuzzed
@given(way=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5), value=VALUES)
def test_readers_random_values_raise_only_input_errors(
    kind: str, way: list[float], value: object, sound: Path, folder: Path
) -> None:
    """Replace one value in valid JSON; each number in ``way``, in 0..1, chooses a key of the next level."""
    name, read = READERS[kind]
    place: Any = json.loads((sound / kind).read_bytes())
    table = place
    for position, step in enumerate(way):
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[int(step * len(keys))]
        if position == len(way) - 1 or not (isinstance(place[key], dict | list) and place[key]):
            place[key] = value
            break
        place = place[key]
    path = folder / name
    path.write_text(json.dumps(table))
    said = refusal(read, path)
    assert not said or str(path) in said


@fuzzed
@given(names=st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20), max_size=4))
def test_scan_random_folder_raises_only_input_errors(names: list[str], folder: Path, sound: Path) -> None:
    """Files of any name beside a summary."""
    root = folder / "results"
    root.mkdir(exist_ok=True)
    for path in root.iterdir():
        path.unlink()
    (root / "bs1_summary.json").write_bytes((sound / "summary").read_bytes())
    for number, name in enumerate(names):
        if name not in (".", "..") and len(name.encode(errors="surrogatepass")) < 200:
            try:
                (root / name).write_bytes(
                    [b"", (sound / "console").read_bytes(), (sound / "npu-smi").read_bytes(), b"\xff"][number]
                )
            except (OSError, UnicodeEncodeError):
                continue
    said = refusal(results.scan, root)
    assert not said or str(root) in said
