"""The mutation run: it makes the changes that it says, and a mutant is what its module would be after the change."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.__main__ import EQUIVALENTS, listed
from tests.mutation.operators import mutants
from tests.mutation.processes import find_code, find_function

SOURCE = '''
"""A module."""
LIMITS = {"low": 1.5, "high": 3}

class Check:
    """A class."""
    @property
    def ok(self) -> bool:
        """A property."""
        return self.low <= self.value and not self.busy

def name(first: int, second: int, unit: str = "") -> str:
    if first:
        raise ValueError("no first one")
    return f"about {first - second:.2f}"
'''


def test_mutants_are_named_by_place_and_change() -> None:
    names = [mutant.name.removeprefix("gate.py ") for mutant in mutants(SOURCE, "gate.py")]
    assert names == [
        "module: LIMITS = {'[low': 1.5, ' => ]high': 3}",
        "module: LIMITS = {'low': 1.5[, 'high': 3 => ]}",
        "module: LIMITS = {'low[ => X]': 1.5, 'high': 3}",
        "module: ITS = {'low': 1.5, 'high[ => X]': 3}",
        "module: LIMITS = {'low': 1.[ => 6]5, 'high': 3}",
        "module: LIMITS = {'low': 1.[ => 3]5, 'high': 3}",
        "module:  = {'low': 1.5, 'high': [3 => 4]}",
        "module:  = {'low': 1.5, 'high': [3 => 2]}",
        "Check.ok: return [self.low <= self.value and (not self.busy) => None]",
        "Check.ok:  self.low <= self.value [and (not self.busy) => or not self.busy]",
        "Check.ok: return [self.low <= self.value and (not self.busy) => not self.busy]",
        "Check.ok: n self.low <= self.value[ and (not self.busy) => ]",
        "Check.ok: return self.low <[= => ] self.value and (not sel",
        "Check.ok: return self.low [<= => >] self.value and (not sel",
        "Check.ok: return self.[low => high] <= self.value and (not ",
        "Check.ok: f.low <= self.value and [(not self.busy) => self.busy]",
        "name: '[ => X]'",
        "name: [ => not ]first",
        "name: [first => second]",
        "name: [raise ValueError('no first one') => pass]",
        "name: return [f'about {first - second:.2f}' => None]",
        "name: return f'about {first [- => +] second:.2f}'",
        "name: return f'about {[first => second] - second:.2f}'",
        "name: return f'about {first - [second => first]:.2f}'",
    ]


def mutant(words: str) -> ModuleType:
    """The module as one of its mutants, by putting the changed function into the unchanged module where possible."""
    (found,) = [each for each in mutants(SOURCE, "gate.py") if words in each.name]
    module = ModuleType("gate")
    exec(compile(SOURCE, "gate.py", "exec"), module.__dict__)
    function = find_function(module, found.function)
    if function is None:
        exec(found.code, module.__dict__)
    else:
        function.__code__ = find_code(found.code, found.function.split("."))
    return module


def test_mutants_behave_as_changed() -> None:
    check = mutant("[and (not self.busy) => or").Check()
    check.low, check.value, check.busy = 2, 1, False
    assert check.ok
    assert mutant("'high': [3 => 4]").LIMITS == {"low": 1.5, "high": 4}
    with pytest.raises(ValueError, match="no first one"):
        mutant("[ => not ]first").name(0, 1)


def test_every_listed_equivalent_has_a_reason() -> None:
    """A block of the file is its reason, lines with ``#``, and then the mutants; each names a module that exists."""
    blocks = [block.splitlines() for block in EQUIVALENTS.read_text(encoding="utf-8").strip().split("\n\n")]
    for lines in blocks:
        assert lines[0].startswith("#"), lines[0]
    for name in listed():
        assert Path(name.split()[0]).is_file(), name
        assert " => " in name
