"""Training of the included checkpoints: ``python -m enet.training --help``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
