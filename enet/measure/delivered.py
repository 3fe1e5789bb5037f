"""The files that a team hands over, and which of them serves a backend and a batch size."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from enet.backends import DEVICE_BACKENDS, REFERENCE
from enet.deliverable import Deliverable, Target
from enet.deliverable.network import TrustedNetwork
from enet.errors import InputError
from enet.model.files import named_hash
from enet.storage.user_code import code_sha256

if TYPE_CHECKING:
    from enet.backends.interface import Interface


@dataclass(frozen=True)
class Delivered:
    """Files that were handed over; false if there are none.

    Attributes:
        onnx, om: their paths, one that takes any batch size, or one for each.
    """

    deliverable: Deliverable
    target: Target
    onnx: tuple[Path, ...] = ()
    om: tuple[Path, ...] = ()

    @classmethod
    def of(cls, deliverable: Deliverable, target: Target, onnx: Sequence[Path], om: Sequence[Path]) -> Delivered:
        """The given files, or those that the deliverable names."""
        folder, named = deliverable.path.parent, deliverable.artifact
        paths = (
            tuple(given) or tuple(folder / n for n in names) for given, names in ((onnx, named.onnx), (om, named.om))
        )
        return cls(deliverable, target, *paths)

    def __bool__(self) -> bool:
        return bool(self.onnx or self.om)

    def files(self, backend: str) -> dict[Path, Interface]:
        """Files that a backend runs, or compiles, and their interfaces."""
        if backend == REFERENCE:
            return {}
        return self.om_files if backend in DEVICE_BACKENDS and self.om else self.onnx_files

    @cached_property
    def onnx_files(self) -> dict[Path, Interface]:
        """The ONNX files' interfaces; an ``InputError`` if a file cannot be used."""
        from enet.backends import interface  # here, because onnx takes long to import

        require_ending(".onnx", self.onnx)
        return distinct({path: interface.of_onnx(path, self.deliverable) for path in self.onnx})

    @cached_property
    def om_files(self) -> dict[Path, Interface]:
        """The .om files' interfaces, as the device's runtime tells them; an ``InputError`` if one cannot be used."""
        from enet.backends.om_interface import of_om  # here, because onnx takes long to import

        require_ending(".om", self.om)
        return distinct({path: of_om(path, self.deliverable, self.target) for path in self.om})

    @property
    def gives_float_logits(self) -> bool:
        """Whether the ONNX files' logits can be compared with PyTorch's; also if there are none."""
        return all(each.gives_float_logits for each in self.onnx_files.values())

    def sizes(self, backend: str) -> frozenset[int] | None:
        """Batch sizes that the files can run; None: any."""
        sizes = [each.batch for each in self.files(backend).values()]
        return None if None in sizes else frozenset(size for size in sizes if size)

    def choose(self, backend: str, batch_size: int) -> tuple[Path, Interface] | None:
        """The file for a batch size: one that is fixed to it, else one that takes any; None: nothing is handed over.

        Raises:
            InputError: there is none for this batch size or this backend.
        """
        if not self or backend == REFERENCE:
            return None
        found = self.files(backend)
        for size in (batch_size, None):
            for path, interface in found.items():
                if interface.batch == size:
                    return path, interface
        what = ", ".join(f"{path.name} is fixed to {each.batch}" for path, each in found.items())
        problem = what or f"{', '.join(path.name for path in self.om)} is not for it"
        raise InputError(f"backend {backend}: no delivered file for batch size {batch_size}: {problem}")

    def used(self, asked: Iterable[tuple[str, int]]) -> set[Path]:
        """The files that run, or are compiled, for backends and batch sizes; what has no file is left out."""
        found = set()
        for backend, batch_size in asked:
            with contextlib.suppress(InputError):
                found |= {chosen[0]} if (chosen := self.choose(backend, batch_size)) else set()
        return found

    def lines(self) -> tuple[str, ...]:
        """SHA-256 and name of each file, as sha256sum prints them, and of the user's own code, as they are now."""
        files = [*map(named_hash, (*self.onnx, *self.om))]
        spec = self.deliverable
        if isinstance(spec.network, TrustedNetwork):
            files.append(f"{code_sha256(spec.code[0])}  {spec.network.module}")
        return tuple(files)


def require_ending(ending: str, files: tuple[Path, ...]) -> None:
    """Raise InputError unless these are files whose names have this ending, by which tools know them."""
    for path in files:
        if not path.is_file():
            raise InputError(f"{path}: no such file. Give one with --{ending[1:]} FILE")
        if path.suffix != ending:
            raise InputError(
                f"{path}: --{ending[1:]} takes files whose names end with {ending}. Rename it if it is one"
            )


def distinct(files: dict[Path, Interface]) -> dict[Path, Interface]:
    """Refuse two files for one batch size.

    Raises:
        InputError: there are such files.
    """
    by_size: dict[int | None, Path] = {}
    for path, each in files.items():
        if (other := by_size.setdefault(each.batch, path)) is not path:
            size = f"batch size {each.batch}" if each.batch else "any batch size"
            raise InputError(f"{path} and {other}: both are for {size}. Give one of them")
    return files
