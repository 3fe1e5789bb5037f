"""Classes of Cityscapes; ids, names and colours are those of cityscapesScripts' ``helpers/labels.py``."""

from __future__ import annotations

from dataclasses import replace

from enet.datasets.base import IGNORE, Classes

#: Name, label id and colour, in the order of the train ids 0..18.
LABELS = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)

CLASSES = Classes(
    names=tuple(name for name, _, _ in LABELS),
    colours=tuple(colour for _, _, colour in LABELS),
    # Ids 0..33 exist; those without a train id are ignored. (-1, license plate, is not stored in label files.)
    train_ids=dict.fromkeys(range(34), IGNORE) | {label_id: train for train, (_, label_id, _) in enumerate(LABELS)},
)

#: The same by train ids, as in the files ``*_labelTrainIds.png``.
BY_TRAIN_ID = replace(CLASSES, train_ids={train: train for train in range(len(LABELS))} | {255: IGNORE})
