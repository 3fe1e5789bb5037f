"""The project against what users write today; ``python -m benchmarks``."""
