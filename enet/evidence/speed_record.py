"""Recorded speeds on one kind of machine, as a baseline for later runs.

``--record-baseline`` writes a file. The included deliverables' own speeds on known machines are such files, too, in the
folder ``MACHINES``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from enet.deliverable import Deliverable
from enet.deliverable.spec import BUILTIN
from enet.deliverable.toml_reader import parse
from enet.errors import InputError
from enet.evidence.speed import RecordedSpeed
from enet.host import host_fingerprint
from enet.storage.files import hash_json, make_folder, write_text
from enet.storage.text import read_text

#: 2: besides the factor, the images/s of both sides; machines of a kind are equal.
SCHEMA = 2

#: One file for each known kind of machine.
MACHINES = BUILTIN / "speeds"


def save(speeds: Mapping[str, RecordedSpeed], path: Path) -> None:
    """Write speeds by case, with the fingerprint of this host.

    Raises:
        InputError: the file cannot be written.
    """
    make_folder(path.parent)
    cases = {case: asdict(speed) for case, speed in sorted(speeds.items())}
    table = {"schema": SCHEMA, "machine": host_fingerprint(), "speeds": cases}
    write_text(path, json.dumps(table | {"sha256": hash_json(table)}, indent=1) + "\n")


def load(path: Path) -> dict[str, RecordedSpeed]:
    """Read speeds by case.

    Raises:
        InputError: the file cannot be read, is not a record, or is from another kind of host.
    """
    machine, found = read(path)
    here = host_fingerprint()
    if machine != here:
        differing = ", ".join(name for name in here if machine.get(name) != here[name])
        raise InputError(f"{path}: recorded on another host (different {differing}). Record one with --record-baseline")
    return found


def shipped(deliverable: Deliverable) -> dict[str, RecordedSpeed]:
    """Speeds that an included deliverable reaches on this kind of machine, by case; empty if none are known."""
    if deliverable.path.parent != BUILTIN:
        return {}
    here = host_fingerprint()
    records = (read(path) for path in sorted(MACHINES.glob("*.json")))
    return next((speeds for machine, speeds in records if machine == here), {})


def read(path: Path) -> tuple[dict[str, Any], dict[str, RecordedSpeed]]:
    """Read a record: its machine, and its speeds by case.

    Raises:
        InputError: the file cannot be read, is not a record, or has been edited. The checksum finds accidents, not
            forgeries: nothing is signed.
    """
    try:
        table = json.loads(read_text(path))
        checksum, schema, found = table.pop("sha256", None), table["schema"], {}
        if schema == SCHEMA:
            machine, speeds = dict(table["machine"]), table["speeds"].items()
            found = {case: parse(RecordedSpeed, speed, "speeds") for case, speed in speeds}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Record one with --record-baseline {path}") from error
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a record of speeds ({reason}). Record it again") from error
    if schema != SCHEMA:
        raise InputError(f"{path}: schema={schema!r}, expected {SCHEMA}. Record it again")
    estimates = [each for speed in found.values() for each in (speed.ratio, speed.artifact, speed.reference)]
    if not all(0 < each.low <= each.value <= each.high < float("inf") for each in estimates):
        raise InputError(f"{path}: intervals do not contain their values. Record it again")
    if checksum != hash_json(table):
        raise InputError(f"{path}: checksum mismatch, the file has been edited. Record it again")
    return machine, found
