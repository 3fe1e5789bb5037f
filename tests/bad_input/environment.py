"""A sound deliverable in a bad environment: no permission, no room, a changed cache, a missing library."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest import mock

from enet import cli
from enet.selftest.tiny import data_set
from tests.bad_input.case import BAD_DATA, EVALUATE, EXPORT, PREPROCESS, Folders, Setup, case

#: A user with no rights but everybody's.
NOBODY = 65534

OWN_CACHE = " --artifact-cache {bad}/cache"
NOT_WRITTEN = "cannot be written (Permission denied)"
SCENES = "scenes --images 1 --save-path "


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run as a user without root's rights; anybody but root stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    for module in ("concurrent.futures.process", "enet.datasets.scenes", "enet.measure.pipeline"):
        import_module(module)  # the user may not be allowed to read them later
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond 4 KB: every larger write fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def without(module: str) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """As if a library, and the backend of its name, were not installed."""

    @contextlib.contextmanager
    def missing() -> Iterator[None]:
        with mock.patch.dict(sys.modules, {module: None}):
            sys.modules.pop(f"enet.backends.{module}", None)
            yield

    return missing


def no_toolkit() -> contextlib.AbstractContextManager[object]:
    """As on a host without CANN."""
    return mock.patch.dict(os.environ, {"PATH": "/usr/bin:/bin"})


def folder(mode: int) -> Setup:
    """``locked``, a folder with these rights."""

    def make(folders: Folders) -> None:
        (folders.bad / "locked").mkdir()
        (folders.bad / "locked").chmod(mode)

    return make


def secret(name: str) -> Setup:
    """A copy of a file of the tiny deliverable that nobody may read."""

    def make(folders: Folders) -> None:
        shutil.copy(folders.tiny / name, folders.bad / name)
        (folders.bad / name).chmod(0)

    return make


def secret_data(pattern: str) -> Setup:
    """A data set of which one file or folder may not be read."""
    return lambda folders: next(data_set(folders.bad / "data").glob(pattern)).chmod(0)


def filled_cache(change: Callable[[Path], object]) -> Setup:
    """A cache that holds all that an evaluation needs, then changed."""

    def make(folders: Folders) -> None:
        words = shlex.split(EVALUATE + OWN_CACHE)
        with contextlib.redirect_stdout(None):
            cli.main([word.format(tiny=folders.tiny, bad=folders.bad) for word in words])
        change(folders.bad / "cache")

    return make


def read_only(cache: Path) -> None:
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def change_model(cache: Path) -> None:
    (model,) = (cache / "onnxruntime").glob("*/model.onnx")
    model.write_bytes(b"something else")


def damage_manifests(cache: Path) -> None:
    for number, manifest in enumerate(cache.glob("*/*/manifest.json")):
        manifest.write_text("[" * 100_000 if number % 2 else json.dumps({"files": []}))


forbidden, no_room = partial(case, around=unprivileged), partial(case, around=full_disk)

PERMISSIONS = [
    forbidden(
        "JSON into a locked folder",
        EVALUATE + "--json {bad}/locked/e.json" + OWN_CACHE,
        "e.json: cannot be written (Permission denied)",
        folder(0o500),
    ),
    forbidden(
        "export into a locked folder",
        EXPORT + "{tiny}/tiny.pth --output-file {bad}/locked/e.onnx",
        "e.onnx: cannot be written",
        folder(0o555),
    ),
    forbidden(
        "preprocess into a locked folder",
        PREPROCESS + "{bad}/locked/prep" + OWN_CACHE,
        "cannot be created (Permission denied)",
        folder(0o500),
    ),
    forbidden("scenes into a locked folder", SCENES + "{bad}/locked/s", "Permission denied", folder(0o500)),
    forbidden("locked cache", EVALUATE + "--artifact-cache {bad}/locked", f"locked: {NOT_WRITTEN}", folder(0o500)),
    forbidden("unreadable checkpoint", EXPORT + "{bad}/tiny.pth", "tiny.pth: Permission denied", secret("tiny.pth")),
    forbidden(
        "unreadable deliverable",
        "deliverables check {bad}/tiny.toml",
        "tiny.toml: Permission denied",
        secret("tiny.toml"),
    ),
    forbidden("unreadable image", BAD_DATA + OWN_CACHE, "Permission denied", secret_data("leftImg8bit/val/alpha/*")),
    forbidden(
        "unreadable folder of images",
        BAD_DATA + OWN_CACHE,
        "alpha: cannot be read (Permission denied)",
        secret_data("leftImg8bit/val/alpha"),
    ),
    # Filled by another user, who is not believed.
    forbidden("read-only cache of another user", EVALUATE + OWN_CACHE, NOT_WRITTEN, filled_cache(read_only)),
]

FULL_DISK = [
    no_room("no room for the cache", EVALUATE + OWN_CACHE, "cannot be written (File too large)"),
    no_room("no room for the export", EXPORT + "{tiny}/tiny.pth", "enet.onnx: cannot be written (File too large)"),
    no_room(
        "no room for preprocessed files",
        PREPROCESS + "{bad}/prep",
        "cannot be written (File too large)",
        leaves="bad/prep/preprocessed.json",
    ),
    no_room("no room for scenes", SCENES + "{bad}/scenes", "png: cannot be written (File too large)"),
]

CASES = [
    *PERMISSIONS,
    *FULL_DISK,
    # A changed file of the cache is built again, not used.
    case("cache with a changed file", EVALUATE + OWN_CACHE, "5 images", filled_cache(change_model), code=0),
    case("cache with damaged manifests", EVALUATE + OWN_CACHE, "5 images", filled_cache(damage_manifests), code=0),
    case("ONNX Runtime not installed", EVALUATE, "pip install onnxruntime", around=without("onnxruntime")),
    case("OpenVINO not installed", EVALUATE + "--backend openvino", "pip install", around=without("openvino")),
    case("no Ascend toolkit", EVALUATE + "--backend ascend", "set_env.sh", around=no_toolkit),
]
