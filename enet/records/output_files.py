"""Output files of recorded runs: where they lie, and what is in one."""

from __future__ import annotations

import tokenize
import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet.errors import InputError, format_list
from enet.records.consistency import inputs_at_hand
from enet.records.summary import Summary

#: Kinds of output files.
SUFFIXES = (".bin", ".npy", ".txt")

#: Seconds that an output's time may lie before its input's: file systems and copies round.
EARLIER = 2.0


def of_image(summary: Summary) -> dict[str, Path] | None:
    """Output file by image name; None if none of them was brought along.

    Raises:
        InputError: an image is listed twice, several share an output, some outputs are absent, others lie there that
            the summary doesn't list, or outputs are older than their inputs.
    """
    found: dict[str, Path] = {}
    absent: list[str] = []
    seen: set[str] = set()
    for infile, outfile in summary.pairs:
        name = image_name(infile)
        if name in seen:
            raise InputError(f"{summary.path}: lists the image {name} twice. Run ais_bench again over each image once")
        seen.add(name)
        path = located(outfile, summary)
        if path is None:
            absent.append(PurePosixPath(outfile).name)
        else:
            found[name] = path
    if len({outfile for _, outfile in summary.pairs}) < len(summary.pairs):
        raise InputError(
            f"{summary.path}: several images share one output file: their names agree up to the first dot. Rename them"
        )
    if not found:
        return None
    if absent:
        raise InputError(
            f"{summary.path}: {len(absent)} listed outputs are absent: {format_list(absent)}. Copy the whole folder"
        )
    refuse_extra(summary, set(found.values()))
    refuse_stale(summary, found)
    return found


def image_name(infile: str) -> str:
    name = PurePosixPath(infile).name
    return name[:-4] if name.lower().endswith((".bin", ".npy")) else name


def located(outfile: str, summary: Summary) -> Path | None:
    """Where a listed output lies now. Only its name is taken from the listing, so a listing can't point outside."""
    path = summary.folder / PurePosixPath(outfile).name
    try:
        if path.is_symlink() or summary.folder.is_symlink():
            raise InputError(f"{path}: a symbolic link. Copy the files themselves")
        return path if path.is_file() else None
    except OSError:  # such as a name too long for the file system
        return None


def refuse_extra(summary: Summary, known: set[Path]) -> None:
    extra = sorted(p.name for p in summary.folder.iterdir() if p.suffix.lower() in SUFFIXES and p not in known)
    # What a user saves beside the outputs (console, npu-smi) doesn't look like an output.
    extra = [name for name in extra if name.endswith(tuple(f"_{n}{s}" for n in range(10) for s in SUFFIXES))]
    if extra:
        raise InputError(
            f"{summary.folder}: {len(extra)} outputs that {summary.path.name} doesn't list: {format_list(extra)}. "
            f"Left by "
            "another run? Use a fresh --output_dirname"
        )


def refuse_stale(summary: Summary, found: dict[str, Path]) -> None:
    for infile, path in inputs_at_hand(summary):
        output = found[image_name(infile)]
        if output.stat().st_mtime < path.stat().st_mtime - EARLIER:
            raise InputError(
                f"{output}: older than its input {path}. Run ais_bench again, or copy with times kept (cp -a, rsync -a)"
            )


def read_output(path: Path, outputs: int, size: tuple[int, int]) -> NDArray[Any]:
    """One image's output: float32 logits (outputs, H, W) or labels (H, W).

    Args:
        size: the network's width and height.
    Raises:
        InputError: not as many values as either would have, or not such an array.
    """
    width, height = size
    shapes: tuple[tuple[int, ...], ...] = ((outputs, height, width), (height, width))
    try:
        if path.suffix.lower() == ".npy":
            # Mapped: no pickles, no archives, and no header that claims more than the file holds.
            array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
            if array.dtype.kind not in "fiu":
                raise InputError(f"{path}: dtype {array.dtype}, but should be numbers. Run that image again")
        elif path.suffix.lower() == ".txt":
            array = read_txt(path, shapes)
        else:
            array = read_bin(path, shapes)
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:
        raise InputError(f"{path}: can't be read ({error}). Copy or make it again") from error
    for shape in shapes:
        if array.shape in (shape, (1, *shape)):
            return array.reshape(shape) if len(shape) == 2 else array.reshape(shape).astype(np.float32, copy=False)
    raise InputError(f"{path}: shape {array.shape}, but should be one of {list(shapes)}. Run that image again")


def read_bin(path: Path, shapes: tuple[tuple[int, ...], ...]) -> NDArray[Any]:
    data = path.read_bytes()
    logits, labels = (int(np.prod(shape)) for shape in shapes)
    kinds = {logits * 4: ("<f4", shapes[0]), logits * 2: ("<f2", shapes[0]), labels: ("u1", shapes[1])}
    if len(data) not in kinds:
        rule = f"{logits * 4} (float32 logits), {logits * 2} (float16) or {labels} (uint8 labels)"
        raise InputError(f"{path}: {len(data)} bytes, but should be {rule}. Run that image again")
    dtype, shape = kinds[len(data)]
    return np.frombuffer(data, dtype).reshape(shape)


def read_txt(path: Path, shapes: tuple[tuple[int, ...], ...]) -> NDArray[Any]:
    """Numbers between white space, as ais_bench writes them: "%f" (six decimals) or "%d"."""
    logits, labels = (int(np.prod(shape)) for shape in shapes)
    if path.stat().st_size > 64 * logits:
        raise InputError(f"{path}: {path.stat().st_size} bytes, but {logits} numbers should take less. Run it again")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's way of saying that something is no number
        try:
            values = np.fromstring(path.read_text(encoding="ascii"), np.float64, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise InputError(f"{path}: holds something that is no number. Run that image again") from error
    if values.size == logits:
        return values.reshape(shapes[0])
    if values.size == labels and np.array_equal(values, np.trunc(values)):
        return values.astype(np.int64).reshape(shapes[1])
    raise InputError(
        f"{path}: {values.size} numbers, but should be {logits} (logits) or {labels} (labels). Run it again"
    )
