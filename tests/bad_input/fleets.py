"""Mistakes in the file of a fleet, and in the address of a cluster."""

from __future__ import annotations

from tests.bad_input.case import EVALUATE, case, cases_of, file
from tests.bad_input.environment import without

GOOD = b'[entries.one]\ndeliverable = "scenes"\n'
row = cases_of("fleet {bad}/fleet.toml")

CASES = [
    case("fleet: no file", "fleet {bad}/none.toml", "No such file or directory"),
    row("fleet: empty", "entries missing", file("fleet.toml")),
    row("fleet: no entries", "entries={}, expected one table [entries.NAME] or more", file("fleet.toml", b"[entries]")),
    row("fleet: not TOML", "not valid TOML", file("fleet.toml", b"[entries")),
    row(
        "fleet: mistyped key",
        "fleet.toml:3 [entries] [one]: key='backnd' is not known",
        file("fleet.toml", GOOD + b'backnd = "x"'),
    ),
    row("fleet: no deliverable", "deliverable missing", file("fleet.toml", b"[entries.one]\ncpus = 1")),
    row("fleet: unknown backend", "fleet.toml:3", file("fleet.toml", GOOD + b'backend = ["onnx"]')),
    row("fleet: backend twice", "all different", file("fleet.toml", GOOD + b'backend = ["ascend", "ascend"]')),
    row("fleet: no core", "cpus=0, expected at least 1", file("fleet.toml", GOOD + b"cpus = 0")),
    row("fleet: negative limit", "limit=-1, expected at least 0", file("fleet.toml", GOOD + b"limit = -1")),
    row(
        "fleet: unknown environment",
        "fleet.toml:3 [entries] [one]: environment='old' is not known",
        file("fleet.toml", GOOD + b'environment = "old"'),
    ),
    row(
        "fleet: pins without a version",
        "pins=['numpy>=2'], expected each as NAME==VERSION",
        file("fleet.toml", GOOD + b'[environments.old]\npins = ["numpy>=2"]'),
    ),
    row(
        "fleet: an option of pip for a pin",
        "expected each as NAME==VERSION",
        file("fleet.toml", GOOD + b'[environments.old]\npins = ["--index-url=x==1"]'),
    ),
    row(
        "fleet: python and pins",
        "expected a path, or pins, and not both",
        file("fleet.toml", GOOD + b'[environments.old]\npins = ["numpy==2"]\npython = "p"'),
    ),
    row(
        "fleet: a name that leaves the folder",
        "key='../one' is no name",
        file("fleet.toml", b'[entries."../one"]\ndeliverable = "scenes"'),
    ),
    row("fleet: without ray", "pip install 'enet[ray]'", file("fleet.toml", GOOD), around=without("ray")),
    case("ray: not an address", EVALUATE + "--ray tests", "'tests', expected HOST:PORT"),
    case("ray: not installed", EVALUATE + "--ray", "pip install 'enet[ray]'", around=without("ray")),
    case("ray: and a device", EVALUATE + "--ray --device 0,1", "Leave out --device"),
]
