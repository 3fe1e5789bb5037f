"""Backends: PyTorch, the reference, and the engines and devices that run a deliverable's artifact."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
