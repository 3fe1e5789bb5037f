"""What several unit tests need: the facts folder, seeded networks, small files, a provenance. No fixture, no test."""

from __future__ import annotations

import copy
import struct
import warnings
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from enet import cli, model
from enet.deliverable.target import DeviceState
from enet.evidence import Provenance

SHARED = Path(__file__).resolve().parents[3] / "shared"


def fact(name: str) -> Path:
    """A file of ``../shared/facts``; skips the test where the folder is absent."""
    if not SHARED.is_dir():
        pytest.skip("../shared/facts is not here")
    return SHARED / "facts" / name


def provenance(**changes: Any) -> Provenance:
    """One run of ``cityscapes`` at batch size 1 by ONNX Runtime, with changes."""
    known: dict[str, Any] = {
        "deliverable": "cityscapes",
        "backend": "onnxruntime",
        "device": "cpu",
        "batch_size": 1,
        "io_format": {},
        "weights_sha256": "w",
        "onnx_sha256": "o",
        "artifact_sha256": "a",
        "dataset_sha256": "d",
        "preprocessing_sha256": "p",
        "versions": {},
    }
    return Provenance(**{**known, **changes})


def about(value: float | None, **tolerance: float) -> Any:
    """``pytest.approx``, also of NaN, as a figure that a dataclass may hold."""
    return pytest.approx(value, nan_ok=True, **tolerance)


def device_state(**changes: Any) -> DeviceState:
    """An idle, healthy 310P3, with changes."""
    known: dict[str, Any] = {
        "device": 0,
        "npu": 0,
        "chip": 0,
        "name": "310P3",
        "health": "OK",
        "power": 17.0,
        "temperature": 56.0,
        "utilisation": 0.0,
        "memory_used": 934,
        "memory_total": 23054,
    }
    return DeviceState(**{**known, **changes})


def seeded_state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict of the golden logits: every entry drawn from a generator seeded by its own name."""
    return {key: seeded_entry(key, value) for key, value in network.state_dict().items()}


def seeded_entry(key: str, entry: torch.Tensor) -> torch.Tensor:
    """One entry, in the shape and type of ``entry``."""

    rng, shape = np.random.default_rng(zlib.crc32(key.encode())), tuple(entry.shape)
    if key.endswith("num_batches_tracked"):
        values = np.zeros(shape)
    elif key.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif len(shape) == 4:
        values = rng.normal(0, 1, shape) * np.sqrt(1.5 / prod(shape[1:]))
    elif key.endswith(("running_mean", "bias")):
        values = rng.normal(0, 0.1, shape)
    elif entry.numel() > 1:
        values = rng.uniform(0.5, 1.0, shape)
    else:
        values = np.full(shape, 0.25)
    return torch.from_numpy(np.asarray(values)).to(entry.dtype)


def seeded(variant: str, outputs: int = 19) -> torch.nn.Module:
    """A network in evaluation mode with ``seeded_state``."""

    network = model.architectures.build(variant, outputs)
    network.load_state_dict(seeded_state(network))
    return network


def run(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """A forward pass without gradients, on one thread: two threads wait for each other where others use the cores."""

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            logits: torch.Tensor = network(images)
    finally:
        torch.set_num_threads(threads)
    return logits


def golden_images() -> torch.Tensor:
    """The images of the golden logits: float32, shape (2, 3, 96, 128)."""

    return torch.from_numpy(np.random.default_rng(7).normal(size=(2, 3, 96, 128)).astype(np.float32))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims to be of some size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def enet(*words: object) -> int:
    """Run a command of ``enet`` in this process; return its exit code."""
    return cli.main([str(word) for word in words])


def files(root: Path) -> list[str]:
    """Every file and folder under ``root``, relative and sorted."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def is_plain(message: str, lines: int = 1) -> bool:
    """Whether a message reads like one for a user: a few lines, and nothing of a traceback or of torch's advice."""
    leaks: Iterable[str] = ("Traceback", 'File "', "weights_only", "Re-running", "docs/stable", "C++")
    return 0 < len(message.splitlines()) <= lines and not any(leak in message for leak in leaks)


def official(predictions: list[Path], truths: list[Path]) -> dict[str, Any]:
    """What cityscapesScripts' own evaluator makes of label files. Its warnings are its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
        arguments = copy.copy(evaluator.args)
        arguments.evalInstLevelScore, arguments.JSONOutput, arguments.quiet = False, False, True
        result: dict[str, Any] = evaluator.evaluateImgLists(
            [str(path) for path in predictions], [str(path) for path in truths], arguments
        )
    return result
