from . import agreement as agreement, labels as labels, latency as latency, segmentation as segmentation
