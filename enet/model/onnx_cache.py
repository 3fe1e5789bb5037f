"""The ONNX of a checkpoint, exported once into the artifact cache."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from enet import model as models  # loads lazily: torch only if the ONNX is not in the cache
from enet.deliverable import Deliverable, IoFormat
from enet.storage.code_digest import made_by
from enet.storage.files import hash_file
from enet.storage.store import Store
from enet.storage.user_code import code_sha256


def get_onnx(deliverable: Deliverable, weights: Path, form: IoFormat, store: Store) -> Path:
    """Return the path of a checkpoint's ONNX in the artifact cache; export it if it is not there.

    Raises:
        InputError: the checkpoint cannot be read or does not fit the deliverable; or the user's code fails.
    """
    key = {
        "weights": hash_file(weights),
        "network": deliverable.network.name,
        "code": code_sha256(deliverable.code[0]) if deliverable.network.module else "",
        "outputs": deliverable.network.outputs,
        "classes": deliverable.scored_classes,
        "preprocessing": deliverable.preprocessing.of_images,
        "form": asdict(form),
        **made_by("enet.model.network", "enet.model.export"),
    }

    def make(folder: Path) -> None:
        models.export.save(models.network.to_onnx(deliverable, weights, form), folder / "enet.onnx")

    return store.get_or_build("onnx", key, make) / "enet.onnx"
