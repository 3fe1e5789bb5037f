"""Where a measurement came from."""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enet.deliverable.target import DeviceState

#: Raised when the meaning of a field changes; evidence of another version is refused, not guessed at.
SCHEMA = 4

#: In place of a backend: results that were brought back, of a model that isn't here.
RECORDED = "recorded"


def now() -> str:
    """The time in UTC, to the second; such texts sort as the times do."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds")


def backend_label(backend: str, precision: str) -> str:
    """A backend's name, with the precision where the user chose another than the backend's usual one."""
    return f"{backend}-int8" if precision == "int8" else backend


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a measurement came from. Digests are SHA-256, hexadecimal."""

    deliverable: str
    backend: str
    device: str
    batch_size: int
    form: dict[str, str]
    weights_sha256: str
    onnx_sha256: str
    artifact_sha256: str
    dataset_sha256: str
    preprocessing_sha256: str
    versions: dict[str, str]
    simulated: bool = False
    #: Why nothing was measured; empty where something was.
    absent: str = ""
    #: What kind of accelerator, such as "310P3"; empty if that isn't recorded, or for the host's own processor.
    chip: str = ""
    #: The devices just before and just after the measurement, where a tool tells.
    devices_before: tuple[DeviceState, ...] = ()
    devices_after: tuple[DeviceState, ...] = ()
    #: The user accepts a device that others use as well.
    allow_busy: bool = False
    #: The user asked for only some of the images.
    limited: bool = False
    #: As of ``Artifact``; "int8" by what the quantiser made of the images that ``calibration_sha256`` names.
    precision: str = "fp32"
    calibration_sha256: str = ""
    argv: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))
    host: str = field(default_factory=platform.platform)
    time: str = field(default_factory=now)

    def __str__(self) -> str:
        return f"{self.deliverable}-{backend_label(self.backend, self.precision)}-bs{self.batch_size}"

    def device_problems(self) -> list[str]:
        """Why the devices were not fit to be measured on, in words; empty where the user accepts that."""
        return (
            []
            if self.allow_busy
            else list(
                dict.fromkeys(
                    trouble
                    for state in (*self.devices_before, *self.devices_after)
                    for trouble in state.device_problems()
                )
            )
        )

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Provenance:
        states = {
            name: tuple(DeviceState.from_json(state) for state in table[name])
            for name in ("devices_before", "devices_after")
        }
        return cls(**{**table, "argv": tuple(table["argv"]), **states})
