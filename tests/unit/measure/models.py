"""A model of a given function, in place of an artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from enet.backends import Artifact
from enet.deliverable import IoFormat


class FakeModel:
    """A function as a model; it keeps the batches that it got."""

    outputs_phases = False
    max_concurrency = 1
    device = "cpu"
    chip = ""
    problem = ""

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self.function, self.seen = function, list[NDArray[Any]]()

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        self.seen.append(images)
        return self.function(images)

    def close(self) -> None:
        pass


def artifact(batch_size: int, io_format: IoFormat) -> Artifact:
    """An artifact without a file."""
    return Artifact(
        path=Path("none"), backend="fake", batch_size=batch_size, io_format=io_format, sha256="", weights_sha256=""
    )
