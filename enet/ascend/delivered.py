"""Input and output of a ``.om`` that was handed over, as the runtime tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from enet.ascend.ais_bench import open_session
from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.model.interface import Interface, Value, read

#: numpy's names of ``aclDataType``, as CANN's ``acl_base.h`` numbers them.
ACL_TYPES = {
    0: "float32", 1: "float16", 2: "int8", 3: "int32", 4: "uint8", 6: "int16", 7: "uint16", 8: "uint32", 9: "int64",
    10: "uint64", 11: "float64",
}  # fmt: skip


def of_om(path: Path, deliverable: Deliverable, target: Target) -> Interface:
    """Read the interface of a ``.om`` by loading it on the target's first device.

    Raises:
        BackendUnavailable: ais_bench or aclruntime is not installed.
        InputError: the runtime rejects the file; or it does not say what is needed, and the message asks for it.
    """
    session = open_session(path, target.devices[0])
    inputs, outputs = ([as_value(each) for each in side()] for side in (session.get_inputs, session.get_outputs))
    found = read(path, inputs, outputs, deliverable)
    if found.batch is None:
        raise InputError(f"{path}: compiled for several batch sizes. Give one .om a batch size, each by its own --om")
    return found


def as_value(described: Any) -> Value:
    """An input or output from the runtime's description; it gives -1 for a free dimension."""
    dtype = ACL_TYPES.get(int(described.datatype), f"number {int(described.datatype)}")
    return Value(described.name, dtype, tuple(side if side > 0 else None for side in described.shape))
