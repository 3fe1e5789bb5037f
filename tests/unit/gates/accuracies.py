"""Evidence of accuracy by its figure, and what makes it worthless. No fixture, no test."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from enet import deliverable
from enet.deliverable import Deliverable
from enet.evidence import Accuracy
from enet.gates import Outcome
from tests.unit import recipes
from tests.unit.recipes import provenance

IMAGES = 20
CLASSES = ("road", "sky", "car")
#: Of every class; 3, 95 and 97 divide it, so that 50 %, 48.4375 % and 51.5625 % are exact.
PIXELS = 13_822_500
#: The guide's deliverable (54.627 %, 1 % relative), over a few images.
GUIDE = deliverable.load("cityscapes")
GUIDE = dataclasses.replace(GUIDE, dataset=dataclasses.replace(GUIDE.dataset, images=IMAGES))


def accuracy(miou_percent: float, images: int = IMAGES, *, non_finite: int | None = 0, **changes: Any) -> Accuracy:
    """Evidence of three classes whose IoU, and so whose mean, is the given one (to 1e-5 pp)."""
    # Each class has PIXELS pixels, whatever the IoU. The misses go round in a ring, so that the union is
    # 2 * PIXELS - right for all three.
    right = round(2 * PIXELS * miou_percent / (100 + miou_percent))
    matrix = np.diag([right] * 3) + (PIXELS - right) * np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    return Accuracy(
        provenance=provenance(**changes),
        classes=CLASSES,
        absent_classes="zero",
        images=tuple(f"image{i:03}" for i in range(images)),
        images_expected=IMAGES,
        matrices=np.repeat(matrix[None], images, axis=0),
        non_finite=non_finite,
        seconds=1.0,
    )


def edited(evidence: Accuracy, **changes: Any) -> Accuracy:
    return dataclasses.replace(evidence, **changes)


def stating(spec: Deliverable, percent: float, relative: float = 1 / 32, **network: Any) -> Deliverable:
    """The deliverable with another reference figure and tolerance, and with changes to its network."""
    return dataclasses.replace(
        spec,
        reference=dataclasses.replace(spec.reference, miou_percent=percent),
        tolerances=dataclasses.replace(spec.tolerances, miou_relative=relative),
        network=dataclasses.replace(spec.network, **network),
    )


SOUND = accuracy(54.627)
ONE_IMAGE = SOUND.matrices.copy()
ONE_IMAGE[3] = 0
ONE_IMAGE[3, :, 1] = SOUND.matrices[3].sum(axis=1)
ONE_NEGATIVE = SOUND.matrices.copy()
ONE_NEGATIVE[3, 0, [0, 2]] += [1, -1]
ONE_CLASS = np.zeros((IMAGES, 3, 3), np.int64)
ONE_CLASS[:, :, 0] = PIXELS
#: Evidence that cannot be used, and why.
REFUSED: dict[str, tuple[Accuracy, str]] = {
    "absent": (accuracy(54.627, missing_reason="no run of batch size 16"), "no run of batch size 16"),
    "simulated": (accuracy(54.627, simulated=True), "measured on a simulated device"),
    "on a busy device": (
        accuracy(54.627, devices_before=(recipes.device_state(utilisation=40.0),)),
        "device 0 (310P3): 40 % of its cores are in use (--allow-busy-device accepts that)",
    ),
    "another deliverable": (accuracy(54.627, deliverable="scenes"), "evidence for 'scenes', expected 'cityscapes'"),
    "not finite": (accuracy(54.627, non_finite=1), "1 of 20 images gave logits that are not finite numbers"),
    "expecting fewer": (edited(accuracy(54.627, images=5), images_expected=5), "measured as 5 images, expected 20"),
    "expecting more": (edited(SOUND, images_expected=21), "measured as 21 images, expected 20"),
    "an image twice": (
        edited(SOUND, images=("image000", "image000", *SOUND.images[2:])),
        "an image was counted more than once",
    ),
    "too many images": (accuracy(54.627, images=IMAGES + 1), "21 images, expected 20"),
    "logits not checked": (
        accuracy(54.627, non_finite=None, io_format={"output": "logits"}),
        "logits were not checked for NaN and infinity",
    ),
    "one class everywhere": (edited(SOUND, matrices=ONE_CLASS), "one class is predicted everywhere"),
    "copies of images": (edited(SOUND, duplicate_images=3), "3 of 20 images are copies of others"),
    "nothing scored": (edited(SOUND, matrices=np.zeros_like(SOUND.matrices)), "no pixel was scored"),
    "negative counts": (edited(SOUND, matrices=SOUND.matrices - 10**8), "no pixel was scored"),
    "one negative count": (edited(SOUND, matrices=ONE_NEGATIVE), "no pixel was scored"),
}


#: mIoU in percent within 1/32 of 50 %: figures that float64 holds exactly; one pixel is less than 1e-5 pp.
EDGES = [(48.4375, Outcome.PASS), (48.43748, Outcome.FAIL), (51.5625, Outcome.PASS), (51.56252, Outcome.FAIL)]
