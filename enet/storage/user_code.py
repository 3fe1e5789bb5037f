"""What determines a network of the user's own code: the file that builds it, and what this imports from its folder."""

from __future__ import annotations

from modulefinder import ModuleFinder
from pathlib import Path

from enet.errors import InputError
from enet.storage.files import hash_file, hash_json, require_plain_file


def code_files(path: Path) -> list[Path]:
    """A Python file and all files of its folder and the folders below that it imports, sorted. Nothing is run.

    An import by a name that is known only at run time is not found.

    Raises:
        InputError: the file cannot be read, or one of them is not Python.
    """
    try:
        require_plain_file(path)
        finder = ModuleFinder(path=[str(path.parent)])
        finder.run_script(str(path))  # compiles, and follows the imports
    except OSError as error:
        raise InputError(f"[network] module: {path}: {error.strerror}. Correct the path") from error
    except (SyntaxError, ValueError) as error:
        place = f"{getattr(error, 'filename', None) or path}:{getattr(error, 'lineno', None) or 1}"
        raise InputError(f"{place}: not Python ({getattr(error, 'msg', error)})") from error
    found = (getattr(module, "__file__", None) for module in finder.modules.values())
    return sorted(Path(file) for file in found if file)


def code_sha256(path: Path) -> str:
    """SHA-256 of ``code_files`` and their places."""
    return hash_json([[str(file.relative_to(path.parent)), hash_file(file)] for file in code_files(path)])
