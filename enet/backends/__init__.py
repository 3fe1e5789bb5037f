"""Backends: PyTorch as the reference, and what deliverables run on."""

from enet.backends.base import (
    BACKENDS,
    QUANTISING,
    REFERENCE,
    Artifact,
    Backend,
    DeviceReadings,
    Model,
    get,
    require_precision,
)

__all__ = [
    "BACKENDS",
    "QUANTISING",
    "REFERENCE",
    "Artifact",
    "Backend",
    "DeviceReadings",
    "Model",
    "get",
    "require_precision",
]
