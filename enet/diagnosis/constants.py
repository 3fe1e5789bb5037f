"""The constants of an ONNX file, compared with the weights of the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import fx, nn

from enet.diagnosis.result import Finding
from enet.errors import format_list
from enet.model import export
from enet.model.folding import fold_batch_norms

#: What weights are, by the least correlation with the checkpoint's: in words, and as a cause.
KIN = (
    (
        0.9999,
        "but nearly: rounded, folded in another way, or of a neighbouring epoch",
        "weights nearly the checkpoint's",
    ),
    (0.5, "but like them: another epoch of the same training", "another checkpoint"),
    (-np.inf, "nor like them: another training", "another checkpoint"),
)
#: Largest difference of two constants that are the same, as a share of the largest value: rounding of float32.
ROUNDING = 1e-5

#: Weights that take no more values than INT8 has are quantised.
MOST_LEVELS = 256

Constants = dict[str, NDArray[np.float64]]


def of_file(path: Path) -> Constants:
    """The weights in an ONNX file: its constants of floating point with four axes."""
    return weights_among(onnx.load(path).graph.initializer)


def weights_among(tensors: Iterable[onnx.TensorProto]) -> Constants:
    arrays = [(tensor.name, numpy_helper.to_array(tensor)) for tensor in tensors]
    return {name: array.astype(np.float64) for name, array in arrays if array.dtype.kind == "f" and array.ndim == 4}


def of_network(network: nn.Module) -> Constants:
    """The weights that an export of the network has: as they are, with batch normalisation folded, as phases."""
    found = {name: value.detach().double().numpy() for name, value in network.state_dict().items() if value.ndim == 4}
    try:
        graph = export.Graph()
        export.emit(fold_batch_norms(fx.symbolic_trace(network)), graph, export.INPUT)
    except Exception:  # of own code that torch.fx cannot trace, or with layers that only torch's exporter knows
        return found
    return found | {f"{name}, folded": array for name, array in weights_among(graph.constants).items()}


def compare(path: Path, network: nn.Module) -> Finding | None:
    """Whether the weights of an ONNX file are the checkpoint's, whatever their names; None if they are, or if no
    weights can be compared."""
    ours, theirs = of_file(path), of_network(network)
    known = [value for value in theirs.values() if value.size]
    unlike = {}
    for name, value in ours.items():
        same_shape = [other for other in known if other.shape == value.shape]
        if same_shape:
            nearest = min(same_shape, key=lambda other: float(np.abs(other - value).mean()))
            if apart(value, nearest).any():
                unlike[name] = nearest
    if not unlike:
        return None
    what = f"{len(unlike)} of {len(ours)} weights of the ONNX are not the checkpoint's"
    if 2 * len(unlike) < len(ours):
        counts = [f"{name} ({np.count_nonzero(apart(ours[name], unlike[name]))} values)" for name in unlike]
        return Finding(cause="weights changed in the export", sentence=f"{what}: {format_list(counts, first=3)}")
    levels = max(len(np.unique(ours[name])) for name in unlike)
    sizes = [ours[name].size for name in unlike]
    if levels <= MOST_LEVELS < max(sizes) / 2:
        words = f"and have at most {levels} values in a layer: the ONNX is quantised"
        return Finding(cause="quantised weights", sentence=f"{what}, {words}")
    pairs = [(nearest.ravel(), ours[name].ravel()) for name, nearest in unlike.items()]
    alike = float(np.median([np.corrcoef(*pair)[0, 1] for pair in pairs if pair[0].std() and pair[1].std()] or [0]))
    kin, cause = next(words for least, *words in KIN if alike >= least)
    return Finding(cause=cause, sentence=f"{what}, {kin} (median correlation {alike:.4f})")


def apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values differ by more than rounding."""
    return np.abs(one - other) > ROUNDING * np.abs(other).max()
