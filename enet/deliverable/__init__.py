"""What is judged, against what: the deliverable's file, recorded baselines, the device it is meant for."""

from enet.deliverable.spec import (
    CLASSES,
    MAX_BATCH,
    SCENE_SPLITS,
    SHIPPED,
    TO_FILL_IN,
    VARIANTS,
    DataSpec,
    Deliverable,
    Form,
    Network,
    Preprocessing,
    Reference,
    ThroughputLimit,
    Tolerances,
    load,
    shipped,
    template,
)

__all__ = [
    "CLASSES", "MAX_BATCH", "SCENE_SPLITS", "SHIPPED", "TO_FILL_IN", "VARIANTS", "DataSpec", "Deliverable", "Form",
    "Network", "Preprocessing", "Reference", "ThroughputLimit", "Tolerances", "load", "shipped", "template",
]  # fmt: skip
