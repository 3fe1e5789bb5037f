from .accuracy import (
    artifact_miou as artifact_miou,
    band as band,
    class_floor as class_floor,
    int8_miou as int8_miou,
    reference_miou as reference_miou,
)
from .base import Outcome as Outcome, Verdict as Verdict, told as told
from .bootstrap import paired_interval as paired_interval
from .parity import logits as logits, parity as parity, preprocessing as preprocessing
from .relation import RELATIONS as RELATIONS
from .speed import int8_speedup as int8_speedup, regression as regression, speedup as speedup
from .throughput import best_batch as best_batch, directory as directory, recorded as recorded, throughput as throughput
