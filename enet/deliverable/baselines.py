"""Recorded baselines: throughput that others measured (the guide's table 7.3). Ratios are computed, not typed in."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enet.deliverable.toml_reader import expect, parse, read_toml, require
from enet.errors import unknown_name_error

FILE = Path(__file__).with_name("baselines.toml")

#: Batch key of a column's largest value.
BEST: Literal["best"] = "best"

BatchKey = int | Literal["best"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """Images/s of one kind of device, in the order of ``batch_sizes``."""

    name: str
    chip: str
    what: str
    batch_sizes: tuple[int, ...]
    images_per_second: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes, rates = self.batch_sizes, self.images_per_second
        expect(self, "images_per_second", len(sizes) == len(rates) > 0, f"{len(sizes)} numbers, one per batch size")
        expect(self, "batch_sizes", sorted({*sizes}) == [*sizes] and sizes[0] >= 1, "ascending numbers from 1 on")
        expect(self, "images_per_second", all(0 < rate < math.inf for rate in rates), "finite numbers above 0")

    @property
    def by_batch(self) -> Mapping[int, float]:
        return dict(zip(self.batch_sizes, self.images_per_second, strict=True))

    @property
    def best(self) -> float:
        return max(self.images_per_second)

    def at(self, batch: BatchKey) -> float | None:
        """Images/s at a batch size or the ``BEST`` one; None if nothing is recorded."""
        return self.best if batch == BEST else self.by_batch.get(batch)


@dataclass(frozen=True, kw_only=True)
class RatioColumn:
    """The names of two columns, of whose values a column of ratios is computed."""

    of: str
    over: str

    @property
    def name(self) -> str:
        return f"{self.of}/{self.over}"


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Folder for models whose images/s are ``at_least`` times those of column ``over`` at all ``batch_sizes``."""

    name: str
    over: str
    batch_sizes: tuple[int, ...]
    at_least: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The recorded table: columns of images/s, columns of ratios, and the rule for the model's directory."""

    name: str
    source: str
    columns: tuple[Column, ...]
    ratios: tuple[RatioColumn, ...]
    directory: Directory

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        require(len({*names}) == len(names), f"columns={names}, expected distinct names")
        for name in [side for ratio in self.ratios for side in (ratio.of, ratio.over)] + [self.directory.over]:
            require(name in names, f"{name!r} is not a column. Known: {', '.join(names)}")

    def column(self, name: str) -> Column:
        """Return the column of this name.

        Raises:
            InputError: there is no such column.
        """
        columns = {column.name: column for column in self.columns}
        if name not in columns:
            raise unknown_name_error("baseline", name, columns, where=f"recorded table {self.name}")
        return columns[name]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Batch sizes of all columns, ascending."""
        return tuple(sorted({size for column in self.columns for size in column.batch_sizes}))

    @property
    def batches(self) -> tuple[BatchKey, ...]:
        """All batch sizes, then ``BEST``."""
        return (*self.batch_sizes, BEST)

    def ratio(self, ratio: RatioColumn, batch: BatchKey) -> float | None:
        """Ratio of two columns at a batch size or of their ``BEST`` values; None if a value is missing."""
        of, over = self.column(ratio.of).at(batch), self.column(ratio.over).at(batch)
        return of / over if of and over else None

    def filed_under(self, images_per_second: Mapping[int, float]) -> str | None:
        """The directory for a model with these images/s; None if a value is too small or missing."""
        over, rule = self.column(self.directory.over).by_batch, self.directory
        reached = (images_per_second.get(n, 0.0) >= rule.at_least * over[n] for n in rule.batch_sizes)
        return rule.name if all(reached) else None

    def rows(self) -> list[tuple[str, list[float | None]]]:
        """Rows as in the guide: images/s, then ratios; one row per batch size, then the best of each column."""
        return [
            (title(batch), [c.at(batch) for c in self.columns] + [self.ratio(r, batch) for r in self.ratios])
            for batch in self.batches
        ]

    def lines(self) -> list[str]:
        """The table as text in 80 columns: four significant digits, ``-`` for a missing value."""
        titles = ["", *(column.name for column in self.columns), *(ratio.name for ratio in self.ratios)]
        body = [[name, *("-" if v is None else f"{v:.4g}" for v in values)] for name, values in self.rows()]
        widths = [max(len(row[i]) for row in (titles, *body)) for i in range(len(titles))]
        return [" ".join(map(str.rjust, row, widths)) for row in (titles, *body)]

    def to_json(self) -> dict[str, Any]:
        rates = {c.name: {title(n): r for n, r in c.by_batch.items()} | {BEST: c.best} for c in self.columns}
        compared = [ratio for ratio in self.ratios if ratio.over == self.directory.over]
        return {
            "name": self.name,
            "source": self.source,
            "unit": "images/s",
            "columns": {c.name: {"chip": c.chip, "what": c.what, **rates[c.name]} for c in self.columns},
            "ratios": {r.name: {title(n): self.ratio(r, n) for n in self.batches} for r in self.ratios},
            "directory": {r.of: self.filed_under(self.column(r.of).by_batch) for r in compared},
        }


def title(batch: BatchKey) -> str:
    """Name of a batch size in tables."""
    return BEST if batch == BEST else f"bs{batch}"


@functools.cache
def load() -> Table:
    """Read the table that is included in the package."""
    table: Table = parse(Table, read_toml(FILE, "baselines"), str(FILE))
    return table
