"""One line of the table that ``python -m benchmarks`` prints."""

from __future__ import annotations

from dataclasses import dataclass

from enet.metrics.latency import Ratio


@dataclass(frozen=True)
class Row:
    """What was compared.

    Attributes:
        comparison: what is compared with what.
        ratio: speedup, or a fraction.
        required: smallest ratio that this project promises, if it promises one.
    """

    comparison: str
    ratio: Ratio
    required: float | None = None

    def __str__(self) -> str:
        required = "" if self.required is None else f"required {self.required:g}x"
        interval = f"{self.ratio.low:>7.2f}x to {self.ratio.high:.2f}x"
        return f"{self.comparison:<62}{self.ratio.value:>8.2f}x  {interval:<20}  {required}"
