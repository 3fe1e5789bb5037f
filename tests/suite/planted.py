"""A pytest plugin that plants one fault in the product: ``-p tests.suite.planted --fault NAME``.

Every fault is one that people make when they port a network, put where they make it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def class_order(patch: pytest.MonkeyPatch) -> None:
    """The exported classifier has road and sidewalk exchanged."""
    from enet import export

    original = export.to_onnx

    def faulty(network: Any, *arguments: Any, **options: Any) -> Any:
        weight = network.fullconv.weight.data
        weight[:, [0, 1]] = weight[:, [1, 0]]
        return original(network, *arguments, **options)

    patch.setattr(export, "to_onnx", faulty)


def bgr(patch: pytest.MonkeyPatch) -> None:
    """Images are read as OpenCV reads them."""
    from enet import source
    from enet.preprocess import load_image

    patch.setattr(source, "load_image", lambda *arguments: load_image(*arguments)[..., ::-1])


def no_normalisation(patch: pytest.MonkeyPatch) -> None:
    """Pixels are scaled to 0..1, and no more."""
    from enet import preprocess

    def faulty(_: Any, images: Any) -> Any:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)

    patch.setattr(preprocess.Normalise, "__call__", faulty)


def crop_shift(patch: pytest.MonkeyPatch) -> None:
    """Images are cropped one pixel to the right of where they should be; label maps are not."""
    from PIL import Image

    from enet import preprocess

    def faulty(self: Any, image: Any) -> Any:
        left, top = self.crop
        whole = image.resize(self.scaled, Image.Resampling.BILINEAR)
        return whole.crop((left + 1, top, left + 1 + self.size[0], top + self.size[1]))

    patch.setattr(preprocess.Window, "of_image", faulty)


def permuted_batch(patch: pytest.MonkeyPatch) -> None:
    """The rows of a batch come back in another order."""
    from enet.backends import onnxruntime

    original = onnxruntime.OnnxRuntimeModel.infer
    patch.setattr(
        onnxruntime.OnnxRuntimeModel, "infer", lambda self, images: np.roll(original(self, images), 1, axis=0)
    )


def not_a_number(patch: pytest.MonkeyPatch) -> None:
    """One logit of every batch overflows, as in half precision."""
    from enet.backends import onnxruntime

    original = onnxruntime.OnnxRuntimeModel.infer

    def faulty(self: Any, images: Any) -> Any:
        logits = original(self, images).copy()
        logits[0, 0, 0, 0] = np.nan
        return logits

    patch.setattr(onnxruntime.OnnxRuntimeModel, "infer", faulty)


FAULTS = {f.__name__: f for f in (class_order, bgr, no_normalisation, crop_shift, permuted_batch, not_a_number)}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", choices=["none", *FAULTS], default="none", help="what to break")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--fault")
    if name != "none":
        patch = pytest.MonkeyPatch()
        FAULTS[name](patch)
        config.add_cleanup(patch.undo)
