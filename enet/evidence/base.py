"""What all kinds of evidence share: their form in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from enet.deliverable.toml_reader import parse
from enet.storage.run_folder import run_id

#: Raised when a field is renamed or changes its meaning; evidence of another schema is not read.
SCHEMA = 6


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One measurement: counts and times in fields, and derived figures; ``kind`` is the name of its class in JSON.

    Attributes:
        run: id of the run that measured it.
    """

    kind: ClassVar[str]
    run: str = field(default_factory=run_id)

    def summary(self) -> dict[str, Any]:
        """Figures that follow from the fields: written for readers of the file, recomputed when it is loaded."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """Return kind, schema, derived figures and all fields."""
        return {"kind": self.kind, "schema": SCHEMA, **self.summary(), **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Evidence:
        """Rebuild evidence from the fields in ``table``; derived figures are ignored.

        Raises:
            InputError: a field is missing or has another type.
        """
        return parse(cls, {f.name: table[f.name] for f in fields(cls) if f.name in table}, cls.kind)
