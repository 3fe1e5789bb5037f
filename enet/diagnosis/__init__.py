"""Why an accuracy gate failed: changes of one stage each are tried, and the one that repairs the result is named."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
