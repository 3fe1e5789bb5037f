"""Heavy libraries load when a test first uses them, so that collecting all tests stays quick; warnings are errors."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

from enet.pytest_plugin import ACCEPTANCE

#: For the suite's own tests; what ``pytest.ini`` ignores stays ignored.
STRICT = pytest.mark.filterwarnings(
    "error", "ignore:Benchmarks are automatically disabled", "ignore::pytest.PytestCacheWarning"
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """An acceptance runs beside plugins of all kinds, so a warning is no error there."""
    if not item.path.is_relative_to(ACCEPTANCE):
        item.add_marker(STRICT, append=False)  # so that a test's own filters come after it


HEAVY = ("cv2", "nncf", "onnx", "onnxruntime", "openvino", "torch")


class OnFirstUse(ModuleType):
    """Stands in ``sys.modules`` for a library until one of its names is used.

    importlib's LazyLoader does not serve: it loads a library when pytest looks at the class of what a module holds.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name not in ("__path__", "__version__"):  # pytest and inspect look for their own
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


for library in HEAVY:
    if library not in sys.modules and (spec := find_spec(library)):
        sys.modules[library] = OnFirstUse(library)
        sys.modules[library].__spec__ = spec  # other libraries look there whether it is installed
