from . import cuda as cuda, onnxruntime as onnxruntime, providers as providers
from .base import (
    Artifact as Artifact,
    Backend as Backend,
    BuildRequest as BuildRequest,
    DeviceReadings as DeviceReadings,
    FolderRun as FolderRun,
    InnerValue as InnerValue,
    Model as Model,
    Place as Place,
    get as get,
    require_precision as require_precision,
)
from .registry import (
    BACKENDS as BACKENDS,
    DEFAULT as DEFAULT,
    DEVICE_BACKENDS as DEVICE_BACKENDS,
    QUANTISING as QUANTISING,
    REFERENCE as REFERENCE,
    BackendInfo as BackendInfo,
)
