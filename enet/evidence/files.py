"""Evidence as JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from enet.errors import InputError
from enet.evidence.accuracy import Accuracy
from enet.evidence.parity import Digests, LogitComparison, Parity
from enet.evidence.provenance import SCHEMA
from enet.evidence.speed import Speed
from enet.evidence.throughput import Throughput
from enet.storage.files import canonical_json, hash_text, make_folder, write_text

Evidence = Accuracy | Parity | LogitComparison | Digests | Throughput | Speed
KINDS: dict[str, type[Evidence]] = {
    kind.kind: kind for kind in (Accuracy, Parity, LogitComparison, Digests, Throughput, Speed)
}

#: Figures that follow from counts: written for people, computed anew here.
FOLLOWING = ("miou", "agreement", "images_per_second", "mean_ms")


def save(evidence: Evidence, path: Path) -> None:
    """Write evidence as JSON, whole or not at all.

    Raises:
        InputError: the folder can't be made or written.
    """
    make_folder(path.parent)
    table = evidence.to_json()
    write_text(path, json.dumps(table | {"sha256": hash_text(canonical_json(table))}))


def load(path: Path) -> Evidence:
    """Read evidence back; everything that follows from counts is computed anew.

    Raises:
        InputError: the file can't be read, isn't evidence, is of another schema, states a figure that its own counts
            deny, or has been edited. The checksum stops slips, not forgers: nothing is signed.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        checksum = table.pop("sha256", None)
        if table["schema"] != SCHEMA:
            raise InputError(f"{path}: evidence of schema {table['schema']}, but should be {SCHEMA}. Measure again")
        evidence = KINDS[table["kind"]].from_json(table)
        figures = [(name, table.get(name), getattr(evidence, name, None)) for name in FOLLOWING]
        as_written = checksum == hash_text(canonical_json(table))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Give an evidence file") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError) as error:
        raise InputError(f"{path}: not evidence ({type(error).__name__}: {error}). Measure again") from error
    for name, stated, counted in figures:
        if not (isinstance(stated, float) and isinstance(counted, float)):
            continue
        if not np.isclose(stated, counted, atol=1e-12, equal_nan=True):
            raise InputError(f"{path}: states {name}={stated:.6g}, but its counts give {counted:.6g}. It was edited")
    if not as_written:
        raise InputError(f"{path}: isn't as it was written: its checksum is another. It was edited; measure again")
    return evidence
