"""Ascend's tools, one module each: pure functions build command lines, output is parsed, errors become one line."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
