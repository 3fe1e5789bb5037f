"""Evidence: what was measured, with where it came from; JSON that gates judge and reports show.

Evidence holds counts, not conclusions: mIoU and its kin follow from the per-image confusion matrices, agreement from
counts of pixels, throughput from the time of every execution. Everything can be read back and judged anew, without a
model or a device.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
