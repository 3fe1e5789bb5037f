"""The training loop: warm-up and cosine schedule, moving average of the weights, exact resume.

Every epoch has a random generator seeded with (seed, epoch), and the state is saved after it. So a run that was
interrupted and resumed gives the same weights, bit by bit, as one that was not.
"""

from __future__ import annotations

import copy
import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Mapping
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
from enet.training.prelu import use_quick_prelus

#: Parts of a run's identity that are hashes: messages give their names only.
HASHED = ("weights", "photographs")

#: Images, uint8 (H, W, 3), with their train ids, uint8 (H, W).
Pairs = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


def cli_field(default: Any, description: str, unit: str = "X") -> Any:
    """Field of ``Recipe`` with its text for ``--help``, where ``unit`` stands for the value."""
    return field(default=default, metadata={"help": description, "unit": unit})


@dataclass(frozen=True)
class Recipe:
    """Everything but the data that determines the result of a training run."""

    epochs: int = cli_field(100, "passes over the images", "N")
    batch_size: int = cli_field(4, "images in a step", "N")
    crop: tuple[int, int] = cli_field((320, 240), "width and height of the training windows", "PIXELS")
    scales: tuple[float, float] = cli_field((0.6, 1.6), "smallest and largest zoom")
    optimiser: Literal["muon", "adamw"] = cli_field("muon", "muon or adamw for convolutions; adamw for others", "NAME")
    learning_rate: float = cli_field(3e-3, "after the warm-up; a cosine reduces it to zero")
    weight_decay: float = cli_field(0.05, "of convolutions")
    warmup_epochs: int = cli_field(2, "epochs in which the learning rate rises", "N")
    average: float = cli_field(0.998, "fraction of the averaged weights that a step keeps")
    # c = 1.02 in section 5.1 of the paper.
    weighting: float = cli_field(1.05, "c in the class weights 1 / ln(c + frequency); a larger c evens them out", "C")
    iou_loss: float = cli_field(1.0, "factor of the soft IoU loss that is added to the cross entropy")
    # A third of a million parameters hardly overfit.
    dropout: float = cli_field(0.2, "factor of the network's own dropout rates")
    # Parameters are float32 all the same. A CPU without bfloat16 is slower with it, and rounds differently.
    precision: Literal["float32", "bfloat16"] = cli_field("float32", "float32; or bfloat16 if the CPU has it", "NAME")
    seed: int = cli_field(0, "of weights, order and views", "N")

    def __post_init__(self) -> None:
        smallest, largest = self.scales
        rules = {
            "epochs": (self.epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "crop": (all(side >= 8 and side % 8 == 0 for side in self.crop), "multiples of 8"),
            "scales": (0 < smallest <= largest <= 100, "two numbers in 0..100, the smaller one first"),
            "optimiser": (self.optimiser in ("muon", "adamw"), "one of muon, adamw"),
            "learning_rate": (0 < self.learning_rate <= 1, "a number in 0..1, above 0"),
            "weight_decay": (0 <= self.weight_decay <= 1, "a number in 0..1"),
            "warmup_epochs": (self.warmup_epochs >= 0, "at least 0"),
            "average": (0 <= self.average < 1, "a number in 0..1, below 1"),
            "weighting": (1 < self.weighting <= 1e6, "a number in 1..1e6, above 1"),
            "iou_loss": (0 <= self.iou_loss <= 100, "a number in 0..100"),
            "dropout": (0 <= self.dropout <= 5, "a number in 0..5"),
            "precision": (self.precision in ("float32", "bfloat16"), "one of float32, bfloat16"),
            "seed": (0 <= self.seed < 1 << 40, "a whole number in 0..2^40, below 2^40"),
        }
        for name, (is_met, expected) in rules.items():
            if not is_met:
                raise InputError(f"recipe: {name}={getattr(self, name)!r}, expected {expected}")


class Trainer:
    """A network in training, the moving average of its weights, and its progress."""

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
        """Start with the state dict ``start``, or with random weights.

        Raises:
            InputError: there are fewer images than a batch has, or no image has a class.
        """
        if len(data) < recipe.batch_size:
            seen = f"recipe: batch_size={recipe.batch_size}"
            raise InputError(f"{seen}, expected at most the number of training images, {len(data)}")
        grid, outputs = spec.preprocessing, spec.network.outputs
        network = build(spec.network.known, outputs)
        torch.manual_seed(recipe.seed)
        initialise(network)
        if start is not None:
            network.load_state_dict(start)
        #: Settings and data that a saved state must share with this run.
        self.identity: dict[str, Any] = {
            **asdict(recipe),
            "variant": spec.network.variant,
            "outputs": outputs,
            **grid.of_images,
            "weights": digest(value.numpy() for value in (start or {}).values()),
            "photographs": digest(array for pair in data for array in pair),
        }
        self.average_network = copy.deepcopy(network).eval().to(device)
        for module in network.modules():
            if isinstance(module, nn.Dropout2d):
                module.p = min(1.0, module.p * recipe.dropout)
        if device == "cpu" and not compiled:
            use_quick_prelus(network)
        self.network = network.train().to(device)
        self.forward = torch.compile(self.network) if compiled else self.network
        self.data, self.recipe, self.device = data, recipe, device
        self.mean = torch.tensor(grid.mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(grid.std, device=device).view(1, 3, 1, 1) * 255
        weights = class_weights((label for _, label in data), outputs, recipe.weighting)
        self.loss = Loss(weights, recipe.iou_loss).to(device)
        with_muon = recipe.optimiser == "muon"
        self.optimiser = Optimiser(self.network, recipe.learning_rate, recipe.weight_decay, with_muon=with_muon)
        #: Objects whose state is saved, by their key in the file.
        self.parts: dict[str, nn.Module | Optimiser] = {"network": self.network, "averaged": self.average_network}
        self.parts["optimiser"] = self.optimiser
        self.epoch = 0
        #: Best mIoU of the average network so far, 0..1.
        self.best = 0.0

    def learning_rate(self, progress: float) -> float:
        """Learning rate after ``progress`` epochs: linear warm-up, then a cosine to zero."""
        recipe = self.recipe
        if progress < recipe.warmup_epochs:
            return recipe.learning_rate * (progress + 0.05) / (recipe.warmup_epochs + 0.05)
        share = (progress - recipe.warmup_epochs) / max(1e-9, recipe.epochs - recipe.warmup_epochs)
        return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of one epoch: every image once, in random order; an incomplete last batch is dropped."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, self.epoch])
        order = rng.permutation(len(self.data))
        for start in range(0, len(order) - recipe.batch_size + 1, recipe.batch_size):
            chosen = order[start : start + recipe.batch_size]
            views = [random_view(*self.data[int(i)], recipe.crop, rng, scales=recipe.scales) for i in chosen]
            # Channels stay innermost in memory, here and in every layer: faster on CPUs and GPUs.
            images = torch.from_numpy(np.stack([image for image, _ in views])).permute(0, 3, 1, 2)
            labels = torch.from_numpy(np.stack([label for _, label in views])).long()
            yield (images.to(self.device).float() - self.mean) / self.std, labels.to(self.device)

    def run_epoch(self, *, progress: bool) -> float:
        """Train for one epoch and return the mean loss."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.epoch)  # for dropout
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
        """Update the exponential moving average of weights and statistics; the first steps have more influence."""
        keep = min(self.recipe.average, (1 + step) / (10 + step))
        pairs = list(zip(self.average_network.state_dict().values(), self.network.state_dict().values(), strict=True))
        floats = [pair for pair in pairs if pair[0].dtype.is_floating_point]
        torch._foreach_lerp_([average for average, _ in floats], [current for _, current in floats], 1 - keep)
        for average, current in pairs:
            if not average.dtype.is_floating_point:
                average.copy_(current)

    def save(self, path: Path) -> None:
        """Write the whole state; a file from before stays complete until it is replaced."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        save_torch({"identity": self.identity, "epoch": self.epoch, "best": self.best, **states}, path)

    def resume(self, path: Path) -> None:
        """Continue from the state that ``save`` wrote.

        Raises:
            InputError: the state is of another recipe, network or data set, or the file is damaged.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            theirs = state["identity"]
            others = [name for name in {**self.identity, **theirs} if self.identity.get(name) != theirs.get(name)]
            if not others:
                for name, part in self.parts.items():
                    part.load_state_dict(state[name])
                self.epoch, self.best = state["epoch"], state["best"]
        except Exception as error:  # exceptions of torch and pickle have no common base class
            raise InputError(f"{path}: damaged ({type(error).__name__}). Remove it to start again") from error
        if others:
            seen = [f"other {name}" if name in HASHED else f"{name}={theirs.get(name)}" for name in others]
            raise InputError(f"{path}: trained with {', '.join(seen)}. Give the same, or another --output")


def save_torch(state: dict[str, Any], path: Path) -> None:
    """Write a file as ``torch.save`` does, completely or not at all."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def digest(arrays: Iterable[NDArray[Any]]) -> str:
    """SHA-256 of arrays and their shapes, hexadecimal."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def initialise(network: nn.Module) -> None:
    """Apply He initialisation to convolutions; batch normalisation keeps PyTorch's ones and zeros."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
