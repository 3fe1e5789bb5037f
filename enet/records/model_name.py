"""What the file name of a recorded model says: network, data set, batch size, chip, precision.

People choose these names, so a name proves nothing. But a name that says something else than what is judged is reason
enough not to believe the record. A name that says nothing, such as ``model.om`` or ``deploy.om``, is no reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from enet.deliverable import Deliverable

#: Other networks: any word that ends in "net" and perhaps a version, and those of other families.
OTHER_NETWORK = re.compile(
    r"(?!(?:my|our|the|this)?net)(?:[a-z0-9]*net(?:[a-z]?\d\w*|[a-z])?"
    r"|(?:resnext|vgg|yolo|ssd|bert|gpt|llama|qwen|vit|swin|fcn|deeplab|segformer|mask2former|upernet|psp|rcnn|fasterrcnn"
    r"|maskrcnn|inception|xception|detr|crnn|clip|whisper|wav2vec|transformer|openpose|lraspp)(?:[a-z]?\d\w*|[a-z])?)"
)
#: Words of data sets, by layout; "scenes" are in the layout of Cityscapes and may be named after it.
DATASETS = {
    "cityscapes": ("citys", "cityscapes", "cityscape"),
    "camvid": ("camvid",),
    "scenes": ("scenes", "citys", "cityscapes", "cityscape"),
}
OTHER_DATASETS = ("coco", "voc", "voc2012", "ade20k", "imagenet", "kitti", "mapillary", "bdd100k")
#: A chip that the model was compiled for. A bare "910" is not one: the guide's weights were trained on a 910, and names
#: such as ``enet_citys_910_bs16`` tell so.
CHIP = re.compile(
    r"(?<![a-z0-9])(?:ascend_?(310p\d?|310b\d?|310|710|910[a-z0-9]*|950[a-z0-9]*)|(310p\d?|310b\d?|310|710|910[a-c]\w?|t4))"
    r"(?![a-z0-9])"
)
#: Names of families, which a chip's name begins with; 710 is the former name of the 310P.
FAMILIES = {"310p": "310p", "310b": "310b", "710": "310p", "910": "910", "910b": "910b", "950": "950"}
#: "bs16", "batch_16", "b16", "16batch", and lists such as "bs1_4_8_16" of a model with several batch sizes.
BATCH = re.compile(
    r"(?<![a-z])(?:bs|b|batch(?:_?size)?)_?(\d{1,4}(?:_\d{1,4})*)(?![0-9a-z])|(?<![a-z0-9])(\d{1,4})(?:bs|batch)(?![a-z0-9])"
)
INT8 = re.compile(r"(?<![a-z])(?:int8|w8a8|quant(?:ized|ised)?)(?![a-z0-9])")


def conflicts(model: str, deliverable: Deliverable, batch_size: int, chip: str) -> Iterator[str]:
    """Yield what a model's name says against what is judged, in words.

    Args:
        model: path of the model, as it was given to the tool.
        batch_size: of the run; 0 if unknown.
        chip: name in npu-smi, such as "310P3"; empty if unknown.
    """
    stem = PurePosixPath(model.replace("\\", "/")).name[:255].removesuffix(".om")
    words = [word for word in re.split(r"[^A-Za-z0-9]+", stem) if word]
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", "_".join(words)).lower()
    name = re.sub(r"(?<![a-z])enet(?=[a-z])", "enet_", name)  # as in "enetbs16"
    if (network := named_network(words)) not in ("", "enet"):
        yield f"names the network {network!r}, expected ENet"
    known = DATASETS.get(deliverable.dataset.layout, ())
    others = {word for words_of in DATASETS.values() for word in words_of} | {*OTHER_DATASETS}
    if other := next((word for word in name.split("_") if word in others and word not in known), ""):
        yield f"names the data set {other!r}, expected {deliverable.dataset.layout!r}"
    chips = [first or second for first, second in CHIP.findall(name)]
    if chip and chips and not any(is_chip(word, chip) for word in chips):
        yield f"names the chip {chips[0].upper()}, expected {chip}"
    found = BATCH.findall(CHIP.sub("", name))
    batches = {int(size) for several, one in found for size in (several or one).split("_")}
    if batch_size and batches and batch_size not in batches:
        yield f"names batch size {', '.join(map(str, sorted(batches)))}, expected {batch_size}"
    if INT8.search(name):
        yield "names INT8, expected a float model"


def named_network(words: list[str]) -> str:
    """The first network that the words of a name say, in lower case: "enet", another one, or empty.

    >>> [named_network(words) for words in (["myENet", "bs1"], ["mobilenetV2"], ["deploy"], ["model", "net"])]
    ['enet', 'mobilenetv2', '', '']
    """
    for word in words:
        parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word).lower().split()  # "myENet" is "my enet"
        if any(part.startswith("enet") for part in parts):
            return "enet"
        if OTHER_NETWORK.fullmatch(word.lower()):
            return word.lower()
    return ""


def is_chip(word: str, chip: str) -> bool:
    """Return True if a word of a model's name can mean the chip.

    >>> is_chip("310p", "310P3"), is_chip("310", "310P3"), is_chip("910", "910B4")
    (True, False, True)
    """
    full = chip.removeprefix("Ascend").lower()
    return word == full or (word in FAMILIES and full.startswith(FAMILIES[word]))
