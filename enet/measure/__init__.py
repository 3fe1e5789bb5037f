"""What runs: a deliverable with its data is measured, and evidence comes out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
