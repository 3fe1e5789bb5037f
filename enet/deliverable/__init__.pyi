from . import baselines as baselines, chips as chips
from .artifact import ArtifactSpec as ArtifactSpec, IoFormat as IoFormat
from .dataset import DatasetSpec as DatasetSpec, Preprocessing as Preprocessing
from .layouts import LAYOUT_FACTS as LAYOUT_FACTS, SCENE_SPLITS as SCENE_SPLITS, LayoutFacts as LayoutFacts
from .network import VARIANTS as VARIANTS, Network as Network, TrustedNetwork as TrustedNetwork, Variant as Variant
from .spec import (
    BUILTIN as BUILTIN,
    MAX_BATCH as MAX_BATCH,
    PLACEHOLDER as PLACEHOLDER,
    Deliverable as Deliverable,
    Reference as Reference,
    ThroughputLimit as ThroughputLimit,
    builtin_names as builtin_names,
    load as load,
    template as template,
)
from .target import DeviceState as DeviceState, Precision as Precision, Target as Target
from .tolerances import LOOSEST as LOOSEST, Tolerances as Tolerances
from .toml_reader import add_line_number as add_line_number
