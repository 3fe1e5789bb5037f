"""Mutants tried in forked processes of one pytest session, which has collected the tests already."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

from enet.host import cores
from tests.mutation.operators import Mutant

#: Seconds after which a mutant counts as killed: it hangs.
PATIENCE = 120
OPTIONS = ("-q", "-x", "--assert=plain", "--confcutdir=tests/unit", "-pno:cacheprovider", "-pno:unraisableexception")


class Changed(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Finder and loader of one module whose code is given."""

    def __init__(self, path: Path, code: CodeType) -> None:
        self.path, self.code = path, code

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        wanted = ".".join(self.path.with_suffix("").parts)
        return importlib.util.spec_from_loader(name, self, origin=str(self.path)) if name == wanted else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(self.code, module.__dict__)


class Trial:
    """A pytest plugin that runs the collected tests once for every mutant, each in a process of its own.

    A mutant of a function's body replaces the code of the function that is loaded. Any other needs all modules loaded
    anew, and so a pytest session of its own. A test that killed a mutant is the first to run on the next one.

    Attributes:
        is_sound: whether the tests pass on the module as it is.
        first_failure: name of the test that does not.
        survivors: keys of the mutants that pass all tests.
    """

    def __init__(self, path: Path, tests: Sequence[str], waiting: Mapping[str, Mutant]) -> None:
        self.path, self.tests, self.waiting = path, tests, waiting
        self.is_sound, self.first_failure, self.survivors = False, "", list[str]()
        self.killers, self.killer = os.pipe()
        os.set_blocking(self.killers, False)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        module = importlib.import_module(".".join(self.path.with_suffix("").parts))
        fork(partial(self.run_collected, session))
        self.is_sound = os.wait()[1] == 0 and bool(session.items)
        self.first_failure = "".join(self.read_killers())
        running: dict[int, str] = {}
        for key, mutant in self.waiting.items() if self.is_sound else ():
            if len(running) == cores():
                self.finish(running, session.items)
            running[fork(partial(self.run, session, module, mutant))] = key
        while running:
            self.finish(running, session.items)
        return True

    def finish(self, running: dict[int, str], items: list[pytest.Item]) -> None:
        pid, status = os.wait()
        key = running.pop(pid)
        self.survivors += [key] if status == 0 else []
        killers = self.read_killers()
        items.sort(key=lambda item: item.nodeid not in killers)

    def read_killers(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            return os.read(self.killers, 2**16).decode().splitlines()
        return []

    def run(self, session: pytest.Session, module: ModuleType, mutant: Mutant) -> int:
        function = find_function(module, mutant.function)
        if function is not None:
            function.__code__ = find_code(mutant.code, mutant.function.split("."))
            return self.run_collected(session)
        for name in [name for name in sys.modules if name.split(".")[0] in ("enet", "tests", "conftest")]:
            del sys.modules[name]
        sys.meta_path.insert(0, Changed(self.path, mutant.code))
        return pytest.main([*self.tests, *OPTIONS])

    def run_collected(self, session: pytest.Session) -> int:
        """Run the collected tests up to the first that fails; return 1 if one did."""
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os.write(self.killer, f"{item.nodeid}\n".encode())
                return 1
        return 0


def fork(work: Callable[[], int]) -> int:
    """Run something in a forked process whose exit code it returns; an exception is 1. Return the process's number."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            signal.alarm(PATIENCE)
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            code = work()
        finally:
            os._exit(code)
    return pid


def find_function(module: ModuleType, dotted: str) -> FunctionType | None:
    """Return a function, or what is behind a property or class method; None if it is wrapped in something else."""
    found: object = module
    for name in dotted.split(".") if dotted else ():
        found = vars(found)[name]
    found = getattr(found, "fget", getattr(found, "__func__", found))
    return found if isinstance(found, FunctionType) else None


def find_code(code: CodeType, names: Sequence[str]) -> CodeType:
    """Return the code of a function in that of its module."""
    for name in names:
        code = next(each for each in codes(code) if each.co_name == name)
    return code


def codes(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))
