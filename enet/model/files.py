"""Digests of model files."""

from __future__ import annotations

from pathlib import Path

from enet.storage.files import hash_file, hash_json


def content_hash(path: Path) -> str:
    """SHA-256 of a model file; of an ONNX file with constants in files beside it, of all of these."""
    if path.suffix != ".onnx":
        return hash_file(path)
    from enet.model.onnx_file import external_files  # here, because onnx takes long to import

    files = external_files(path)
    return hash_json([hash_file(path), *map(hash_file, files)]) if files else hash_file(path)


def named_hash(path: Path) -> str:
    """SHA-256 and name of a model file, as sha256sum prints them."""
    return f"{content_hash(path)}  {path.name}"
