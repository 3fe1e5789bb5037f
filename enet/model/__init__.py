"""The network from checkpoint to ONNX: architectures, checkpoints, export, graph rewriting."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
