"""Gates: pure functions from evidence and limits to a verdict. They run no model, read no clock, touch no device.

A gate says PASS, FAIL or NO EVIDENCE. The last means that there is nothing to judge by: too few images, logits that
are no numbers, one class everywhere, a simulated or busy device, evidence that doesn't belong together. It is never a
pass.
"""

from enet.gates.accuracy import artifact_miou, band, class_floor, int8_miou, reference_miou
from enet.gates.base import Outcome, Verdict, told
from enet.gates.bootstrap import paired_interval
from enet.gates.parity import logits, parity, preprocessing
from enet.gates.relation import RELATIONS
from enet.gates.speed import int8_speedup, regression, speedup
from enet.gates.throughput import best_batch, directory, recorded, throughput

__all__ = [
    "RELATIONS", "Outcome", "Verdict", "artifact_miou", "band", "best_batch", "class_floor", "directory", "int8_miou",
    "int8_speedup", "logits", "paired_interval", "parity", "preprocessing", "recorded", "reference_miou",
    "regression", "speedup", "throughput", "told",
]  # fmt: skip
