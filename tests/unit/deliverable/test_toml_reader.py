"""Values are checked against type hints, also those of other libraries."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from enet.deliverable.toml_reader import convert
from enet.errors import InputError


def test_convert_takes_an_alias_of_python_3_12_for_what_it_stands_for() -> None:
    """As numpy's NDArray from 2.5 on."""
    alias: Any = types.SimpleNamespace(__value__=np.ndarray[Any, np.dtype[np.int64]])
    hint, array = types.GenericAlias(alias, (np.int64,)), np.zeros(2, np.int64)
    assert convert(hint, array, "matrices") is array
    with pytest.raises(InputError, match=r"matrices: \[0\], expected type ndarray"):
        convert(hint, [0], "matrices")
