"""Signs that label maps are in another encoding than the deliverable declares, by the values of a whole split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enet.datasets.base import IGNORE, Classes, Dataset
from enet.datasets.cityscapes import BY_TRAIN_ID, CLASSES

#: A split with fewer scored pixels, as a share of all, is told.
FEW = 0.05
#: Every real split of Cityscapes has label ids above the highest train id: vegetation, sky, car.
LAST_TRAIN_ID = max(train for train in CLASSES.train_ids.values() if train != IGNORE)
#: All values that label maps of label ids have.
CITYSCAPES_IDS = {*CLASSES.train_ids, IGNORE}


def is_by_label_id(classes: Classes) -> bool:
    """Whether label files are to hold Cityscapes' label ids."""
    return CLASSES.train_ids.items() <= classes.train_ids.items()


def looks_like_train_ids(counts: NDArray[np.int64]) -> bool:
    """Whether label maps that should hold Cityscapes' label ids hold train ids.

    Args:
        counts: pixels by value over a whole split, shape (256,).
    """
    is_train_id = np.arange(256) <= LAST_TRAIN_ID
    if counts[~is_train_id & (np.arange(256) != IGNORE)].any() or not counts[is_train_id].any():
        return False
    scored = counts[CLASSES.lookup() != IGNORE].sum()
    # Road, most of any street, is train id 0 and label id 7. Label id 0 is "unlabeled", train id 7 a traffic sign.
    return bool(counts[IGNORE] or (scored and counts[0] > counts[7]))


def encoding_problem(dataset: Dataset, counts: NDArray[np.int64]) -> str | None:
    """Say in words what label maps hold instead of what is declared; None if they may be right.

    Args:
        counts: pixels by value over the whole split, shape (256,).
    """
    values = np.flatnonzero(counts).tolist()
    if is_by_label_id(dataset.classes) and looks_like_train_ids(counts):
        advice = 'rename them to *_labelTrainIds.png and give [dataset] label_ids = "trainIds"'
        if dataset.layout == "folders":
            advice = 'give [dataset] label_ids = "trainIds"'
        return f"label maps hold {spelled(values)} alone: train ids, not label ids. If so, {advice}"
    ids = BY_TRAIN_ID.train_ids
    if dataset.classes.train_ids == ids and any(value not in ids for value in values) and {*values} <= CITYSCAPES_IDS:
        advice = 'give [dataset] label_ids = "labelIds"'
        return f"label maps hold {spelled(values)}: perhaps label ids of Cityscapes, not train ids. If so, {advice}"
    names = dataset.classes.names
    if dataset.classes.is_default and values == [0, IGNORE]:
        table = f'[dataset.labels] 0 = "{names[0]}" and 255 = "{names[1]}" (or "ignore", if that is meant)'
        return f"label maps hold 0 and 255 alone, and 255 is not scored unless declared: give {table}"
    return None


def encoding_note(dataset: Dataset, counts: NDArray[np.int64]) -> str | None:
    """Say in words that hardly anything is scored, or nothing but one class; None if that is not so."""
    lookup, total = dataset.classes.lookup(), int(counts.sum())
    scored = lookup != IGNORE
    found = sorted({*lookup[scored & (counts > 0)].tolist()})
    share = counts[scored].sum() / max(total, 1)
    if len(found) == 1:
        return f"the label maps have no class but {dataset.classes.names[found[0]]}"
    if found and share < FEW:
        return f"{100 * share:.2g} % of the label maps' pixels are scored"
    return None


def spelled(values: list[int]) -> str:
    """Write values as their range, and 255 apart.

    >>> spelled([0, 3, 18, 255])
    '0..18 and 255'
    """
    plain = [value for value in values if value != IGNORE]
    words = [f"{plain[0]}..{plain[-1]}" if len(plain) > 1 else f"{plain[0]}"] if plain else []
    return " and ".join(words + ["255"] * (IGNORE in values))
