"""Backends: PyTorch as the reference, and what deliverables run on."""

from enet.backends.base import BACKENDS, REFERENCE, Artifact, Backend, Model, Watch, get

__all__ = ["BACKENDS", "REFERENCE", "Artifact", "Backend", "Model", "Watch", "get"]
