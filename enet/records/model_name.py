"""What the file name of a recorded model says: network, data set, batch size, chip, precision.

People choose these names, so a name proves nothing. But a name that says something else than what is judged is reason
enough not to believe the record. A name that says nothing, such as ``model.om`` or ``deploy.om``, is no reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from enet.deliverable import Deliverable

#: Version of a network, such as the "50" of "resnet50", the "v2" of "mobilenetv2" and the "s" of "yolos".
VERSION = r"(?:[a-z]?\d\w*|[a-z])?"
#: Families of other networks, wherever a name says them.
OTHER_FAMILY = re.compile(
    r"(?:(?:res|mobile|efficient|squeeze|shuffle|dense|google|ghost|alex|erf|ic|psp|hr|ddr|pid|bise|link|wideres|reg)net"
    r"|resnext|convnext|segnext|regseg|vgg|yolo|bert|llama|qwen|(?:mobile|efficient)?vit|swin|fcn|deeplab|segformer"
    r"|mask2former|maskformer|upernet|rcnn|fasterrcnn|maskrcnn|inception|xception|detr|crnn|wav2vec|openpose|lraspp|stdc"
    rf"|(?:fast)?scnn|(?:pp)?liteseg){VERSION}|unet\w*"
)
#: Words that are another network unless the name says ENet after them, as in "segnet_tutorial_enet", or before them, if
#: they mean other things as well.
OTHER_NET = re.compile(rf"[a-z0-9]+net{VERSION}")
OTHER_ALONE = re.compile(rf"(?:ssd|gpt|psp|clip|whisper|transformer|fpn){VERSION}")
#: Words in "net" that are no networks.
NO_NETWORK = re.compile(r"(?:my|our|the|this|neural|inter|intra|ether|pla|sub|dot|mag|cabi|image|e)net")
#: Words of data sets, by layout; "scenes" are in the layout of Cityscapes and may be named after it.
DATASETS = {
    "cityscapes": ("citys", "cityscapes", "cityscape"),
    "camvid": ("camvid",),
    "scenes": ("scenes", "citys", "cityscapes", "cityscape"),
}
OTHER_DATASET = re.compile(
    r"(?:ms)?coco\d*|(?:pascal)?voc\d*|pascal|ade(?:20k)?|imagenet\w*|kitti\d*|mapillary|bdd(?:100k)?|culane|tusimple|"
    r"sunrgbd?|nyu(?:d?v2)?|gtav?|synthia|a2d2|idd|wilddash"
)
ALL_OURS = frozenset(word for words in DATASETS.values() for word in words)
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
    r"(?<![a-z])(?:bsz?|b|batch(?:_?size)?)_?(\d{1,4}(?:_\d{1,4})*)(?![0-9a-z])|(?<![a-z0-9])(\d{1,4})(?:bs|batch)(?![a-z0-9])"
)
#: A precision that is not float; "uint8" may be that of the input alone.
INTEGER = re.compile(
    r"(?<![a-z0-9])(?<!no_)(?<!non_)(?<!not_)(?:int_?[48]|[is]8|w[48]a\d+|[48]_?bits?|quant(?:i[sz][a-z]*)?|qat|ptq|amct)(?![a-z0-9])"
)
#: Input size, at the end of a shape or alone: "480x480", "1x3x480x480".
SHAPE = re.compile(r"(?<![a-z0-9])(?:\d{1,4}x){0,2}(\d{2,4})x(\d{2,4})(?![a-z0-9])")


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
    name = re.sub(r"(?<=310)_(?=p\d?(?![a-z0-9]))", "", name)  # as in "ascend310-p3"
    if (network := named_network(words)) not in ("", "enet"):
        yield f"names the network {network!r}, expected ENet"
    known = DATASETS.get(deliverable.dataset.layout)  # None: folders of the user's own hold any data set
    others = [word for word in name.split("_") if word in ALL_OURS - {*(known or ())} or OTHER_DATASET.fullmatch(word)]
    if known and others and "pretrain" not in name:
        yield f"names the data set {others[0]!r}, expected {deliverable.dataset.layout!r}"
    chips = [first or second for first, second in CHIP.findall(name)]
    if chip and chips and not any(is_chip(word, chip) for word in chips):
        yield f"names the chip {chips[0].upper()}, expected {chip}"
    found = BATCH.findall(CHIP.sub("", name))
    batches = {int(size) for several, one in found for size in (several or one).split("_")}
    if batch_size and batches and batch_size not in batches:
        yield f"names batch size {', '.join(map(str, sorted(batches)))}, expected {batch_size}"
    if integer := INTEGER.search(name):
        yield f"names {integer[0].upper()}, expected a float model"
    size = deliverable.preprocessing.size
    for shape in SHAPE.findall(name):
        if sorted(map(int, shape)) != sorted(size):
            yield f"names the size {'x'.join(shape)}, expected {'x'.join(map(str, size))}"


def named_network(words: list[str]) -> str:
    """The network that the words of a name say, in lower case: another one, "enet", or empty.

    >>> [named_network(words) for words in (["myENet", "bs1"], ["mobilenetV2"], ["deploy"], ["enet", "resnet50"])]
    ['enet', 'mobilenetv2', '', 'resnet50']
    """
    spaced = " ".join(
        re.sub(r"(?i)\benet(?=[a-z])", "enet ", re.sub(r"(?<=[a-z])(?=ENet)", " ", word)) for word in words
    )
    parts = spaced.lower().split()  # "myENet" is "my enet", "enetbs16" is "enet bs16"
    last = max((place for place, part in enumerate(parts) if part.startswith("enet")), default=-1)
    for place, part in enumerate(parts):
        is_net = place > last and OTHER_NET.fullmatch(part) and not NO_NETWORK.fullmatch(part)
        if is_net or OTHER_FAMILY.fullmatch(part) or (last < 0 and OTHER_ALONE.fullmatch(part)):
            return part
    return "enet" if last >= 0 else ""


def is_chip(word: str, chip: str) -> bool:
    """Return True if a word of a model's name can mean the chip.

    >>> is_chip("310p", "310P3"), is_chip("310", "310P3"), is_chip("910", "910B4")
    (True, False, True)
    """
    full = chip.removeprefix("Ascend").lower()
    return word == full or (word in FAMILIES and full.startswith(FAMILIES[word]))
