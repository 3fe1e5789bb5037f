"""The ONNX of a checkpoint, built once into the store."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from enet.deliverable import Deliverable, IoFormat
from enet.storage.files import hash_file
from enet.storage.store import Store, code_digest


def get_onnx(deliverable: Deliverable, weights: Path, form: IoFormat, store: Store) -> Path:
    """Export a checkpoint, or find its ONNX in the store.

    Raises:
        InputError: the checkpoint can't be read or doesn't fit the deliverable.
    """
    key = {
        "weights": hash_file(weights),
        "variant": deliverable.network.variant,
        "outputs": deliverable.network.outputs,
        "classes": deliverable.scored_classes,
        "preprocessing": deliverable.preprocessing.of_images,
        "form": asdict(form),
        "torch": version("torch"),
        "onnx": version("onnx"),
        "source": code_digest("__init__.py", "model/architectures.py", "model/folding.py", "model/export.py"),
    }

    def make(folder: Path) -> None:
        # Imported here: with the ONNX in the store, torch need not be loaded at all.
        from enet.model import checkpoint as checkpoints, export

        network = checkpoints.load(weights, deliverable.network.variant, deliverable.network.outputs)
        model = export.to_onnx(network, deliverable.preprocessing, form, classes=deliverable.scored_classes)
        export.save(model, folder / "enet.onnx")

    return store.build("onnx", key, make) / "enet.onnx"
