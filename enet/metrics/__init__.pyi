from . import (
    agreement as agreement,
    class_order as class_order,
    labels as labels,
    latency as latency,
    segmentation as segmentation,
)
