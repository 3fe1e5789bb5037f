"""Everything that is fixed before a measurement: the deliverable, recorded baselines, the target device."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
