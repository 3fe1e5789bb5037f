"""Recorded throughput that others measured: the guide's table 7.3 as data. Ratios are computed, never typed in."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enet.deliverable.toml_reader import parse, read_toml, require
from enet.errors import unknown_name_error

FILE = Path(__file__).with_name("baselines.toml")

#: Stands for a column's largest figure, whatever its batch size.
BEST: Literal["best"] = "best"

BatchKey = int | Literal["best"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one kind of device reached: images/s, in order of ``batch_sizes``."""

    name: str
    chip: str
    what: str
    batch_sizes: tuple[int, ...]
    images_per_second: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes, rates = self.batch_sizes, self.images_per_second
        require(len(sizes) == len(rates) > 0, f"{len(rates)} images_per_second for {len(sizes)} batch_sizes")
        require(sorted(set(sizes)) == list(sizes) and sizes[0] >= 1, f"batch_sizes={list(sizes)}, but should ascend")
        require(all(0 < rate < math.inf for rate in rates), f"images_per_second={list(rates)}, but should be above 0")

    @property
    def by_batch(self) -> Mapping[int, float]:
        return dict(zip(self.batch_sizes, self.images_per_second, strict=True))

    @property
    def best(self) -> float:
        return max(self.images_per_second)

    def at(self, batch: BatchKey) -> float | None:
        """Images/s at a batch size or at the ``BEST`` one; None where nothing is recorded."""
        return self.best if batch == BEST else self.by_batch.get(batch)


@dataclass(frozen=True, kw_only=True)
class RatioColumn:
    """A column of ratios: names of the two columns."""

    of: str
    over: str

    @property
    def name(self) -> str:
        return f"{self.of}/{self.over}"


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Where the model is filed once its throughput is ``at_least`` so many times ``over``'s at all ``batch_sizes``."""

    name: str
    over: str
    batch_sizes: tuple[int, ...]
    at_least: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """All of it."""

    name: str
    source: str
    columns: tuple[Column, ...]
    ratios: tuple[RatioColumn, ...]
    directory: Directory

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        require(len(set(names)) == len(names), f"columns are named {names}, but should have names of their own")
        for name in [side for ratio in self.ratios for side in (ratio.of, ratio.over)] + [self.directory.over]:
            require(name in names, f"{name!r} is no column; there are {names}")

    def column(self, name: str) -> Column:
        """A column by name.

        Raises:
            InputError: there is none of that name.
        """
        found = {column.name: column for column in self.columns}
        if name not in found:
            raise unknown_name_error("baseline", name, found, where=f"recorded table {self.name}")
        return found[name]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """All that any column has."""
        return tuple(sorted({size for column in self.columns for size in column.batch_sizes}))

    @property
    def batches(self) -> tuple[BatchKey, ...]:
        """All batch sizes, then ``BEST``."""
        return (*self.batch_sizes, BEST)

    def ratio(self, ratio: RatioColumn, batch: BatchKey) -> float | None:
        """At a batch size, or of the two columns' ``BEST`` figures; None where either has none."""
        of, over = self.column(ratio.of).at(batch), self.column(ratio.over).at(batch)
        return of / over if of and over else None

    def filed_under(self, images_per_second: Mapping[int, float]) -> str | None:
        """The directory that a model with these figures belongs into; None where one falls short or is missing."""
        over, rule = self.column(self.directory.over).by_batch, self.directory
        reached = (images_per_second.get(n, 0.0) >= rule.at_least * over[n] for n in rule.batch_sizes)
        return rule.name if all(reached) else None

    def rows(self) -> list[tuple[str, list[float | None]]]:
        """The guide's rows: figures, then ratios; one row a batch size, then the best of each column."""
        return [
            (title(batch), [c.at(batch) for c in self.columns] + [self.ratio(r, batch) for r in self.ratios])
            for batch in self.batches
        ]

    def to_markdown(self) -> str:
        """The table as the guide prints it: ten significant digits, ``-`` where there is no figure."""
        titles = ["", *(column.name for column in self.columns), *(ratio.name for ratio in self.ratios)]
        body = [[name, *("-" if v is None else f"{v:.10g}" for v in values)] for name, values in self.rows()]
        widths = [max(len(row[i]) for row in (titles, *body)) for i in range(len(titles))]
        padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (titles, *body)]
        lines = [f"| {' | '.join(row)} |" for row in padded]
        return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": self.source,
            "unit": "images/s",
            "columns": {c.name: {"chip": c.chip, "what": c.what, **rates(c)} for c in self.columns},
            "ratios": {r.name: {title(n): self.ratio(r, n) for n in self.batches} for r in self.ratios},
            "directory": {
                r.of: self.filed_under(self.column(r.of).by_batch) for r in self.ratios if r.over == self.directory.over
            },
        }


def title(batch: BatchKey) -> str:
    """How a batch size is called in tables."""
    return BEST if batch == BEST else f"bs{batch}"


def rates(column: Column) -> dict[str, float]:
    return {**{title(size): rate for size, rate in column.by_batch.items()}, title(BEST): column.best}


@functools.cache
def load() -> Table:
    """The table that comes with the package."""
    table: Table = parse(Table, read_toml(FILE, "baselines"), str(FILE))
    return table
