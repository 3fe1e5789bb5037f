"""The file of a fleet, and its acceptance runs: deliverables x backends x devices x environments."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from enet.backends import BACKENDS, DEFAULT
from enet.deliverable import builtin_names
from enet.deliverable.target import Precision
from enet.deliverable.toml_reader import add_line_number, expect, parse, read_toml
from enet.errors import InputError, InputErrors, unknown_name_error

#: Names of entries and environments become names of folders.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: Bytes of a run's name, which becomes a folder's; file systems allow 255.
LONGEST = 200
#: A package at one version, so that two nodes install the same.
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[A-Za-z0-9._,-]+\])?==[A-Za-z0-9._+!-]+")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What runs an acceptance; one of the two.

    Attributes:
        python: an interpreter on the nodes, in whose environment enet is installed.
        pins: packages, "NAME==VERSION", that Ray installs on a node above what is there, once.
    """

    python: str = ""
    pins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        expect(self, "python", bool(self.python) != bool(self.pins), "a path, or pins, and not both")
        expect(self, "pins", all(map(PIN.fullmatch, self.pins)), "each as NAME==VERSION")


#: That of the node itself.
OWN = "node"
#: No names of entries or environments: that of the node, and the page's files, beside the runs' folders.
RESERVED = (OWN, "fleet.html", "fleet.md")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Options of acceptance runs, as those of ``enet accept``; of the first four, each combination is a run.

    Attributes:
        device: resource that a node must have, as in ``ray start --resources``; "any": whatever the backend needs.
        cpus: number of cores of a run.
    """

    deliverable: tuple[str, ...]
    backend: tuple[str, ...] = (DEFAULT,)
    device: tuple[str, ...] = ("any",)
    environment: tuple[str, ...] = (OWN,)
    data_root: str = ""
    weights: str = ""
    onnx: tuple[str, ...] = ()
    om: tuple[str, ...] = ()
    batch_size: tuple[int, ...] = ()
    limit: int = 0
    precision: Precision = "fp32"
    trust_code: bool = False
    cpus: int = 1

    def __post_init__(self) -> None:
        for name in ("deliverable", "backend", "device", "environment"):
            values = getattr(self, name)
            expect(self, name, values and len(set(values)) == len(values), "one or more, all different")
        for name in self.backend:
            expect(self, "backend", name in BACKENDS, f"names among {', '.join(BACKENDS)}")
        expect(self, "limit", self.limit >= 0, "at least 0, which means all")
        expect(self, "cpus", self.cpus >= 1, "at least 1")
        expect(self, "batch_size", all(size >= 1 for size in self.batch_size), "at least 1 each")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A fleet's file.

    Attributes:
        evidence: folder for the evidence, a folder in it for each run.
        entries, environments: by name.
    """

    entries: dict[str, Entry]
    environments: dict[str, Environment] = field(default_factory=dict)
    evidence: str = "fleet-evidence"

    def __post_init__(self) -> None:
        expect(self, "entries", self.entries, "one table [entries.NAME] or more")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One acceptance.

    Attributes:
        name: also that of its folder.
        entry: with one deliverable, backend, device and environment; all its paths are absolute.
        environment: None: the node's own.
    """

    name: str
    entry: Entry
    environment: Environment | None

    @property
    def deliverable(self) -> str:
        return self.entry.deliverable[0]

    @property
    def backend(self) -> str:
        return self.entry.backend[0]

    @property
    def device(self) -> str:
        return self.entry.device[0]

    def words(self) -> list[str]:
        """The options of ``enet accept``."""
        entry = self.entry
        words = ["--deliverable", self.deliverable, "--backend", self.backend, "--precision", entry.precision]
        for option in ("data_root", "weights", "onnx", "om", "batch_size", "limit"):
            value = getattr(entry, option)
            for each in value if isinstance(value, tuple) else (value,):
                words += [f"--{option.replace('_', '-')}", str(each)] if each else []
        return [*words, *(["--trust-code"] if entry.trust_code else [])]


def load(path: Path) -> tuple[Path, list[Run]]:
    """Read a fleet's file; return the folder for the evidence, and the runs. Its paths begin at its own folder.

    Raises:
        InputErrors: a mistake each, with its line.
    """
    table = read_toml(path, "fleet", ". Give a file as docs/scale.md describes")
    try:
        fleet: Fleet = parse(Fleet, table, str(path))
        check_names(fleet, str(path))
    except InputErrors as error:
        raise InputErrors([add_line_number(message, path) for message in error.messages]) from error
    except InputError as error:
        raise InputError(add_line_number(str(error), path)) from error
    base = path.absolute().parent
    runs = [run for name, entry in fleet.entries.items() for run in expand(name, entry, fleet.environments, base)]
    names = [run.name.lower() for run in runs]
    if twice := [run.name for run in runs if names.count(run.name.lower()) > 1]:
        raise InputError(f"{path}: two runs are called {twice[0]!r}. Rename an entry")
    for run in runs:
        if not (run.name.isprintable() and len(run.name.encode(errors="replace")) <= LONGEST):
            rule = f"expected at most {LONGEST} printable characters. Rename the entry or its files"
            raise InputError(f"{path}: a run is called {run.name!r}, {rule}")
    return base / fleet.evidence, runs


def check_names(fleet: Fleet, path: str) -> None:
    """Refuse names that are no names of folders, and environments that are not declared.

    Raises:
        InputError: there is one.
    """
    for kind, table in (("entries", fleet.entries), ("environments", fleet.environments)):
        for name in table:
            if not NAME.fullmatch(name) or name.lower() in RESERVED:
                rule = f"letters, digits, '.', '_' and '-', and not {' or '.join(map(repr, RESERVED))}"
                raise InputError(f"{path} [{kind}]: key={name!r} is no name, expected {rule}")
    for name, entry in fleet.entries.items():
        for wanted in entry.environment:
            if wanted not in (OWN, *fleet.environments):
                where = f"{path} [entries] [{name}]"
                raise unknown_name_error("environment", wanted, (OWN, *fleet.environments), where=where)


def expand(name: str, entry: Entry, environments: dict[str, Environment], base: Path) -> list[Run]:
    """The runs of an entry: each is called as the entry, and by what it does not share with the others."""
    choices = (entry.deliverable, entry.backend, entry.device, entry.environment)
    runs = []
    for combination in itertools.product(*choices):
        own = [Path(one).stem for one, several in zip(combination, choices, strict=True) if len(several) > 1]
        deliverable, backend, device, environment = combination
        resolved = replace(
            entry,
            deliverable=(deliverable if deliverable in builtin_names() else str(base / deliverable),),
            backend=(backend,),
            device=(device,),
            environment=(environment,),
            data_root=str(base / entry.data_root) if entry.data_root else "",
            weights=str(base / entry.weights) if entry.weights else "",
            onnx=tuple(str(base / each) for each in entry.onnx),
            om=tuple(str(base / each) for each in entry.om),
        )
        chosen = environments.get(environment)
        if chosen and chosen.python:
            chosen = replace(chosen, python=str(base / chosen.python))
        runs.append(Run(name="-".join([name, *own]), entry=resolved, environment=chosen))
    return runs
