"""Drawing of generated street scenes, one kind of thing per file; ``enet.datasets.scenes`` calls it.

A change of one pixel is a change of the data set. One random number more or less, or two of them swapped, changes
almost all pixels.
"""
