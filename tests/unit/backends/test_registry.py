"""The table of backends: read without their libraries, and every row has its class."""

from __future__ import annotations

import subprocess
import sys

import pytest

from enet import backends
from enet.errors import BackendUnavailable, InputError


def test_registry_is_read_without_importing_a_backend() -> None:
    code = (
        "import sys; from enet.backends import BACKENDS, DEFAULT, DEVICE_BACKENDS, QUANTISING, REFERENCE; "
        "sys.exit(', '.join({'numpy', 'onnxruntime', 'openvino', 'torch', 'enet.ascend'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_get_returns_the_class_of_the_row(name: str) -> None:
    try:
        backend = backends.get(name)
    except BackendUnavailable as error:
        pytest.skip(str(error))
    assert isinstance(backend, backends.Backend)
    assert backend.info is backends.BACKENDS[name]


def test_get_unknown_name_gives_input_error() -> None:
    with pytest.raises(InputError, match="did you mean 'onnxruntime'"):
        backends.get("onnxrt")


def test_choose_precision_not_available_is_the_default() -> None:
    chosen = {name: info.choose_precision("int8") for name, info in backends.BACKENDS.items()}
    assert [name for name, precision in chosen.items() if precision == "int8"] == list(backends.QUANTISING)
