"""The network of a deliverable, and its checkpoint."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Literal

from enet.deliverable.toml_reader import expect, expect_digest

#: The networks that are called ENet; ``enet.model.architectures`` describes and builds them.
Variant = Literal["ascend", "tramac", "paper"]
VARIANTS: tuple[Variant, ...] = typing.get_args(Variant)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Variant of ENet, and its checkpoint."""

    variant: Variant
    #: Channels of the logits.
    outputs: int = 19
    #: The checkpoint's path, relative to the TOML file; None: the user gives it.
    weights: str | None = None
    #: SHA-256 of the promised checkpoint, hexadecimal; None: any. Results that were recorded on a device do not name
    #: their checkpoint, so for these it is only noted.
    sha256: str | None = None
    #: Path, relative to the TOML file, of logits that the checkpoint must give; ``enet deliverables pin`` writes it.
    golden: str | None = None

    def __post_init__(self) -> None:
        expect(self, "outputs", 1 <= self.outputs <= 255, "1..255")
        expect_digest(self, "sha256")
