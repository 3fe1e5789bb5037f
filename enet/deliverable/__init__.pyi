from . import baselines as baselines, chips as chips
from .layouts import LAYOUT_FACTS as LAYOUT_FACTS, SCENE_SPLITS as SCENE_SPLITS, LayoutFacts as LayoutFacts
from .spec import (
    BUILTIN as BUILTIN,
    MAX_BATCH as MAX_BATCH,
    PLACEHOLDER as PLACEHOLDER,
    VARIANTS as VARIANTS,
    DatasetSpec as DatasetSpec,
    Deliverable as Deliverable,
    IoFormat as IoFormat,
    Network as Network,
    Preprocessing as Preprocessing,
    Reference as Reference,
    ThroughputLimit as ThroughputLimit,
    Tolerances as Tolerances,
    builtin_names as builtin_names,
    load as load,
    template as template,
)
from .target import DeviceState as DeviceState, Precision as Precision, Target as Target
from .toml_reader import add_line_number as add_line_number
