"""Evidence: measured counts and times with their origin, as JSON that gates check and reports show.

Evidence holds no conclusions: mIoU follows from the per-image confusion matrices, pixel agreement from counts of
pixels, throughput from the time of every execution. It can be loaded and checked again without a model or a device.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
