"""The training loop: AdamW, warm-up and cosine, class weights, a moving average of the weights, exact resume.

Every epoch draws from a generator seeded with (seed, epoch), and the state is saved after each, so a run that was
stopped and resumed makes the same weights as one that was not.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from enet.datasets.base import IGNORE
from enet.errors import InputError
from enet.store import write_bytes
from enet.training.augment import random_view

Pairs = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


@dataclass(frozen=True)
class Recipe:
    """All that decides the result, apart from the data."""

    epochs: int = 100
    batch_size: int = 8
    crop: tuple[int, int] = (320, 240)
    scales: tuple[float, float] = (0.6, 1.6)
    learning_rate: float = 2e-3
    weight_decay: float = 5e-4
    warmup_epochs: int = 2
    average: float = 0.998
    #: Class weights are 1 / ln(c + frequency); c = 1.02 is the paper's (section 5.1), larger ones are milder.
    weighting: float = 1.1
    label_smoothing: float = 0.0
    #: How much of the mean soft IoU's complement is added to the cross entropy. Weighted cross entropy alone finds rare
    #: classes everywhere: it counts what is missed, not what is said too often.
    iou_loss: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        smallest, largest = self.scales
        sides = all(side >= 8 and side % 8 == 0 for side in self.crop)
        rules = (
            (self.epochs >= 1, f"epochs={self.epochs}, but should be at least 1"),
            (self.batch_size >= 1, f"batch_size={self.batch_size}, but should be at least 1"),
            (sides, f"crop={list(self.crop)}, but should be multiples of 8"),
            (0 < smallest <= largest <= 100, f"scales={list(self.scales)}, but should be two of 0..100, smaller first"),
            (0 < self.learning_rate <= 1, f"learning_rate={self.learning_rate}, but should be in 0..1"),
            (0 <= self.weight_decay <= 1, f"weight_decay={self.weight_decay}, but should be in 0..1"),
            (self.warmup_epochs >= 0, f"warmup_epochs={self.warmup_epochs}, but should be at least 0"),
            (0 <= self.average < 1, f"average={self.average}, but should be in 0..1, below 1"),
            (1 < self.weighting <= 1e6, f"weighting={self.weighting}, but should be above 1"),
            (0 <= self.label_smoothing < 1, f"label_smoothing={self.label_smoothing}, but should be in 0..1, below 1"),
            (0 <= self.iou_loss <= 100, f"iou_loss={self.iou_loss}, but should be in 0..100"),
            (0 <= self.seed < 1 << 40, f"seed={self.seed}, but should be at least 0"),
        )
        for holds, message in rules:
            if not holds:
                raise InputError(f"recipe: {message}")


class Trainer:
    """A network in training, its moving average, and how far it is."""

    def __init__(
        self,
        network: nn.Module,
        data: Pairs,
        recipe: Recipe,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        outputs: int,
        device: str = "cpu",
        compiled: bool = False,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Begin with ``start``, a state dict; without it, with random weights."""
        if len(data) < recipe.batch_size:
            raise InputError(f"recipe: batch_size={recipe.batch_size}, but there are {len(data)} photographs")
        torch.manual_seed(recipe.seed)
        initialise(network)
        if start is not None:
            network.load_state_dict(start)
        self.start = digest(start or {})
        self.network = network.train().to(device)
        self.forward = torch.compile(self.network) if compiled else self.network
        self.averaged = copy.deepcopy(network).eval()
        self.data, self.recipe, self.device = data, recipe, device
        self.mean = torch.tensor(mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(std, device=device).view(1, 3, 1, 1) * 255
        weights = class_weights(data, outputs, recipe.weighting).to(device)
        self.cross_entropy = nn.CrossEntropyLoss(weights, ignore_index=IGNORE, label_smoothing=recipe.label_smoothing)
        self.optimiser = torch.optim.AdamW(parameter_groups(self.network, recipe.weight_decay), recipe.learning_rate)
        self.epoch = 0

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
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate(self.epoch + step / steps)
            logits = self.forward(images).float()
            loss = self.cross_entropy(logits, labels)
            if self.recipe.iou_loss:
                loss = loss + self.recipe.iou_loss * (1 - soft_iou(logits, labels))
            self.optimiser.zero_grad()
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
        for mine, other in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mine.dtype.is_floating_point:
                mine.lerp_(other, 1 - keep)
            else:
                mine.copy_(other)

    def save(self, path: Path) -> None:
        """Write the whole state aside, then move it into place."""
        state = {
            "recipe": asdict(self.recipe), "start": self.start, "epoch": self.epoch,
            "network": self.network.state_dict(), "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        save_aside(state, path)

    def resume(self, path: Path) -> None:
        """Go on where ``save`` stopped.

        Raises:
            InputError: the state was made with another recipe, or the file is damaged.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            recipe = state["recipe"]
            if (recipe, state["start"]) == (asdict(self.recipe), self.start):
                self.network.load_state_dict(state["network"])
                self.averaged.load_state_dict(state["averaged"])
                self.optimiser.load_state_dict(state["optimiser"])
                self.epoch = state["epoch"]
        except Exception as error:  # torch's own and pickle's exceptions share no base class
            raise InputError(f"{path}: damaged ({type(error).__name__}). Remove it to start anew") from error
        mine = asdict(self.recipe)
        if other := [f"{name}={recipe.get(name)}" for name in mine if recipe.get(name) != mine[name]]:
            raise InputError(f"{path}: trained with {', '.join(other)}. Remove it to start anew, or give the same")
        if state["start"] != self.start:
            raise InputError(f"{path}: trained from other weights. Remove it to start anew, or give the same --weights")


def save_aside(state: dict[str, Any], path: Path) -> None:
    """``torch.save`` that leaves either the old file or the whole new one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of weights, whatever file they are in, hexadecimal."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def initialise(network: nn.Module) -> None:
    """He initialisation for convolutions; batch normalisation keeps PyTorch's ones and zeros."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")


def soft_iou(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the classes in the labels of the IoU of probabilities: differentiable, a scalar in 0..1.

    Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation", 2016.

    Args:
        logits: (N, C, H, W).
        labels: train ids, (N, H, W), int64; those of ``IGNORE`` count nowhere.
    """
    known = labels != IGNORE
    probabilities = logits.softmax(dim=1) * known[:, None]
    truth = nn.functional.one_hot(labels.where(known, 0), logits.shape[1]).movedim(-1, 1) * known[:, None]
    axes = (0, 2, 3)
    intersection, size = (probabilities * truth).sum(axes), truth.sum(axes)
    union = probabilities.sum(axes) + size - intersection
    present = size > 0
    return (intersection[present] / union[present]).mean() if bool(present.any()) else logits.sum() * 0


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay for convolution weights alone, not for normalisation and PReLU slopes."""
    decayed = [p for p in network.parameters() if p.ndim == 4]
    others = [p for p in network.parameters() if p.ndim != 4]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def class_weights(data: Pairs, outputs: int, offset: float) -> Tensor:
    """``1 / ln(offset + frequency)``, scaled to a mean of 1, shape (outputs,), float32."""
    counts = sum(
        (np.bincount(label.ravel(), minlength=256)[:outputs] for _, label in data), np.zeros(outputs, np.int64)
    )
    weights = 1 / np.log(offset + counts / counts.sum())
    return torch.tensor(weights / weights.mean(), dtype=torch.float32)


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
