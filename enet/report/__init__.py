"""The report: one HTML file that says whether a deliverable ships and why, made of evidence and nothing else."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
