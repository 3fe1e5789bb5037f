"""Measurement of a deliverable: run its artifacts over its data set and return evidence."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
