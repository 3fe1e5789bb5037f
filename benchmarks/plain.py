"""The reference scripts' steps and a plain ONNX Runtime session, one image at a time, for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from enet.datasets import IGNORE
from enet.deliverable import Deliverable
from enet.measure.reference_preprocessing import network_input, train_ids
from enet.measure.subject import Subject

CLASSES = 19


def export(network: nn.Module, path: Path, side: tuple[int, int]) -> Path:
    """Export the network with torch's own exporter, without any folding by hand."""
    width, height = side
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, height, width),),
        str(path),
        opset_version=18,
        dynamo=False,
        input_names=["image"],
        output_names=["class"],
    )
    return path


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file with default options and all threads."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def predict(model: onnxruntime.InferenceSession, batch: NDArray[np.float32]) -> NDArray[np.uint8]:
    (logits,) = model.run(None, {"image": batch})
    return np.asarray(logits).argmax(axis=1).astype(np.uint8)


def eager(network: nn.Module, batch: NDArray[np.float32]) -> NDArray[np.uint8]:
    with torch.inference_mode():
        return network(torch.from_numpy(batch)).argmax(1).to(torch.uint8).numpy()


class Scores:
    """The reference postprocessing: three histograms over the classes per image, summed in float32."""

    def __init__(self) -> None:
        self.inter = np.zeros(CLASSES, np.float32)
        self.union = np.zeros(CLASSES, np.float32)
        self.labelled = self.correct = 0

    def update(self, logits: NDArray[np.float32], label: NDArray[Any]) -> None:
        """Add an image: logits, shape (C, H, W); label, shape (H, W), -1 for ignored pixels."""
        target = label.astype(np.int64) + 1
        truncated = np.argmax(logits.astype(np.int64), 0).astype(np.int64) + 1  # as in the scripts' pixel accuracy
        self.labelled += int(np.sum(target > 0))
        self.correct += int(np.sum((truncated == target) * (target > 0)))
        predict = np.argmax(logits.astype(np.float32), 0).astype(np.int64) + 1
        predict = predict * (target > 0).astype(np.int64)
        intersection = predict * (predict == target).astype(np.int64)
        inter, found, there = (
            np.histogram(each, bins=CLASSES, range=(1, CLASSES))[0] for each in (intersection, predict, target)
        )
        self.inter += inter
        self.union += found + there - inter

    def miou(self) -> float:
        return float(np.mean(self.inter / (2.220446049250313e-16 + self.union)))


def flow(subject: Subject, model: onnxruntime.InferenceSession, folder: Path, count: int) -> float:
    """Run the reference scripts from PNG to mIoU over the first images: all steps use files, each PNG is read twice."""
    spec: Deliverable = subject.deliverable
    ids = dict(subject.dataset.classes.train_ids)
    samples = subject.dataset.samples[:count]
    for sample in samples:  # preprocess: the data set's loader also decodes the label
        train_ids(sample.label, spec.preprocessing, ids)
        network_input(sample.image, spec.preprocessing).tofile(folder / f"{sample.name}.bin")
    width, height = spec.preprocessing.size
    for sample in samples:  # infer
        image = np.fromfile(folder / f"{sample.name}.bin", np.float32).reshape(1, 3, height, width)
        (logits,) = model.run(None, {"image": image})
        np.asarray(logits).tofile(folder / f"{sample.name}_0.bin")
    scores = Scores()
    for sample in samples:  # postprocess: the loader also decodes the image
        Image.open(sample.image).convert("RGB").load()
        label = train_ids(sample.label, spec.preprocessing, ids).astype(np.int64)
        label[label == IGNORE] = -1
        logits = np.fromfile(folder / f"{sample.name}_0.bin", np.float32).reshape(-1, height, width)
        scores.update(logits, label)
    return scores.miou()
