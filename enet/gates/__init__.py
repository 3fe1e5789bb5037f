"""Gates: pure functions from evidence and limits to a verdict. They run no model, read no clock, touch no device.

A gate says PASS, FAIL or NO EVIDENCE. NO EVIDENCE means that there is nothing to decide by: too few images, logits that
are not finite, one class everywhere, a simulated or busy device, evidence of different things. It is never a pass.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
