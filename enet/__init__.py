"""Acceptance of ENet segmentation deliverables: from a checkpoint to a verdict that can be trusted."""

__version__ = "0.2.0"
