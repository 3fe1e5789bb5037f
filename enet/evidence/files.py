"""Evidence as JSON files."""

from __future__ import annotations

import json
from numbers import Real
from pathlib import Path
from typing import TypeVar

import numpy as np

from enet.errors import InputError
from enet.evidence.accuracy import Accuracy
from enet.evidence.agreement import Agreement
from enet.evidence.base import SCHEMA, Evidence
from enet.evidence.parity import Digests, GoldenLogits, LogitComparison, Parity
from enet.evidence.rebuilt import Rebuilt
from enet.evidence.speed import Speed
from enet.evidence.throughput import Throughput
from enet.storage.files import hash_json, make_folder, write_text
from enet.storage.text import read_text

Kind = TypeVar("Kind", bound=Evidence)

#: Class of evidence by the name that its files state.
CLASSES = (Accuracy, Agreement, Parity, LogitComparison, GoldenLogits, Digests, Rebuilt, Throughput, Speed)
KINDS: dict[str, type[Evidence]] = {each.kind: each for each in CLASSES}


def save(evidence: Evidence, path: Path) -> None:
    """Write evidence as JSON; after an error the old file is left, if there was one.

    Raises:
        InputError: the folder cannot be created, or the file cannot be written.
    """
    make_folder(path.parent)
    table = evidence.to_json()
    write_text(path, json.dumps(table | {"sha256": hash_json(table)}))


def load_as(kind: type[Kind], path: Path) -> Kind:
    """Read evidence of one kind back.

    Raises:
        InputError: as ``load``, or it is of another kind.
    """
    evidence = load(path)
    if not isinstance(evidence, kind):
        raise InputError(f"{path}: {type(evidence).__name__}, expected {kind.__name__}. Measure again")
    return evidence


def load(path: Path) -> Evidence:
    """Read evidence, and recompute all figures that follow from its counts and times.

    Raises:
        InputError: the file cannot be read, is not evidence, has another schema, states a figure that its own counts
            contradict, or has been edited. The checksum finds accidents, not forgeries: nothing is signed.
    """
    try:
        table = json.loads(read_text(path))
        checksum, schema = table.pop("sha256", None), table["schema"]
        if schema == SCHEMA:
            evidence = KINDS[table["kind"]].from_json(table)
            figures = [(name, table.get(name), figure) for name, figure in evidence.summary().items()]
            known = evidence.to_json()
            unknown = [name for name in table if name not in known]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Give an evidence file") from error
    except InputError as error:
        raise InputError(f"{path}: not evidence ({error}). Measure again") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError) as error:
        raise InputError(f"{path}: not evidence ({type(error).__name__}: {error}). Measure again") from error
    if schema != SCHEMA:
        raise InputError(f"{path}: schema={schema!r}, expected {SCHEMA}. Measure again")
    for name, stated, computed in figures:
        both = isinstance(stated, Real) and isinstance(computed, Real)
        if both and not np.isclose(stated, computed, atol=1e-12, equal_nan=True):
            edited = f"{name}={stated:.6g}, expected {computed:.6g} from its counts"
            raise InputError(f"{path}: {edited}: the file has been edited. Measure again")
    if checksum != hash_json(table):
        raise InputError(f"{path}: checksum mismatch, the file has been edited. Measure again")
    if unknown:
        raise InputError(f"{path}: not evidence (unknown key {unknown[0]!r}). Measure again")
    return evidence
