"""Read the file of a checkpoint without running code from it, and say of any other file what it is.

``torch.load`` with ``weights_only=True`` builds tensors, containers and numbers. Training code also stores what is
harmless, but not on torch's list: numpy's numbers and arrays, the arguments of the command line, paths, times. Their
classes are allowed by name, since numpy 1 and 2 write different ones.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import errno
import pathlib
import pickle
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from enet.errors import InputError, format_list
from enet.storage.files import require_plain_file

#: Exceptions of ``torch.load`` for a file that is not a checkpoint, other than those with a message of their own.
#: RuntimeError includes NotImplementedError and RecursionError; ValueError, UnicodeDecodeError. A damaged shape may
#: ask for more memory than there is.
LOAD_ERRORS = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    struct.error,
    MemoryError,
)

#: Beginnings of files that are often given for a checkpoint: the file's kind, and what to do.
BEGINNINGS = {
    b"version https://git-lfs": ("a Git LFS pointer", "Fetch the file itself with: git lfs pull"),
    b"<": ("a web page", "Download the checkpoint again, by the link of the file itself"),
    b"\x1f\x8b": ("a compressed file (gzip)", "Unpack it"),
    b"\x93NUMPY": ("a NumPy array", "Give what torch.save(network.state_dict(), path) writes"),
    b"\x89HDF": ("an HDF5 file, as Keras writes it", "Give what torch.save(network.state_dict(), path) writes"),
}

#: Entries of zip archives that are not checkpoints, as patterns: the archive's kind, and what to do.
ARCHIVES = {
    r"(^|/)constants\.pkl$": ("a TorchScript archive", "Convert it: torch.save(torch.jit.load(path).state_dict(), …)"),
    r"(^|/)models/[^/]+\.json$": (
        "a torch.export archive",
        "Convert it: torch.save(torch.export.load(path).state_dict, …)",
    ),
    r"\.npy$": (
        "a NumPy archive",
        "Convert it: torch.save({key: torch.from_numpy(value) for key, value in archive}, …)",
    ),
}


def empty_dict(*_: Any) -> dict[Any, Any]:
    """Stand for a dictionary with a default, since ``torch.load`` fills no dictionaries but plain ones."""
    return {}


def empty_list(*_: Any) -> list[Any]:
    """Stand for a deque, as ``empty_dict``."""
    return []


#: What is allowed besides torch's own, by the names in the pickle: all only hold values.
HARMLESS: dict[str, Any] = {
    "argparse.Namespace": argparse.Namespace,
    "collections.defaultdict": empty_dict,
    "collections.deque": empty_list,
    "datetime.date": datetime.date,
    "datetime.datetime": datetime.datetime,
    "datetime.timedelta": datetime.timedelta,
    "torch.torch_version.TorchVersion": torch.torch_version.TorchVersion,
    # Lightning's dictionary of hyperparameters
    "pytorch_lightning.utilities.parsing.AttributeDict": dict,
    "lightning_fabric.utilities.data.AttributeDict": dict,
    "lightning.fabric.utilities.data.AttributeDict": dict,
    **{f"builtins.{kind.__name__}": kind for kind in (bool, dict, float, frozenset, int, list, range, slice, str)},
    # as pure paths: those of another operating system cannot be built
    "pathlib.PosixPath": pathlib.PurePosixPath,
    "pathlib._local.PosixPath": pathlib.PurePosixPath,
    "pathlib.WindowsPath": pathlib.PureWindowsPath,
    "pathlib._local.WindowsPath": pathlib.PureWindowsPath,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    **{f"numpy.{core}.multiarray.scalar": np.float64(0).__reduce__()[0] for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": np.zeros(0).__reduce__()[0] for core in ("core", "_core")},
    **{f"numpy.dtypes.{type(np.dtype(code)).__name__}": type(np.dtype(code)) for code in "?bBhHiIlLqQefdgFDSUMm"},
}  # fmt: skip


def read_content(path: Path) -> Any:
    """Read whatever ``torch.save`` wrote, or the tensors of a safetensors file.

    Raises:
        InputError: the file cannot be read, is not a checkpoint, or would run code.
    """
    try:
        require_plain_file(path)
        with path.open("rb") as file:
            start = file.read(1 << 20)
    except OSError as error:
        raise InputError(f"weights {path}: {error.strerror or error}. Give a checkpoint with --weights") from error
    if path.suffix == ".onnx":
        raise InputError(
            f"weights {path}: not a torch checkpoint, but an ONNX file. Give the checkpoint it is made from"
        )
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return read_safetensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the protocol of the pickle
            try:
                return torch.load(path, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError:  # only then, as it takes half as long again
                with allow_harmless():
                    return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, pickle.UnpicklingError, *LOAD_ERRORS) as error:
        raise InputError(f"weights {path}: {load_problem(path, start, error)}") from error


def allow_harmless() -> contextlib.AbstractContextManager[Any]:
    """Let ``torch.load`` build the ``HARMLESS`` classes; torch before 2.6 has its own list alone."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        return contextlib.nullcontext()
    return torch.serialization.safe_globals([(kind, name) for name, kind in HARMLESS.items()])


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        import safetensors.torch  # an optional library
    except ModuleNotFoundError:
        raise InputError(f"weights {path}: a safetensors file. To read it: pip install safetensors") from None
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError, *LOAD_ERRORS) as error:
        raise InputError(f"weights {path}: not a torch checkpoint, but a damaged safetensors file ({error})") from error


def load_problem(path: Path, start: bytes, error: Exception) -> str:
    """Say why ``torch.load`` refused a file with ``error``, and what to do. ``start``: the file's first bytes."""
    if other := other_kind(path, start):
        return f"not a torch checkpoint, but {other}"
    if found := re.search(r"(?i)unsupported (?:global:? )?global:? (\S+)", str(error)):
        if b"torch.nn.modules." in start or b"torch.nn.parallel." in start:
            advice = "Where its code is, save it as torch.save(network.state_dict(), path)"
            return f"holds a whole pickled network ({found[1]}), and reading it would run code. {advice}"
        problem = f"has more than tensors ({found[1]}) and was not loaded, because reading it could run code"
        return f"{problem}. Save it again as torch.save(network.state_dict(), path)"
    if isinstance(error, pickle.UnpicklingError):
        return "not a torch checkpoint (no readable pickle)"
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        return f"{error.strerror or error}. Give a checkpoint with --weights"
    if isinstance(error, OSError):  # torch seeks before the start of a cut file
        return "not a torch checkpoint (cut short)"
    if "PytorchStreamReader" in str(error):
        return "not a torch checkpoint (cut short or damaged). Copy the file again"
    reason = (str(error).strip().splitlines() or ["no reason given"])[0][:160]
    return f"not a torch checkpoint ({reason})"


def other_kind(path: Path, start: bytes) -> str:
    """Name the kind of a file that is often given for a checkpoint, and say what to do; empty if it is none."""
    if not start:
        return "an empty file. Copy it again"
    entries = archive_entries(path)
    kinds = [kind for beginning, kind in BEGINNINGS.items() if start.lstrip().startswith(beginning)]
    kinds += [kind for pattern, kind in ARCHIVES.items() if any(re.search(pattern, entry) for entry in entries)]
    if kinds:
        return ". ".join(kinds[0])
    has_pickle = any(entry.endswith("data.pkl") for entry in entries)
    return f"a zip archive of {format_list(entries, first=3)}. Unpack it" if entries and not has_pickle else ""


def archive_entries(path: Path) -> list[str]:
    """Names of the files in a zip archive; empty if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, ValueError, LookupError, NotImplementedError, zipfile.BadZipFile, struct.error):
        return []
