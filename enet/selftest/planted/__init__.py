"""Injected faults: each a small change of one stage, made where people make it when they port a network.

A fault in the product is injected while a deliverable is accepted; a fault in a record, into what the gates get.
"""

from enet.selftest.planted import images, network, records, running  # they add their faults to the list
from enet.selftest.planted.base import FAULTS, STAGES, Fault

__all__ = ["FAULTS", "STAGES", "Fault", "images", "network", "records", "running"]
