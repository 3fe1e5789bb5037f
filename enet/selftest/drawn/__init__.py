"""Families of faults: how each draws its place and size."""

from enet.selftest.drawn import images, network, running
from enet.selftest.drawn.base import Drawn as Drawn, Family as Family, changing as changing
from enet.selftest.planted.base import REFUSED

FAMILIES = (
    Family(name="a weight, named by hash", gates=("reference_miou", "miou"), draw=network.scale_weight),
    Family(name="a layer, not named", gates=("reference_miou",), draw=network.disturb_layer),
    Family(
        name="a channel of the ONNX", gates=("onnx_logits", "io_formats"), draw=network.change_channel,
        rebuilds=("onnx",),
    ),
    Family(name="images preprocessed", gates=("preprocessing",), draw=images.change_images, rebuilds=("prepared",)),
    Family(name="label maps preprocessed", gates=("preprocessing",), draw=images.change_labels, rebuilds=("prepared",)),
    Family(name="normalisation", gates=("preprocessing",), draw=images.change_constants),
    Family(name="files of the data set", gates=("reference_miou", REFUSED), draw=images.change_files),
    Family(name="files, named by hash", gates=("reference_miou", REFUSED), draw=images.change_named_files),
    Family(name="rows of a batch", gates=("batch_parity", "padded_tail", "equal_rows"), draw=running.change_rows),
    Family(name="a logit not finite", gates=("miou", "batch_parity"), draw=running.non_finite),
    Family(name="coarse logits", gates=("onnx_logits",), draw=running.coarse_logits),
    Family(name="a part of one image", gates=("agreement", "miou"), draw=running.region),
    Family(name="an earlier call's result", gates=("miou", "batch_parity"), draw=running.earlier_result),
    Family(name="scoring", gates=("reference_miou",), draw=images.miscount),
)  # fmt: skip
