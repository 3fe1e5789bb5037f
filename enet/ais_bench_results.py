"""Results brought back from a device: the outputs that an ais_bench summary lists, read and scored.

The summary's ``filesinfo`` says which input file became which output file, so the naming schemes of the tool's
versions need not be known here.
"""

from __future__ import annotations

import json
import time
import tokenize
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from enet.errors import InputError, listing
from enet.evidence import Accuracy, Provenance
from enet.machine import cores
from enet.pipeline import argmax, bounded, is_finite
from enet.preprocess import load_label
from enet.scoring import confusion_matrix
from enet.store import canonical, hash_file, hash_text
from enet.subject import Subject


def outputs_by_image(summary: Path) -> dict[str, Path]:
    """Output file by image name, as the summary lists them.

    Raises:
        InputError: the summary can't be read, lists no dataset run, names an image twice or a file outside its folders,
            or a file it lists is absent.
    """
    try:
        table = json.loads(summary.read_text(encoding="utf-8"))
        entries = list(table["filesinfo"].values())
        pairs = [pair for entry in entries for pair in zip(entry["infiles"], entry["outfiles"], strict=True)]
    except OSError as error:
        raise InputError(f"{summary}: {error.strerror}. Give ais_bench's summary JSON with --result-dir") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{summary}: not an ais_bench summary ({type(error).__name__}: {error}). Give sumary.json or *_summary.json"
        ) from error
    if not pairs:
        raise InputError(f"{summary}: lists no output files: a run without --input feeds zeros and can't be scored")
    found: dict[str, Path] = {}
    absent = []
    for infile, outfile in pairs:
        name = Path(str(infile)).name.removesuffix(".bin").removesuffix(".npy")
        if name in found:
            raise InputError(f"{summary}: lists the image {name} twice. Run ais_bench again over each image once")
        path = located(Path(str(outfile)), summary)
        if path is None:
            absent.append(str(outfile))
        else:
            found[name] = path
    if absent:
        raise InputError(
            f"{summary}: {len(absent)} listed outputs are absent: {listing(absent)}. Copy the whole folder"
        )
    if len(set(found.values())) != len(found):
        raise InputError(f"{summary}: several images share one output file: their names agree up to the first dot")
    return found


def located(outfile: Path, summary: Path) -> Path | None:
    """Where a listed output lies now: in the folder that a ``<folder>_summary.json`` is named after, or, for an older
    ``sumary.json``, beside it.

    Only the file's name is taken from the listing, so a listing can't point outside.
    """
    named_after = summary.parent / summary.stem.removesuffix("_summary")
    folder = named_after if summary.stem.endswith("_summary") else summary.parent
    path = folder / outfile.name
    try:
        return path if path.is_file() and not path.is_symlink() else None
    except OSError:  # such as a name too long for the file system
        return None


def read_output(path: Path, outputs: int, size: tuple[int, int]) -> NDArray[Any]:
    """One image's output: float32 logits (outputs, H, W) or uint8 labels (H, W).

    Args:
        size: the network's width and height.
    Raises:
        InputError: not as many bytes as either would have, or not such an array.
    """
    width, height = size
    shapes: tuple[tuple[int, ...], ...] = ((outputs, height, width), (height, width))
    try:
        if path.suffix == ".npy":
            # Mapped: no pickles, no archives, and no header that claims more than the file holds.
            array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
            if array.dtype.kind not in "fiu":
                raise InputError(f"{path}: dtype {array.dtype}, but should be numbers. Run that image again")
        else:
            data = path.read_bytes()
            logits = outputs * height * width
            kinds = {logits * 4: ("<f4", shapes[0]), logits * 2: ("<f2", shapes[0]), height * width: ("u1", shapes[1])}
            if len(data) not in kinds:
                rule = f"{logits * 4} (float32 logits), {logits * 2} (float16) or {height * width} (uint8 labels)"
                raise InputError(f"{path}: {len(data)} bytes, but should be {rule}. Run that image again")
            dtype, shape = kinds[len(data)]
            array = np.frombuffer(data, dtype).reshape(shape)
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:
        raise InputError(f"{path}: can't be read ({error}). Copy or make it again") from error
    for shape in shapes:
        if array.shape in (shape, (1, *shape)):
            return array.reshape(shape) if len(shape) == 2 else array.reshape(shape).astype(np.float32)
    raise InputError(f"{path}: shape {array.shape}, but should be one of {list(shapes)}")


def score(subject: Subject, summary: Path) -> Accuracy:
    """Score a folder of ais_bench outputs against the data set's label maps, on all cores.

    Returns:
        Evidence; its provenance holds the digest of summary and outputs as the artifact's: the model isn't here.
    Raises:
        InputError: as ``outputs_by_image`` and ``read_output``; or the outputs are of other images.
    """
    outputs = outputs_by_image(summary)
    _ = subject.manifest  # every file of the data set is looked at before the first is used
    labels = {sample.name: sample.label for sample in subject.dataset.samples}
    foreign = sorted(name for name in outputs if name not in labels)
    if foreign:
        raise InputError(f"{summary}: {len(foreign)} outputs of images that aren't in the data set: {listing(foreign)}")
    names = sorted(outputs)
    lookup = subject.dataset.classes.lookup()
    begin = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        done = bounded(pool, lambda name: scored(subject, outputs[name], labels[name], lookup), names, 2 * cores())
        bar = tqdm(done, "scoring", len(names), unit="image", disable=None if subject.progress else True)
        results = list(bar)
    return Accuracy(
        provenance=provenance(subject, summary, {name: r.sha256 for name, r in zip(names, results, strict=True)}),
        classes=subject.dataset.classes.names,
        absent_classes=subject.deliverable.reference.absent_classes, images=tuple(names),
        images_expected=subject.deliverable.dataset.images, matrices=np.stack([r.matrix for r in results]),
        non_finite=sum(not r.finite for r in results), seconds=time.perf_counter() - begin,
    )  # fmt: skip


def provenance(subject: Subject, summary: Path, outputs: Mapping[str, str]) -> Provenance:
    """What is known of results that were brought back: the summary, its outputs and the data, but not the model.

    Args:
        outputs: SHA-256 of every output, by image name.
    """
    return Provenance(
        deliverable=subject.deliverable.name, backend="recorded", device="not recorded", batch_size=0, form={},
        weights_sha256="", onnx_sha256="", artifact_sha256=hash_text(canonical([hash_file(summary), outputs])),
        dataset_sha256=subject.dataset_sha256, preprocessing_sha256=subject.preprocessing_sha256,
        versions={"numpy": np.__version__}, limited=subject.limit is not None,
    )  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """One image's confusion matrix, whether all its logits are finite, and its output file's SHA-256."""

    matrix: NDArray[np.int64]
    finite: bool
    sha256: str


def scored(subject: Subject, output: Path, label: Path, lookup: NDArray[np.uint8]) -> Scored:
    """Score one output. Its file is hashed here, while it is still in memory: all of them are gigabytes."""
    spec = subject.deliverable.preprocessing
    classes = subject.deliverable.scored_classes
    result = read_output(output, subject.deliverable.network.outputs, spec.size)
    truth = load_label(label, spec, lookup)
    if result.ndim == 2:
        if result.dtype.kind not in "iu" or result.min() < 0 or result.max() >= classes:
            raise InputError(f"{output}: holds {result.dtype} up to {result.max()}, but should hold 0..{classes - 1}")
        prediction, finite = result.astype(np.uint8, copy=False), True
    else:
        prediction, finite = argmax(result[:classes]), is_finite(result)
    return Scored(confusion_matrix(prediction, truth, classes), finite, hash_file(output))
