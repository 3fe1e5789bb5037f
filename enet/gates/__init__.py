"""Gates: pure functions from evidence and limits to a verdict. They run no model, read no clock, touch no device.

A gate says PASS, FAIL or NO EVIDENCE. The last means that there is nothing to judge by: too few images, logits that
are no numbers, one class everywhere, a simulated or busy device, evidence that doesn't belong together. It is never a
pass.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
