from . import labels as labels, latency as latency, segmentation as segmentation
