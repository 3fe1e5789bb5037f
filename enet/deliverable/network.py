"""The network of a deliverable, and its checkpoint."""

from __future__ import annotations

import re
import typing
from dataclasses import dataclass
from typing import Literal

from enet.deliverable.toml_reader import expect, expect_digest, require
from enet.errors import InputError

#: The networks that are called ENet; ``enet.model.architectures`` describes and builds them.
Variant = Literal["ascend", "tramac", "paper"]
VARIANTS: tuple[Variant, ...] = typing.get_args(Variant)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Variant of ENet or own code, and its checkpoint. Delivered files alone need neither variant nor code."""

    variant: Variant | None = None
    #: Own code that builds the network: path, relative to the TOML file, and name of a function or class.
    module: str | None = None
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
        is_code = self.module is None or re.fullmatch(r"[^:]+\.py:[A-Za-z_]\w*", self.module)
        expect(self, "module", is_code, "a file and a function in it, such as 'my_enet.py:build'")
        require(not (self.module and self.variant), f"module={self.module!r}, expected no variant beside it")

    @property
    def name(self) -> str:
        """The variant, or the own code; empty if the deliverable has only files."""
        return self.variant or self.module or ""

    @property
    def known(self) -> Variant:
        """The variant; an ``InputError`` if there is none."""
        if self.variant is None:
            seen = f"module={self.module!r}" if self.module else "no network"
            raise InputError(f"[network]: {seen}, expected a variant here: one of {', '.join(VARIANTS)}")
        return self.variant


@dataclass(frozen=True, kw_only=True)
class TrustedNetwork(Network):
    """A network whose own code the user lets run. No file can state this, only the option ``--trust-code``."""
