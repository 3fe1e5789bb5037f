"""A run's speeds as a file, for later runs to be compared with: multiples of PyTorch's, on one machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from enet.errors import InputError
from enet.host import host_fingerprint
from enet.metrics.latency import Ratio
from enet.storage.files import make_folder, write_text

SCHEMA = 1


def save(speeds: Mapping[str, Ratio], path: Path) -> None:
    """Write speeds by case, with what this machine is, whole or not at all.

    Raises:
        InputError: the file can't be written.
    """
    make_folder(path.parent)
    cases = {case: asdict(ratio) for case, ratio in sorted(speeds.items())}
    write_text(path, json.dumps({"schema": SCHEMA, "machine": host_fingerprint(), "over_pytorch": cases}, indent=1))


def load(path: Path) -> dict[str, Ratio]:
    """Read speeds back.

    Raises:
        InputError: the file can't be read, isn't one, or is of another machine.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise InputError(f"{path}: schema {table['schema']}, but should be {SCHEMA}. Record it again")
        found = {
            case: Ratio(**{k: float(v) for k, v in ratio.items()}) for case, ratio in table["over_pytorch"].items()
        }
        machine, here = dict(table["machine"]), host_fingerprint()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Make one with --record-baseline {path}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: no record of speeds ({type(error).__name__}: {error}). Record it again") from error
    if machine != here:
        differing = [name for name in here if machine.get(name) != here[name]]
        raise InputError(f"{path}: of another machine ({', '.join(differing)}). Record one here with --record-baseline")
    if not all(0 < ratio.low <= ratio.value <= ratio.high for ratio in found.values()):
        raise InputError(f"{path}: intervals that don't hold their values. Record it again")
    return found
