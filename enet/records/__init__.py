"""Results that somebody brings back from a device: found, read, doubted, and made evidence."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
