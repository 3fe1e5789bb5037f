"""Training of the shipped checkpoints: ``python -m enet.training --help``."""
