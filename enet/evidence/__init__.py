"""Evidence: what was measured, with where it came from; JSON that gates judge and reports show.

Evidence holds counts, not conclusions: mIoU and its kin follow from the per-image confusion matrices, agreement from
counts of pixels, throughput from the time of every execution. Everything can be read back and judged anew, without a
model or a device.
"""

from enet.evidence.accuracy import Accuracy, DeviceShare
from enet.evidence.files import KINDS, Evidence, load, save
from enet.evidence.parity import Difference, Digests, Parity
from enet.evidence.provenance import RECORDED, SCHEMA, Provenance
from enet.evidence.speed import Speed
from enet.evidence.throughput import Share, Throughput

__all__ = [
    "KINDS", "RECORDED", "SCHEMA", "Accuracy", "DeviceShare", "Difference", "Digests", "Evidence", "Parity",
    "Provenance", "Share", "Speed", "Throughput", "load", "save",
]  # fmt: skip
