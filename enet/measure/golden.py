"""Run PyTorch for golden logits: to compare them, or to record those of a checkpoint."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from enet.backends.pytorch import PyTorchModel
from enet.deliverable import Deliverable, Tolerances
from enet.errors import InputError
from enet.evidence import GoldenComparison, GoldenLogits
from enet.measure.subject import Subject
from enet.model import architectures, golden, network as networks
from enet.model.golden import Golden
from enet.storage.files import hash_file

LIMIT, RELATIVE = Tolerances.logits, Tolerances.logits_relative
#: To find out which logits hang on rounding (see ``NEAR_TIE`` in ``parity``), the image is changed this often, by at
#: most so much: about ten times what float32 rounds.
CHANGES, CHANGE = 4, 3e-6


def compare(subject: Subject) -> GoldenLogits:
    """Compare the logits of the deliverable's variant with weights by formula, and those of its checkpoint if the
    deliverable has recorded ones, with what the reference backend gives now."""
    spec = subject.deliverable
    comparisons = []
    if variant := spec.network.variant:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "formula.pth"
            torch.save(golden.state(architectures.build(variant, golden.OUTPUTS)), path)
            model = PyTorchModel(path, replace(spec, network=replace(spec.network, outputs=golden.OUTPUTS)))
        comparisons.append(compare_logits(f"variant {variant}", "", model, golden.of_variant(variant)))
    if spec.golden is not None:
        model = PyTorchModel(subject.weights, spec)
        recorded = golden.load(spec.golden)
        comparisons.append(compare_logits(spec.golden.name, hash_file(subject.weights), model, recorded))
    return GoldenLogits(
        deliverable=spec.name, variant=spec.network.name, limit=LIMIT, relative=RELATIVE, comparisons=tuple(comparisons)
    )


def compare_logits(name: str, weights_sha256: str, model: PyTorchModel, recorded: Golden) -> GoldenComparison:
    """Compare a network's logits with recorded ones.

    Raises:
        InputError: the recorded logits are of a network with more outputs.
    """
    logits = model.infer(golden.image()).ravel()
    if not ((recorded.positions >= 0) & (recorded.positions < logits.size)).all():
        raise InputError(f"golden logits {name}: of another network. Write them with: enet deliverables pin")
    difference = np.abs(logits[recorded.positions] - recorded.logits)
    limit = max(LIMIT, RELATIVE * float(np.abs(recorded.logits).max(initial=0)))
    return GoldenComparison(
        name=name,
        weights_sha256=weights_sha256,
        golden_weights_sha256=recorded.weights_sha256,
        values=difference.size,
        largest=float(difference.max(initial=0)),
        over_limit=int(np.count_nonzero(~(difference <= limit))),  # NaN is over the limit
    )


def record(spec: Deliverable, weights: Path) -> Golden:
    """Record logits of a checkpoint, computed in float64, at positions that rounding cannot move.

    Raises:
        InputError: the checkpoint does not fit; rounding moves too many logits, or they are not finite.
    """
    network = networks.load(spec, weights).double()
    image = golden.image().astype(np.float64)
    changes = [2 * golden.noise(f"change {i}", image.size).reshape(image.shape) - 1 for i in range(CHANGES)]
    with torch.inference_mode():
        logits, *others = (
            network(torch.from_numpy(image + CHANGE * change)).numpy().ravel() for change in (0 * image, *changes)
        )
    is_certain = np.max([np.abs(other - logits) for other in others], axis=0) <= LIMIT
    order = np.argsort(golden.noise("positions", logits.size), kind="stable")
    certain = order[is_certain[order]][: golden.VALUES]
    if len(certain) < golden.VALUES:
        problem = f"only {len(certain)} of {logits.size} values do not depend on rounding"
        raise InputError(f"golden logits: {problem}, expected at least {golden.VALUES}. Check the checkpoint")
    positions = np.sort(certain)
    return Golden(weights_sha256=hash_file(weights), positions=positions, logits=logits[positions].astype(np.float32))
