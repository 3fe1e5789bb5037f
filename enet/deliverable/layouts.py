"""Known layouts of data sets, by name. ``enet.datasets.LAYOUTS`` says how each is read from disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayoutFacts:
    """What a deliverable's file is checked against.

    Attributes:
        classes: number of scored classes; of ``folders`` those of Cityscapes, unless the deliverable names its own.
        generated_splits: splits that the data set is generated for; empty if it is the user's own.
    """

    classes: int
    generated_splits: tuple[str, ...] = ()


#: Splits of the generated scenes.
SCENE_SPLITS = ("train", "val", "test")

LAYOUT_FACTS = {
    "cityscapes": LayoutFacts(classes=19),
    "camvid": LayoutFacts(classes=11),
    "scenes": LayoutFacts(classes=19, generated_splits=SCENE_SPLITS),
    "folders": LayoutFacts(classes=19),
}
