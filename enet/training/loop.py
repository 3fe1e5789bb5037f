"""The training loop: warm-up and cosine, a moving average of the weights, exact resume.

Every epoch draws from a generator seeded with (seed, epoch), and the state is saved after each, so a run that was
stopped and resumed makes the same weights as one that was not.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from enet.deliverable import Deliverable
from enet.errors import InputError
from enet.model.architectures import build
from enet.storage.files import write_bytes
from enet.training.augment import random_view
from enet.training.loss import Loss, class_weights
from enet.training.optimiser import Optimiser
from enet.training.prelu import quicken

OPTIMISERS = ("muon", "adamw")
PRECISIONS = ("float32", "bfloat16")

#: Parts of a run's identity that are told by name, not by value.
HASHED = ("weights", "photographs")

Pairs = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


def told(default: Any, help_: str, unit: str = "X") -> Any:
    """A field that ``--help`` explains; ``unit`` stands for its value there."""
    return field(default=default, metadata={"help": help_, "unit": unit})


@dataclass(frozen=True)
class Recipe:
    """All that decides the result, apart from the data."""

    epochs: int = told(100, "passes over the photographs", "N")
    batch_size: int = told(4, "photographs a step", "N")
    crop: tuple[int, int] = told((320, 240), "width and height of the windows that are learnt from", "PIXELS")
    scales: tuple[float, float] = told((0.6, 1.6), "smallest and largest zoom")
    optimiser: Literal["muon", "adamw"] = told("muon", "of convolutions, muon or adamw; the rest has adamw", "NAME")
    learning_rate: float = told(3e-3, "after the warm-up; a cosine brings it to zero")
    weight_decay: float = told(0.05, "of convolutions")
    warmup_epochs: int = told(2, "in which the learning rate rises", "N")
    average: float = told(0.998, "how much of the averaged weights a step keeps")
    # c = 1.02 is the paper's, section 5.1.
    weighting: float = told(1.05, "c in the class weights 1 / ln(c + frequency): the larger, the milder", "C")
    iou_loss: float = told(1.0, "how much of the soft IoU's complement is added to the cross entropy")
    # A third of a million parameters hardly overfit.
    dropout: float = told(0.2, "times the network's own rates of dropout")
    # Parameters are float32 all the same. A processor without bfloat16 is slower with it, and rounds otherwise.
    precision: Literal["float32", "bfloat16"] = told("float32", "or bfloat16, for processors that have it", "NAME")
    seed: int = told(0, "of weights, order and views", "N")

    def __post_init__(self) -> None:
        smallest, largest = self.scales
        sides = all(side >= 8 and side % 8 == 0 for side in self.crop)
        rules = (
            (self.epochs >= 1, f"epochs={self.epochs}, but should be at least 1"),
            (self.batch_size >= 1, f"batch_size={self.batch_size}, but should be at least 1"),
            (sides, f"crop={list(self.crop)}, but should be multiples of 8"),
            (0 < smallest <= largest <= 100, f"scales={list(self.scales)}, but should be two of 0..100, smaller first"),
            one_of("optimiser", self.optimiser, OPTIMISERS),
            (0 < self.learning_rate <= 1, f"learning_rate={self.learning_rate}, but should be in 0..1"),
            (0 <= self.weight_decay <= 1, f"weight_decay={self.weight_decay}, but should be in 0..1"),
            (self.warmup_epochs >= 0, f"warmup_epochs={self.warmup_epochs}, but should be at least 0"),
            (0 <= self.average < 1, f"average={self.average}, but should be in 0..1, below 1"),
            (1 < self.weighting <= 1e6, f"weighting={self.weighting}, but should be above 1"),
            (0 <= self.iou_loss <= 100, f"iou_loss={self.iou_loss}, but should be in 0..100"),
            (0 <= self.dropout <= 5, f"dropout={self.dropout}, but should be in 0..5"),
            one_of("precision", self.precision, PRECISIONS),
            (0 <= self.seed < 1 << 40, f"seed={self.seed}, but should be at least 0"),
        )
        for holds, message in rules:
            if not holds:
                raise InputError(f"recipe: {message}")


def one_of(name: str, value: str, known: Sequence[str]) -> tuple[bool, str]:
    """Whether a value is known, and what to say if it isn't."""
    return value in known, f"{name}={value!r}, but should be one of {', '.join(known)}"


class Trainer:
    """A network in training, its moving average, and how far it is."""

    def __init__(
        self,
        spec: Deliverable,
        data: Pairs,
        recipe: Recipe,
        *,
        device: str = "cpu",
        compiled: bool = False,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Begin with ``start``, a state dict; without it, with random weights.

        Raises:
            InputError: there are fewer photographs than a batch, or none has a class.
        """
        if len(data) < recipe.batch_size:
            raise InputError(f"recipe: batch_size={recipe.batch_size}, but there are {len(data)} photographs")
        grid, outputs = spec.preprocessing, spec.network.outputs
        network = build(spec.network.variant, outputs)
        torch.manual_seed(recipe.seed)
        initialise(network)
        if start is not None:
            network.load_state_dict(start)
        #: What a state must have been made with, so that this run can go on from it.
        self.identity: dict[str, Any] = {
            **asdict(recipe),
            "variant": spec.network.variant,
            "outputs": outputs,
            **grid.of_images,
            "weights": digest(value.numpy() for value in (start or {}).values()),
            "photographs": digest(array for pair in data for array in pair),
        }
        self.averaged = copy.deepcopy(network).eval().to(device)
        for module in network.modules():
            if isinstance(module, nn.Dropout2d):
                module.p = min(1.0, module.p * recipe.dropout)
        if device == "cpu" and not compiled:
            quicken(network)
        self.network = network.train().to(device)
        self.forward = torch.compile(self.network) if compiled else self.network
        self.data, self.recipe, self.device = data, recipe, device
        self.mean = torch.tensor(grid.mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(grid.std, device=device).view(1, 3, 1, 1) * 255
        weights = class_weights((label for _, label in data), outputs, recipe.weighting)
        self.loss = Loss(weights, recipe.iou_loss).to(device)
        self.optimiser = Optimiser(
            self.network, recipe.learning_rate, recipe.weight_decay, with_muon=recipe.optimiser == "muon"
        )
        self.epoch = 0
        #: The best mIoU so far of the averaged weights, 0..1.
        self.best = 0.0

    def learning_rate(self, progress: float) -> float:
        """Linear warm-up, then a cosine to zero; ``progress`` counts epochs."""
        recipe = self.recipe
        if progress < recipe.warmup_epochs:
            return recipe.learning_rate * (progress + 0.05) / (recipe.warmup_epochs + 0.05)
        share = (progress - recipe.warmup_epochs) / max(1e-9, recipe.epochs - recipe.warmup_epochs)
        return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch: every photograph once, in random order; a last, smaller batch is left out."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, self.epoch])
        order = rng.permutation(len(self.data))
        for start in range(0, len(order) - recipe.batch_size + 1, recipe.batch_size):
            views = [
                random_view(self.data[i][0], self.data[i][1], recipe.crop, rng, scales=recipe.scales)
                for i in order[start : start + recipe.batch_size]
            ]
            # Channels stay innermost in memory, and so they do in every layer: quicker, on CPUs as on GPUs.
            images = torch.from_numpy(np.stack([image for image, _ in views])).permute(0, 3, 1, 2)
            labels = torch.from_numpy(np.stack([label for _, label in views])).long()
            yield (images.to(self.device).float() - self.mean) / self.std, labels.to(self.device)

    def run_epoch(self, *, progress: bool) -> float:
        """Train for one epoch; returns the mean loss."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.epoch)  # dropout
        steps = len(self.data) // self.recipe.batch_size
        losses = []
        bar = tqdm(self.batches(), f"epoch {self.epoch + 1}/{self.recipe.epochs}", steps, disable=not progress)
        for step, (images, labels) in enumerate(bar):
            self.optimiser.set_learning_rate(self.learning_rate(self.epoch + step / steps))
            with torch.autocast(self.device, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
                logits = self.forward(images)
            loss = self.loss(logits, labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimiser.step()
            self.update_average(self.epoch * steps + step)
            losses.append(loss.item())
            bar.set_postfix(loss=f"{np.mean(losses):.4f}")
        self.epoch += 1
        return float(np.mean(losses))

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Exponential moving average of weights and statistics, quicker in the first steps."""
        keep = min(self.recipe.average, (1 + step) / (10 + step))
        pairs = list(zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True))
        real = [pair for pair in pairs if pair[0].dtype.is_floating_point]
        torch._foreach_lerp_([mine for mine, _ in real], [other for _, other in real], 1 - keep)
        for mine, other in pairs:
            if not mine.dtype.is_floating_point:
                mine.copy_(other)

    def save(self, path: Path) -> None:
        """Write the whole state aside, then move it into place."""
        state = {
            "identity": self.identity,
            "epoch": self.epoch,
            "best": self.best,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        save_aside(state, path)

    def resume(self, path: Path) -> None:
        """Go on where ``save`` stopped.

        Raises:
            InputError: the state was made with another recipe, network or data, or the file is damaged.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            theirs = state["identity"]
            others = [name for name in {**self.identity, **theirs} if self.identity.get(name) != theirs.get(name)]
            if not others:
                self.network.load_state_dict(state["network"])
                self.averaged.load_state_dict(state["averaged"])
                self.optimiser.load_state_dict(state["optimiser"])
                self.epoch, self.best = state["epoch"], state["best"]
        except Exception as error:  # torch's own and pickle's exceptions share no base class
            raise InputError(f"{path}: damaged ({type(error).__name__}). Remove it to start anew") from error
        if others:
            said = [f"other {name}" if name in HASHED else f"{name}={theirs.get(name)}" for name in others]
            raise InputError(f"{path}: trained with {', '.join(said)}. Give the same, or another --output")


def save_aside(state: dict[str, Any], path: Path) -> None:
    """``torch.save`` that leaves either the old file or the whole new one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def digest(arrays: Iterable[NDArray[Any]]) -> str:
    """SHA-256 of arrays, their shapes included, hexadecimal."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def initialise(network: nn.Module) -> None:
    """He initialisation for convolutions; batch normalisation keeps PyTorch's ones and zeros."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")


def append_row(path: Path, row: dict[str, object]) -> None:
    """Add a line to a CSV file, with a header if it is new."""
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def forget_rows(path: Path, after: int) -> None:
    """Leave out the lines of epochs whose state was not saved any more: they will be trained, and told, again."""
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        told = [(row.partition(",")[0], row) for row in rows if row.endswith("\n")]
        kept = [row for epoch, row in told if epoch.isdigit() and int(epoch) <= after]
        write_bytes(path, "".join([header, *kept]).encode())
