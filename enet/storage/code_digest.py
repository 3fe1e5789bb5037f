"""What determines a cached file besides its inputs: the modules that make it, all that they import, and libraries."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import Any

from enet.host import installed_version
from enet.storage.files import hash_text

#: Folder that contains the package ``enet``.
ROOT = Path(__file__).parents[2]
#: An import from this package, anywhere in a module. Parsing whole modules would take ten times as long.
IMPORT = re.compile(r"^[ \t]*(?:from (enet\S*|\.\S*) import (\([^)]*\)|.*)|import (enet\S*))", re.MULTILINE)
#: An import from anywhere else: the first part of the name.
FOREIGN = re.compile(
    r"^[ \t]*(?:from (?!enet\b)([A-Za-z]\w*)\S* import|import (?!enet\b)([A-Za-z]\w*))\b", re.MULTILINE
)

#: Distributions of a library whose name they do not have.
DISTRIBUTIONS = {
    "PIL": ("pillow",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
}
#: Libraries that change no byte of a cached file: locks, progress bars, the readers of TOML files.
WITHOUT_EFFECT = {"filelock", "tqdm", "tomli", "tomllib"}


def made_by(*modules: str, root: Path = ROOT) -> dict[str, Any]:
    """Return the part of a cache key that follows from the code: its digest, and the libraries that it imports.

    Args:
        modules: as for ``code_digest``: those that make the file.
    """
    return {"code": code_digest(*modules, root=root), "libraries": libraries(*modules, root=root)}


@functools.cache
def libraries(*modules: str, root: Path = ROOT) -> dict[str, str]:
    """Return the versions of all libraries that modules and what they import from this package import, by name."""
    texts = [source(root, name) or "" for name in imported_modules(root, *modules)]
    names = {first or second for text in texts for first, second in FOREIGN.findall(text)}
    found = names - sys.stdlib_module_names - WITHOUT_EFFECT
    return {name: installed_version(*DISTRIBUTIONS.get(name, (name,))) for name in sorted(found)}


@functools.cache
def code_digest(*modules: str, root: Path = ROOT) -> str:
    """Return the SHA-256 of the sources of modules and of all modules of this package that they import.

    Nothing is imported, so a library that a module needs may be missing. Modules that are imported by a name known
    only at run time are not included.

    Args:
        modules: dotted names, such as "enet.model.export".
    Raises:
        ValueError: there is no such module.
    """
    names = sorted(imported_modules(root, *modules))
    return hash_text("".join(f"{name}\n{source(root, name)}\n" for name in names))


def imported_modules(root: Path, *modules: str) -> set[str]:
    """Return the modules, and those of this package that they import, directly or indirectly."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        if (module := waiting.pop()) not in found:
            found.add(module)
            waiting += [definer(root, origin, name) for origin, name, _ in imports(root, module)]
    return found


def definer(root: Path, module: str, name: str) -> str:
    """Return the module that ``from module import name`` needs: the one that is or defines ``name``."""
    if source(root, f"{module}.{name}") is not None:
        return f"{module}.{name}"
    origins = (definer(root, *origin) for *origin, bound in imports(root, module) if bound == name)
    return next(origins, module)


@functools.cache
def imports(root: Path, module: str) -> list[tuple[str, str, str]]:
    """Return (module, name in it, name here) of each import of a module, or of the stub of a lazy package."""
    if (text := source(root, module)) is None:
        raise ValueError(f"module={module!r}, expected a module of this package")
    found = []
    for origin, names, whole in IMPORT.findall(text):
        origin, names = (origin, names) if origin else whole.rpartition(".")[::2]
        origin = f"{module}{origin}".rstrip(".") if origin.startswith(".") else origin  # only in packages
        pairs = re.findall(r"(\w+)(?: as (\w+))?", re.sub("#.*", "", names))
        found += [(origin, name, bound or name) for name, bound in pairs]
    return found


@functools.cache
def source(root: Path, module: str) -> str | None:
    """Return the text of a module, or of the stub of a lazy package; None if there is no such module."""
    path = root.joinpath(*module.split("."))
    files = (path / "__init__.pyi", path / "__init__.py", path.with_suffix(".py"))
    return next((file.read_text(encoding="utf-8") for file in files if file.is_file()), None)
