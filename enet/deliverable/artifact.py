"""The artifact of a deliverable: the form in which it is built, or the file that is handed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class IoFormat:
    """Input and output of the artifact. The guide's format is float images in, logits out."""

    #: "float": normalised float32 (N, 3, H, W); "uint8": RGB (N, H, W, 3), normalised inside the graph.
    input: Literal["float", "uint8"] = "float"
    #: "logits": float32 (N, outputs, H, W); "labels": uint8 (N, H, W), the argmax is inside the graph.
    output: Literal["logits", "labels"] = "logits"


@dataclass(frozen=True, kw_only=True)
class ArtifactSpec:
    """What the suite builds from the checkpoint; or, with ``onnx`` or ``om``, the delivered files that it judges."""

    #: As in ``IoFormat``, of what the suite builds.
    input: Literal["float", "uint8"] = "float"
    output: Literal["logits", "labels"] = "logits"
    #: Delivered files, relative to the TOML file: one that takes any batch size, or one for each.
    onnx: tuple[str, ...] = ()
    om: tuple[str, ...] = ()
    #: Of delivered files: what they do not say themselves. None: read from the file.
    input_name: str | None = None
    output_name: str | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    #: Of delivered files: order of the input's channels, and the values of a floating-point input.
    channels: Literal["RGB", "BGR"] = "RGB"
    pixels: Literal["normalised", "0..1", "0..255"] = "normalised"

    @property
    def built(self) -> IoFormat:
        """The form of what the suite builds."""
        return IoFormat(input=self.input, output=self.output)
