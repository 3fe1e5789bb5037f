from . import (
    device_throughput as device_throughput,
    label_files as label_files,
    race as race,
    recorded_accuracy as recorded_accuracy,
    reference_preprocessing as reference_preprocessing,
)
from .contest import MLPERF as MLPERF, Contest as Contest, Rule as Rule, Work as Work
from .parity import (
    between_artifacts as between_artifacts,
    between_runs as between_runs,
    equal_rows as equal_rows,
    onnx_logits as onnx_logits,
)
from .pipeline import measure as measure
from .predictor import Predictor as Predictor, open_predictor as open_predictor
from .subject import Subject as Subject
