"""Origin of a measurement."""

from __future__ import annotations

import datetime
import platform
import sys
from dataclasses import dataclass, field

from enet.deliverable.target import DeviceState
from enet.host import cores_in_words

#: Name of the backend in results that were recorded elsewhere, by a model that is not here.
RECORDED = "recorded"


def now() -> str:
    """Current UTC time in ISO format, to the second; such texts sort by time."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds")


def host_in_words() -> str:
    """The system, and how many cores are used and why."""
    return f"{platform.platform()}, {cores_in_words()}"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine of a cluster that measured a part of the images. What is not the same everywhere is no evidence.

    Attributes:
        name: "node 1", … in order of their first images; "driver" is the machine that put the parts together.
        host: as in ``Provenance``.
        images: number of images that it measured.
        versions: of Python and of all libraries that the measuring code imports.
        code_sha256: of the measuring code.
        artifact_sha256: of the file that was opened there.
    """

    name: str
    host: str
    images: int = 0
    versions: dict[str, str]
    code_sha256: str
    artifact_sha256: str

    def differences(self, other: Node) -> list[str]:
        """What this machine has otherwise than another, in words."""
        names = sorted(self.versions.keys() | other.versions.keys())
        pairs = [(name, self.versions.get(name, "none"), other.versions.get(name, "none")) for name in names]
        pairs += [
            ("code", self.code_sha256[:12], other.code_sha256[:12]),
            ("artifact", self.artifact_sha256[:12], other.artifact_sha256[:12]),
        ]
        return [f"{self.name}: {what} {here}, expected {there}" for what, here, there in pairs if here != there]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Origin of a measurement. Digests are SHA-256, hexadecimal.

    Attributes:
        delivered: SHA-256 and name of the file that was handed over, as sha256sum prints them; empty if the suite built
            the artifact.
        io_format: fields of ``IoFormat``; empty if they are not recorded.
        missing_reason: why nothing was measured; empty if something was.
        chip: kind of accelerator, such as "310P3"; empty if it is not recorded, or for a CPU.
        devices_before, devices_after: device states just before and after the measurement, if a tool reports them.
        allow_busy: the user accepts a device that other processes use.
        limited: the user requested only some of the images.
        precision: as in ``Artifact``; for "int8", ``calibration_sha256`` names the images that the quantiser used.
        code_sha256: of the own code that built the network; empty for a variant, and for results that do not name it.
        nodes: of a run on a cluster, its driver first; empty for a run on this machine alone.
        argv: command line.
        host: system, and the cores in use with what limits them.
        time: UTC, as ``now`` returns it.
    """

    delivered: str = ""
    deliverable: str
    backend: str
    device: str
    batch_size: int
    io_format: dict[str, str]
    weights_sha256: str
    onnx_sha256: str
    artifact_sha256: str
    dataset_sha256: str
    preprocessing_sha256: str
    versions: dict[str, str]
    simulated: bool = False
    missing_reason: str = ""
    chip: str = ""
    devices_before: tuple[DeviceState, ...] = ()
    devices_after: tuple[DeviceState, ...] = ()
    allow_busy: bool = False
    limited: bool = False
    precision: str = "fp32"
    calibration_sha256: str = ""
    code_sha256: str = ""
    nodes: tuple[Node, ...] = ()
    argv: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))
    host: str = field(default_factory=host_in_words)
    time: str = field(default_factory=now)

    def __str__(self) -> str:
        backend = f"{self.backend}-int8" if self.precision == "int8" else self.backend
        return f"{self.deliverable}-{backend}-bs{self.batch_size}"

    def node_problems(self) -> list[str]:
        """What nodes of the cluster had otherwise than its driver: the parts were not measured alike."""
        return [problem for node in self.nodes[1:] for problem in node.differences(self.nodes[0])]

    def device_problems(self) -> list[str]:
        """Reasons why the devices were not fit for a measurement; empty if the user accepts busy devices."""
        states = () if self.allow_busy else (*self.devices_before, *self.devices_after)
        return list(dict.fromkeys(problem for state in states for problem in state.device_problems()))
