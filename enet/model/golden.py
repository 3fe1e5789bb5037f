"""Golden logits: what a network must give for an image by formula, recorded in a small JSON file.

The image, and the weights of a network that has none, follow from integer arithmetic alone, so that no library's
generator can change them. ``golden/<variant>.json`` has each variant's logits with weights by formula.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet.errors import InputError
from enet.model.checkpoint import CLASSIFIERS
from enet.storage.files import write_text
from enet.storage.text import read_text

#: Height and width of the image. A tap of the widest dilation, 16, reaches another one of its 18 x 20 innermost pixels.
SIZE = (144, 160)
#: Outputs of the networks with weights by formula; no layout has more classes.
OUTPUTS = 19
#: Number of recorded logits; ``gates.network`` requires as many.
VALUES = 512
#: Running variance, on average. It is small, so that the epsilon beside it, 1e-5, shows in the logits.
VARIANCE = 0.01

MAX_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Recorded logits.

    Attributes:
        weights_sha256: of the checkpoint; empty for weights by formula.
        positions: indices into the flat logits of ``image()``, int64, shape (n,).
        logits: there, float32, shape (n,).
    """

    weights_sha256: str
    positions: NDArray[np.int64]
    logits: NDArray[np.float32]


def of_variant(variant: str) -> Golden:
    """The golden logits of a variant with weights by ``state``."""
    return load(Path(__file__).parent / "golden" / f"{variant}.json")


def load(path: Path) -> Golden:
    """Read golden logits.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        table = json.loads(read_text(path, at_most=MAX_BYTES))
        positions, logits = np.array(table["positions"], np.int64), np.array(table["logits"], np.float32)
        if not (positions.ndim == 1 and positions.shape == logits.shape and np.isfinite(logits).all()):
            raise ValueError("positions and logits do not match")
        return Golden(weights_sha256=str(table["weights_sha256"]), positions=positions, logits=logits)
    except OSError as error:
        raise InputError(f"golden logits {path}: {error.strerror}. Write them with: enet deliverables pin") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        problem = f"not golden logits ({type(error).__name__}: {error})"
        raise InputError(f"golden logits {path}: {problem}. Write them with: enet deliverables pin") from error


def save(golden: Golden, path: Path) -> None:
    """Write golden logits; the shortest decimals that give the same float32."""
    table = {
        "weights_sha256": golden.weights_sha256,
        "positions": golden.positions.tolist(),
        "logits": [float(str(value)) for value in golden.logits],
    }
    write_text(
        path, "{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items()) + "\n}\n"
    )


def noise(name: str, count: int) -> NDArray[np.float64]:
    """Numbers in 0..1, shape (count,), float64, that depend on ``name`` alone: splitmix64 of a counter.

    The generator is S. Vigna's, https://prng.di.unimi.it/splitmix64.c; the counter begins at the name's CRC-32.
    """
    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()) << 24)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**53


def image() -> NDArray[np.float32]:
    """The image by formula, as a normalised input: float32, shape (1, 3, *SIZE), values in -2..2."""
    return (4 * noise("image", 3 * prod(SIZE)) - 2).astype(np.float32).reshape(1, 3, *SIZE)


def state(network: nn.Module) -> dict[str, Tensor]:
    """A state dict for the network by formula: each entry depends only on its key and shape."""
    return {key: entry(key, value) for key, value in network.state_dict().items()}


def entry(key: str, like: Tensor) -> Tensor:
    """One entry of ``state``, in the shape and type of ``like``."""
    shape = tuple(like.shape)
    values = noise(key, max(1, prod(shape))).reshape(shape)
    if key.endswith("num_batches_tracked"):
        values = np.zeros(shape)
    elif key.endswith("running_var"):
        values = VARIANCE * (0.5 + values)
    elif key.endswith("running_mean"):
        values = VARIANCE**0.5 * (values - 0.5)
    elif key.endswith("bias"):
        values = values - 0.5
    elif len(shape) == 4:  # sums of fan-in terms get about the variance that the normalisation behind them expects
        variance = (1 if key in CLASSIFIERS else VARIANCE) / prod(shape[1:])
        values = (2 * values - 1) * (3 * variance) ** 0.5
    elif len(shape) == 1 and shape[0] > 1:
        values = 0.4 + 0.8 * values  # scale of a normalisation, below 1 on average: logits stay small
    else:
        values = 0.1 + 0.3 * values  # slope of a PReLU
    return torch.from_numpy(np.asarray(values)).to(like.dtype)
