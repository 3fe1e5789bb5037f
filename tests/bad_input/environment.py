"""A sound deliverable in a bad place: no permission, no room, a cache that changed, a library that is missing."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from unittest import mock

from enet import cli
from enet.selftest.tiny import data_set
from tests.bad_input.base import cases, evaluating, exporting, over, preparing

#: A user with no rights but everybody's.
NOBODY = 65534


@contextlib.contextmanager
def unprivileged(_: Path) -> Iterator[None]:
    """As somebody who may not simply do everything; who isn't root stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    for module in ("concurrent.futures.process", "enet.datasets.scenes"):
        import_module(module)  # whoever has no rights may not be able to read them later
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def no_room(_: Path) -> Iterator[None]:
    """No file may grow beyond 4 KB: every write of more fails, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def without(module: str, backend: str) -> contextlib.AbstractContextManager[None]:
    """As if a library weren't installed."""

    @contextlib.contextmanager
    def missing() -> Iterator[None]:
        with mock.patch.dict(sys.modules, {module: None}):
            sys.modules.pop(f"enet.backends.{backend}", None)
            yield

    return missing()


@contextlib.contextmanager
def no_toolkit(_: Path) -> Iterator[None]:
    """As on a machine without CANN."""
    with mock.patch.dict(os.environ, {"PATH": "/usr/bin:/bin"}):
        yield


forbidden = cases("permissions", around=unprivileged)
full = cases("full disk", around=no_room)
case = cases("environment")


def locked(folder: Path) -> Path:
    """A folder that nobody but its owner may enter, and that one not change."""
    folder.mkdir()
    folder.chmod(0o500)
    return folder


@cases("permissions", around=unprivileged, told=True)
def json_where_one_may_not_write(here: Path, bad: Path) -> tuple[list[object], str]:
    words = evaluating(here, "--artifact-cache", bad / "cache", "--json", locked(bad / "locked") / "e.json")
    return words, "e.json: can't be written (Permission denied)"


@forbidden
def export_where_one_may_not_write(here: Path, bad: Path) -> tuple[list[object], str]:
    folder = bad / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    return exporting(here / "tiny.pth", here, "--output-file", folder / "e.onnx"), "e.onnx: can't be written"


@forbidden
def preprocess_where_one_may_not_write(here: Path, bad: Path) -> tuple[list[object], str]:
    words = preparing(here, locked(bad / "locked") / "prep", "--artifact-cache", bad / "cache")
    return words, "can't be made (Permission denied)"


@forbidden
def scenes_where_one_may_not_write(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--images", 1, "--save-path", locked(bad / "locked") / "s"], "Permission denied"


@forbidden
def cache_that_is_read_only(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--artifact-cache", locked(bad / "locked")), "locked: can't be written (Permission denied)"


@forbidden
def checkpoint_that_one_may_not_read(here: Path, bad: Path) -> tuple[list[object], str]:
    shutil.copy(here / "tiny.pth", bad / "secret.pth")
    (bad / "secret.pth").chmod(0)
    return exporting(bad / "secret.pth", here), "secret.pth: Permission denied"


@forbidden
def deliverable_that_one_may_not_read(here: Path, bad: Path) -> tuple[list[object], str]:
    shutil.copy(here / "tiny.toml", bad / "secret.toml")
    (bad / "secret.toml").chmod(0)
    return ["deliverables", "check", bad / "secret.toml"], "secret.toml: Permission denied"


@forbidden
def image_that_one_may_not_read(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    next(root.glob("leftImg8bit/val/alpha/*")).chmod(0)
    return [*over(here, root), "--artifact-cache", bad / "cache"], "Permission denied"


@forbidden
def folder_that_one_may_not_read(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    (root / "leftImg8bit/val/alpha").chmod(0)
    return [*over(here, root), "--artifact-cache", bad / "cache"], "alpha: Permission denied"


@full
def no_room_for_the_cache(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--artifact-cache", bad / "cache"), "can't be written (File too large)"


@full
def no_room_for_the_export(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here), "enet.onnx: can't be written (File too large)"


@cases("full disk", around=no_room, leaves="bad/prep/preprocessed.json")
def no_room_for_preprocessed_files(here: Path, bad: Path) -> tuple[list[object], str]:
    return preparing(here, bad / "prep"), "can't be written (File too large)"


@full
def no_room_for_scenes(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--images", 1, "--save-path", bad / "scenes"], "png: can't be written (File too large)"


def with_filled_cache(here: Path, bad: Path) -> list[object]:
    """An evaluation that finds everything built."""

    words = evaluating(here, "--artifact-cache", bad / "cache")
    with contextlib.redirect_stdout(None):
        cli.main([str(word) for word in words])
    return words


@cases("permissions", around=unprivileged, code=0)
def filled_cache_that_is_read_only(here: Path, bad: Path) -> tuple[list[object], str]:
    """One that is shared, say: what is in it is used; an interrupted run merely leaves nothing to go on from."""
    words = with_filled_cache(here, bad)
    for path in (bad / "cache", *(bad / "cache").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return words, "5 images"


@cases("environment", code=0)
def cache_with_a_changed_file(here: Path, bad: Path) -> tuple[list[object], str]:
    """A file of the cache that isn't what it was built as is built anew, not used."""
    words = with_filled_cache(here, bad)
    (model,) = (bad / "cache" / "onnxruntime").glob("*/model.onnx")
    model.write_bytes(b"something else")
    return words, "5 images"


@cases("environment", code=0)
def cache_with_a_damaged_manifest(here: Path, bad: Path) -> tuple[list[object], str]:
    words = with_filled_cache(here, bad)
    for number, manifest in enumerate((bad / "cache").glob("*/*/manifest.json")):
        manifest.write_text("[" * 100_000 if number % 2 else json.dumps({"files": []}))
    return words, "5 images"


@cases("environment", around=lambda _: without("onnxruntime", "onnxruntime"))
def engine_that_is_not_installed(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here), "pip install onnxruntime"


@cases("environment", around=lambda _: without("openvino", "openvino"))
def other_engine_that_is_not_installed(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--backend", "openvino"), "pip install"


@cases("environment", around=no_toolkit)
def no_ascend_toolkit(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--backend", "ascend"), "set_env.sh"
