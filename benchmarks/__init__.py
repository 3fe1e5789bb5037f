"""Speed of this project over that of usual scripts: ``python -m benchmarks``."""
