"""Known layouts of data sets, by name. ``enet.datasets.LAYOUTS`` says how each is read from disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayoutFacts:
    """What a deliverable's file is checked against.

    Attributes:
        names: of the scored classes; of ``folders`` those of Cityscapes, unless the deliverable names its own.
        generated_splits: splits that the data set is generated for; empty if it is the user's own.
    """

    names: tuple[str, ...]
    generated_splits: tuple[str, ...] = ()


#: Splits of the generated scenes.
SCENE_SPLITS = ("train", "val", "test")

CITYSCAPES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"),
    *("terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
CAMVID = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign symbol", "fence", "car", "pedestrian"),
    "bicyclist",
)

LAYOUT_FACTS = {
    "cityscapes": LayoutFacts(CITYSCAPES),
    "camvid": LayoutFacts(CAMVID),
    "scenes": LayoutFacts(CITYSCAPES, generated_splits=SCENE_SPLITS),
    "folders": LayoutFacts(CITYSCAPES),
}
