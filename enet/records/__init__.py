"""Results that were recorded on a device: find and read the files, check them, build evidence."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
