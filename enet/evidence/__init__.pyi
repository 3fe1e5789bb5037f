from . import speed_record as speed_record
from .accuracy import Accuracy as Accuracy, DeviceShare as DeviceShare
from .agreement import Agreement as Agreement
from .base import SCHEMA as SCHEMA, Evidence as Evidence
from .files import KINDS as KINDS, load as load, load_as as load_as, save as save
from .parity import (
    Digests as Digests,
    GoldenComparison as GoldenComparison,
    GoldenLogits as GoldenLogits,
    LogitComparison as LogitComparison,
    Parity as Parity,
)
from .provenance import RECORDED as RECORDED, Provenance as Provenance
from .rebuilt import Rebuilt as Rebuilt
from .speed import RecordedSpeed as RecordedSpeed, Speed as Speed, TimedOutputs as TimedOutputs
from .throughput import DeviceTiming as DeviceTiming, Throughput as Throughput
