"""Faults, each a small mutation of one stage, put where people make it when they port a network.

A fault in the product is planted while a deliverable is accepted; one in a record is planted in what is judged.
"""

from enet.selftest.planted import images, network, records, running  # they add their faults to the list
from enet.selftest.planted.base import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "images", "network", "records", "running"]
