from . import (
    device_throughput as device_throughput,
    golden as golden,
    label_files as label_files,
    parity as parity,
    pinning as pinning,
    race as race,
    rebuilt as rebuilt,
    recorded_accuracy as recorded_accuracy,
    reference_preprocessing as reference_preprocessing,
)
from .contest import (
    CI_SETTINGS as CI_SETTINGS,
    MLPERF as MLPERF,
    Contest as Contest,
    TimingSettings as TimingSettings,
    Workload as Workload,
)
from .parity import (
    compare_artifacts as compare_artifacts,
    compare_onnx_logits as compare_onnx_logits,
    compare_rows as compare_rows,
    compare_runs as compare_runs,
    compare_with_reference as compare_with_reference,
    write_certain_pixels as write_certain_pixels,
)
from .pipeline import measure_split as measure_split
from .predictor import Predictor as Predictor, open_predictor as open_predictor
from .subject import Subject as Subject
