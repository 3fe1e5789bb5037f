"""Acceptance of ENet segmentation deliverables: from a checkpoint to a verdict that can be trusted.

PYTEST_DONT_REWRITE: else pytest warns that ``enet accept`` imports this first, and with ``-W error`` ends there.
"""

__version__ = "0.2.0"
