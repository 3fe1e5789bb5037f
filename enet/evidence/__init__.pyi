from .accuracy import Accuracy as Accuracy, DeviceShare as DeviceShare
from .files import KINDS as KINDS, Evidence as Evidence, load as load, save as save
from .parity import Digests as Digests, LogitComparison as LogitComparison, Parity as Parity
from .provenance import RECORDED as RECORDED, SCHEMA as SCHEMA, Provenance as Provenance
from .speed import Speed as Speed
from .throughput import DeviceTiming as DeviceTiming, Throughput as Throughput
