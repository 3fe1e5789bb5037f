"""The result of a diagnosis: a sentence, the cause, what speaks for it, and the table of what was tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from enet.diagnosis.layers import Layers
from enet.diagnosis.trials import Row
from enet.errors import folded, format_list

#: Rows of the table that are printed.
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A cause, in a few words of the table of hypotheses or in those of a question, and the sentence that names it."""

    cause: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a diagnosis found.

    Attributes:
        artifact: which one, in words.
        cause: in a few words; empty if nothing explains the result, or nothing is wrong.
        sentence: the result.
        facts: what else is known, one sentence each.
        rows: hypotheses that were tried, the best first.
        layers: the artifact's layers beside PyTorch's, or beside those of the ONNX that it was compiled from; None: not
            compared, since the artifact gives what PyTorch gives, or there is nothing to compare with.
        images: names of the images that were looked at.
        left_out: hypotheses that time did not allow.
        seconds: of the whole diagnosis.
    """

    artifact: str
    cause: str
    sentence: str
    facts: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    layers: Layers | None = None
    images: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"rows": [row.to_json() for row in self.rows]}

    def lines(self) -> list[str]:
        """The result as text, in 80 columns."""
        found = folded(f"diagnosis of {self.artifact}: {self.sentence}")
        for fact in self.facts:
            found += folded(fact, 4, first="  - ")
        if self.layers is not None:
            found += folded(f"layers: {self.layers.sentence}")
        if self.rows:
            found.append(f"{'tried':<40} {'ran':<8} {'mIoU':>8} {'with it':>8} {'images':>6} {'s':>5}")
            found += [table_line(row) for row in self.rows[:SHOWN]]
            if len(self.rows) > SHOWN:
                found.append(f"and {len(self.rows) - SHOWN} more that explain less")
        if self.left_out:
            found += folded(f"not tried, as time ran out: {format_list(self.left_out)}")
        return [*found, f"{len(self.images)} images, {self.seconds:.1f} s"]


def table_line(row: Row) -> str:
    before, after = (f"{100 * value:.2f}" for value in row.miou)
    return f"{shorten(row.name, 40):<40} {row.ran:<8} {before:>8} {after:>8} {row.images:>6} {row.seconds:>5.1f}"


def shorten(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
