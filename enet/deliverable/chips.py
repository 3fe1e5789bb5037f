"""What chips and networks allow: an upper bound of images/s, which no honest record exceeds.

The bound is loose on purpose. It takes the chip's peak in INT8, every value in two bytes, and nothing but one read of
the input and one write of the output. The fastest recorded ENet reaches an eighteenth of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from enet.deliverable.network import Variant
from enet.deliverable.spec import Deliverable


@dataclass(frozen=True)
class Chip:
    """Peak figures of one chip; of a family, those of its largest member.

    Attributes:
        tera_ops: 10^12 operations/s in the smallest integer or float format for which the vendor states a figure at
            8 bits; a multiply-add is two operations.
        gigabytes: memory bandwidth in 10^9 bytes/s.
    """

    tera_ops: float
    gigabytes: float
    source: str


#: By the beginning of the name in ``npu-smi info``, without "Ascend"; the longest that fits counts.
CHIPS = {
    "310": Chip(22, 51.2, "Huawei Atlas 300I (model 3010): 88 TOPS INT8 and 204.8 GB/s for four chips"),
    "310P": Chip(140, 204.8, "Huawei Atlas 300I Duo: 280 TOPS INT8 and 408 GB/s for two chips"),
    "310B": Chip(20, 51.2, "Huawei Atlas 200I A2: 20 TOPS INT8, LPDDR4X of 51.2 GB/s"),
    "910": Chip(640, 1200, "Huawei Ascend 910: 320 TFLOPS FP16, 640 TOPS INT8, HBM of 1.2 TB/s"),
    "910B": Chip(830, 1800, "Huawei Ascend 910B1: 414 TFLOPS FP16, twice that in INT8; HBM2e of at most 1.8 TB/s"),
    "910_93": Chip(1660, 3200, "Huawei Ascend 910C: two dies of a 910B each; 128 GB of HBM at 3.2 TB/s"),
    "950": Chip(1000, 4000, "Huawei Ascend 950: 1 PFLOPS FP8; 950DT: HiZQ memory of 4 TB/s"),
    "T4": Chip(130, 320, "NVIDIA T4 data sheet: 130 TOPS INT8, GDDR6 of 320 GB/s"),
}

#: For a chip that is not in the table: more than any single chip has.
UNKNOWN = Chip(10_000, 20_000, "above the peak of any chip of 2026")

#: Multiply-adds for each pixel of the input: of all layers but the classifier, and of the classifier for each output.
#: Normalisation, activations and pooling are left out. ``tests/unit/deliverable/test_chips.py`` counts them again.
MULTIPLY_ADDS: dict[Variant, tuple[float, float]] = {
    "ascend": (6911.75, 16),
    "tramac": (6911.75, 16),
    "paper": (7016.75, 36),
}

#: Bytes for each value of a float input or of logits, at least: half precision.
HALF = 2


def chip_of(name: str) -> Chip:
    """Peak figures of a chip that npu-smi calls ``name``; ``UNKNOWN`` if it is not in the table."""
    found = [known for known in CHIPS if name.removeprefix("Ascend").startswith(known)]
    return CHIPS[max(found, key=len)] if found else UNKNOWN


def multiply_adds(deliverable: Deliverable) -> float:
    """Multiply-adds of the network for one image; 0 for a network that is not known here."""
    width, height = deliverable.preprocessing.size
    variant = deliverable.network.variant
    body, classifier = MULTIPLY_ADDS[variant] if variant else (0, 0)
    return (body + classifier * deliverable.network.outputs) * width * height


def bytes_moved(deliverable: Deliverable) -> int:
    """Bytes that the chip must at least read and write for one image: its input and its output."""
    width, height = deliverable.preprocessing.size
    artifact = deliverable.artifact
    read = 3 * (HALF if artifact.input == "float" else 1)
    written = deliverable.network.outputs * HALF if artifact.output == "logits" else 1
    return (read + written) * width * height


def largest_rate(deliverable: Deliverable, chip: str) -> tuple[float, str]:
    """Images/s that no run of the deliverable's network on one chip can exceed, and the reason in words."""
    peak = chip_of(chip)
    by_arithmetic = peak.tera_ops * 1e12 / max(1, 2 * multiply_adds(deliverable))
    by_memory = peak.gigabytes * 1e9 / bytes_moved(deliverable)
    if by_arithmetic <= by_memory:
        return by_arithmetic, f"{peak.tera_ops:g} TOPS for {2e-9 * multiply_adds(deliverable):.3g} GFLOP an image"
    return by_memory, f"{peak.gigabytes:g} GB/s for {1e-6 * bytes_moved(deliverable):.3g} MB an image"
