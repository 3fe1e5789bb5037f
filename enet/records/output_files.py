"""Output files of a recorded run: find the file of each image, and read logits or labels from it."""

from __future__ import annotations

import io
import tokenize
import warnings
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import mmread

from enet.errors import InputError, format_list
from enet.records.consistency import present_inputs
from enet.records.summary import Summary, image_name

#: Kinds of output files.
SUFFIXES = (".bin", ".npy", ".txt")
#: Tolerance in seconds by which an output may be older than its input, because file systems and copies round times.
TIME_TOLERANCE = 2.0
#: Decimals of "%f", and a table that turns white space into ends of lines.
DECIMALS = 6
ONE_A_LINE = bytes.maketrans(b" \t\r", b"\n\n\n")


def find_outputs(summary: Summary) -> dict[str, Path] | None:
    """Output file by image name; None if no output file is in the folder.

    Raises:
        InputError: an image is listed twice, several share an output, only some outputs are there, others are there
            that the summary does not list, or outputs are older than their inputs.
    """
    place, outfiles = summary.path, [outfile for _, outfile in summary.pairs]
    names = Counter(image_name(infile) for infile, _ in summary.pairs)
    if twice := [name for name, count in names.items() if count > 1]:
        raise InputError(f"{place}: lists the image {twice[0]} twice. Run ais_bench again over each image once")
    if len(set(outfiles)) < len(outfiles):
        raise InputError(f"{place}: images share one output file: their names agree up to the first dot. Rename them")
    located = [locate_output(outfile, summary) for outfile in outfiles]
    outputs = {name: path for name, path in zip(names, located, strict=True) if path is not None}
    if not outputs:
        return None
    if absent := [PurePosixPath(out).name for out, path in zip(outfiles, located, strict=True) if path is None]:
        raise InputError(f"{place}: {len(absent)} listed outputs are absent: {format_list(absent)}. Copy the folder")
    check_unlisted(summary, set(outputs.values()))
    check_age(summary, outputs)
    return outputs


def locate_output(outfile: str, summary: Summary) -> Path | None:
    """Path of a listed output now. Only its name is taken from the list, so a list cannot point outside."""
    path = summary.folder / PurePosixPath(outfile).name
    try:
        if path.is_symlink() or summary.folder.is_symlink():
            raise InputError(f"{path}: a symbolic link. Copy the files themselves")
        return path if path.is_file() else None
    except OSError:  # such as a name too long for the file system
        return None


def check_unlisted(summary: Summary, listed: set[Path]) -> None:
    # Other files that a user saves there (console, npu-smi) are not named like an output.
    endings = tuple(f"_{number}{suffix}" for number in range(10) for suffix in SUFFIXES)
    if extra := sorted(p.name for p in summary.folder.iterdir() if p not in listed and p.name.endswith(endings)):
        problem = f"{len(extra)} outputs that {summary.path.name} does not list: {format_list(extra)}"
        raise InputError(f"{summary.folder}: {problem}. Run ais_bench again with a fresh --output_dirname")


def check_age(summary: Summary, outputs: dict[str, Path]) -> None:
    for infile, path in present_inputs(summary):
        output = outputs[image_name(infile)]
        if output.stat().st_mtime < path.stat().st_mtime - TIME_TOLERANCE:
            raise InputError(f"{output}: older than its input {path}. Run ais_bench again, or copy with times (cp -a)")


def read_output(path: Path, outputs: int, size: tuple[int, int]) -> NDArray[Any]:
    """Read one image's output.

    Args:
        outputs: number of outputs of the network.
        size: width and height of the network's input.
    Returns:
        Logits, float32, shape (outputs, H, W), or labels, as they were written, shape (H, W).
    Raises:
        InputError: the file cannot be read, or holds neither.
    """
    width, height = size
    shapes: tuple[tuple[int, ...], ...] = ((outputs, height, width), (height, width))
    try:
        if path.suffix.lower() == ".npy":
            # Mapped: no pickles, no archives, and no header that claims more than the file holds.
            array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
            if array.dtype.kind not in "fiu":
                raise InputError(f"{path}: dtype={array.dtype}, expected numbers. Run that image again")
        elif path.suffix.lower() == ".txt":
            array = read_txt(path, shapes)
        else:
            array = read_bin(path, shapes)
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:
        raise InputError(f"{path}: cannot be read ({error}). Copy it again, or run that image again") from error
    for shape in shapes:
        if array.shape in (shape, (1, *shape)):
            return array.reshape(shape) if len(shape) == 2 else array.reshape(shape).astype(np.float32, copy=False)
    raise InputError(f"{path}: shape={array.shape}, expected one of {list(shapes)}. Run that image again")


def read_bin(path: Path, shapes: tuple[tuple[int, ...], ...]) -> NDArray[Any]:
    data = path.read_bytes()
    logits, labels = (int(np.prod(shape)) for shape in shapes)
    kinds = {logits * 4: ("<f4", shapes[0]), logits * 2: ("<f2", shapes[0]), labels: ("u1", shapes[1])}
    if len(data) not in kinds:
        rule = f"{logits * 4} (float32 logits), {logits * 2} (float16) or {labels} (uint8 labels)"
        raise InputError(f"{path}: {len(data)} bytes, expected {rule}. Run that image again")
    dtype, shape = kinds[len(data)]
    return np.frombuffer(data, dtype).reshape(shape)


def read_txt(path: Path, shapes: tuple[tuple[int, ...], ...]) -> NDArray[Any]:
    """Read numbers between white space, which ais_bench writes as "%f" (six decimals) or "%d"."""
    logits, labels = (int(np.prod(shape)) for shape in shapes)
    size, limit = path.stat().st_size, 64 * logits
    if size > limit:
        raise InputError(f"{path}: {size} bytes, expected at most {limit} for {logits} numbers. Run that image again")
    data = path.read_bytes()
    values = parse_decimals(data, logits)
    if values is None:
        values = parse_numbers(data, path)
    if values.size == logits:
        return values.reshape(shapes[0])
    if values.size == labels and np.array_equal(values, np.trunc(values)):
        return values.astype(np.int64).reshape(shapes[1])
    rule = f"{logits} (logits) or {labels} (labels)"
    raise InputError(f"{path}: {values.size} numbers, expected {rule}. Run that image again")


def parse_decimals(data: bytes, count: int) -> NDArray[np.float64] | None:
    """Parse ``count`` numbers as "%f" writes them, white space between them; None for anything else.

    SciPy's reader of Matrix Market files takes a third of the time of ``np.fromstring``, and other threads go on
    meanwhile. It ignores what follows a number in its line, so the form is checked first.
    """
    lines = data.translate(ONE_A_LINE)
    if lines.translate(None, b"0123456789-.\n") or lines.count(b".") != count:  # no exponents, NaN or infinity
        return None
    if lines.count(b"-") != lines.count(b"\n-") + lines.startswith(b"-"):
        return None
    characters = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(characters == ord(".")) + DECIMALS + 1
    # As many lines as points, and each ends six characters after one: so none holds two numbers.
    if ends[-1] > len(characters) or not (characters[ends[ends < len(characters)]] == ord("\n")).all():
        return None
    head = b"%%%%MatrixMarket matrix array real general\n%d 1\n" % count
    try:
        return np.asarray(mmread(io.BytesIO(head + lines)), np.float64)
    except (ValueError, OverflowError):  # such as a line of digits without a point
        return None


def parse_numbers(data: bytes, path: Path) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy warns if a text is not a number
        try:
            return np.fromstring(data.decode("ascii"), np.float64, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise InputError(f"{path}: holds text that is not a number. Run that image again") from error
