"""The drawing of procedural street scenes, one kind of thing per file; ``enet.datasets.scenes`` puts it together.

Training data is drawn by this code, so a change here that moves one pixel is a change of the data set: raise
``scenes.SCENES_VERSION`` with it. A random number more or less, or two of them swapped, moves almost all pixels.
"""
