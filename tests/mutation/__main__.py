"""``python -m tests.mutation [MODULE …]``: do the unit tests notice a change in what decides?

Every mutant runs the module's own unit tests, in a forked process: ``tests/unit/<package>/test_<module>*.py``, or all
of the package's if there are none. A mutant that passes them must be listed in ``equivalents.txt``, with the reason why
it changes no decision; any other survivor is an error.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import io
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.mutation.operators import mutants
from tests.mutation.processes import OPTIONS, Trial

MODULES = ("enet/gates/*.py", "enet/evidence/*.py", "enet/metrics/*.py", "enet/records/consistency.py")
EQUIVALENTS = Path(__file__).with_name("equivalents.txt")
#: Mutants that are known to be killed, by a hash of module, tests and mutant.
CACHE = Path(".enet/mutation.json")
#: Loaded once, before the forks.
HEAVY = ("cv2", "hypothesis", "numpy", "onnx", "onnxruntime", "PIL.Image", "torch")


def own_tests(path: Path) -> list[str]:
    folder = Path("tests/unit", path.parent.name)
    return sorted(map(str, folder.glob(f"test_{path.stem}*.py")), reverse=True) or [str(folder)]


def state(path: Path, tests: Iterable[str]) -> str:
    """Hash of a module and of all that its tests consist of."""
    folders = {Path(test) if Path(test).is_dir() else Path(test).parent for test in tests}
    files = sorted([path, Path("tests/unit/recipes.py"), *(each for folder in folders for each in folder.glob("*.py"))])
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()


def survivors(path: Path, known: set[str]) -> tuple[list[str], int]:
    """Run all mutants of a module that are not known to be killed; return the names of survivors, and the total.

    Raises:
        SystemExit: the tests fail on the module as it is.
    """
    tests = own_tests(path)
    base, named = state(path, tests), {}
    for number, mutant in enumerate(mutants(path.read_text(encoding="utf-8"), str(path))):
        named[hashlib.sha256(f"{base} {number} {mutant.name}".encode()).hexdigest()[:16]] = mutant
    trial = Trial(path, tests, {key: mutant for key, mutant in named.items() if key not in known})
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        pytest.main([*tests, *OPTIONS], plugins=[trial])
    if not trial.is_sound:
        raise SystemExit(f"{path}: {trial.first_failure or 'its tests'} fails as it is\n{printed.getvalue()}")
    known.update(key for key in named if key not in trial.survivors)
    return [named[key].name for key in trial.survivors], len(named)


def listed() -> set[str]:
    """Names of mutants that are known to be equivalent; every group of them follows its reason, a comment."""
    lines = EQUIVALENTS.read_text(encoding="utf-8").splitlines()
    return {line.rstrip() for line in lines if line and not line.startswith("#")}


def main(arguments: Sequence[str]) -> int:
    paths = [Path(each) for each in arguments] or [p for pattern in MODULES for p in sorted(Path().glob(pattern))]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for library in HEAVY:
        importlib.import_module(library)
    gc.freeze()  # so that forks neither look through nor copy what is loaded
    known = set(json.loads(CACHE.read_text())) if CACHE.is_file() else set()
    begun, totals, equivalent, gone = time.monotonic(), Counter[str](), listed(), listed()
    print(f"{'module':32}{'mutants':>9}{'killed':>9}{'listed':>9}{'survived':>9}{'seconds':>9}")
    for path in (each for each in paths if each.name != "__init__.py"):
        since = time.monotonic()
        found, count = survivors(path, known)
        survived = [name for name in found if name.rstrip() not in equivalent]
        figures = [count, count - len(found), len(found) - len(survived), len(survived)]
        print(f"{path!s:32}" + "".join(f"{n:9}" for n in figures), f"{time.monotonic() - since:8.0f}")
        print(*(f"    {name}" for name in survived), sep="\n", end="\n" if survived else "", flush=True)
        totals.update(killed=figures[1], survived=figures[3])
        gone -= {name.rstrip() for name in found}
        CACHE.parent.mkdir(exist_ok=True)
        CACHE.write_text(json.dumps(sorted(known)))
    killed, deciding = totals["killed"], totals.total()
    share = f"{killed} of {deciding} ({100 * killed / max(deciding, 1):.1f} %)"
    print(f"{share} of the mutants that change a decision were killed, in {time.monotonic() - begun:.0f} s")
    for name in sorted(gone) if not arguments else []:
        print(f"{EQUIVALENTS.name}: no longer survives: {name}")
    return 1 if totals["survived"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
