"""Recorded speedups over PyTorch on one host, as a baseline for later runs."""

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
    """Write speedups by case, with the fingerprint of this host.

    Raises:
        InputError: the file cannot be written.
    """
    make_folder(path.parent)
    cases = {case: asdict(ratio) for case, ratio in sorted(speeds.items())}
    write_text(path, json.dumps({"schema": SCHEMA, "machine": host_fingerprint(), "over_pytorch": cases}, indent=1))


def load(path: Path) -> dict[str, Ratio]:
    """Read speedups by case.

    Raises:
        InputError: the file cannot be read, is not a record, or is from another host.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise InputError(f"{path}: schema={table['schema']}, expected {SCHEMA}. Record it again")
        rows = table["over_pytorch"].items()
        found = {case: Ratio(**{name: float(each) for name, each in ratio.items()}) for case, ratio in rows}
        machine, here = dict(table["machine"]), host_fingerprint()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Record one with --record-baseline {path}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a record of speeds ({reason}). Record it again") from error
    if machine != here:
        differing = ", ".join(name for name in here if machine.get(name) != here[name])
        raise InputError(f"{path}: recorded on another host (different {differing}). Record one with --record-baseline")
    if not all(0 < ratio.low <= ratio.value <= ratio.high for ratio in found.values()):
        raise InputError(f"{path}: intervals do not contain their values. Record it again")
    return found
