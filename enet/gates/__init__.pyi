from .accuracy import (
    artifact_miou as artifact_miou,
    class_iou as class_iou,
    int8_miou as int8_miou,
    reference_miou as reference_miou,
    tolerance_band as tolerance_band,
)
from .base import Outcome as Outcome, Verdict as Verdict, informational as informational
from .bootstrap import paired_interval as paired_interval
from .parity import onnx_logits as onnx_logits, parity as parity, preprocessing as preprocessing
from .relation import RELATIONS as RELATIONS
from .speed import int8_speedup as int8_speedup, regression as regression, speedup as speedup
from .throughput import best_batch as best_batch, directory as directory, recorded as recorded, throughput as throughput
