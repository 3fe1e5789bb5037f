"""Modules that are imported when first used, so that collecting tests stays quick: torch alone takes seconds.

In a test module::

    if TYPE_CHECKING:
        import torch
        from enet import network
    else:
        torch, network = lazily("torch", "enet.model.architectures")
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class Lazy(ModuleType):
    """Stands for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        # pytest looks for its own, private names in everything that a test module holds.
        if name.startswith("_") and name != "__version__":
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


def lazily(*names: str) -> Any:
    """Stand-ins for modules; one for one name, a tuple for several."""
    modules = tuple(Lazy(name) for name in names)
    return modules if len(modules) > 1 else modules[0]
