"""The ONNX of a checkpoint, exported once into the artifact cache."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from enet import model as models  # loads lazily: torch only if the ONNX is not in the cache
from enet.deliverable import Deliverable, IoFormat
from enet.storage.code_digest import made_by
from enet.storage.files import hash_file
from enet.storage.store import Store


def get_onnx(deliverable: Deliverable, weights: Path, form: IoFormat, store: Store) -> Path:
    """Return the path of a checkpoint's ONNX in the artifact cache; export it if it is not there.

    Raises:
        InputError: the checkpoint cannot be read or does not fit the deliverable.
    """
    classes = deliverable.scored_classes
    key = {
        "weights": hash_file(weights),
        "variant": deliverable.network.variant,
        "outputs": deliverable.network.outputs,
        "classes": classes,
        "preprocessing": deliverable.preprocessing.of_images,
        "form": asdict(form),
        **made_by("enet.model.checkpoint", "enet.model.export"),
    }

    def make(folder: Path) -> None:
        network = models.checkpoint.load(weights, deliverable.network.variant, deliverable.network.outputs)
        model = models.export.to_onnx(network, deliverable.preprocessing, form, classes=classes)
        models.export.save(model, folder / "enet.onnx")

    return store.get_or_build("onnx", key, make) / "enet.onnx"
