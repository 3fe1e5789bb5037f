"""Data sets: layouts on disk, their check, preprocessing, and generated street scenes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
