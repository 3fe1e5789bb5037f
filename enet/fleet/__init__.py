"""Many deliverables, accepted as one job of a Ray cluster: their list, its runs, and a page of all verdicts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
