from . import speed_record as speed_record
from .accuracy import Accuracy as Accuracy, DeviceShare as DeviceShare
from .agreement import Agreement as Agreement
from .base import SCHEMA as SCHEMA, Evidence as Evidence
from .files import KINDS as KINDS, load as load, load_as as load_as, save as save
from .parity import Digests as Digests, LogitComparison as LogitComparison, Parity as Parity
from .provenance import RECORDED as RECORDED, Provenance as Provenance
from .speed import Speed as Speed
from .throughput import DeviceTiming as DeviceTiming, Throughput as Throughput
