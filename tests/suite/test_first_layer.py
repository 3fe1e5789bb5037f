"""The first layer that a device's compiler gets wrong, found on the simulator."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from tests.suite.simulator import run
from tests.unit.tiny import tiny

#: Node that the simulated compiler gets wrong.
LAYER = "bottleneck3_4.conv2.0"

#: Compares the layers of the tiny deliverable in a folder, and prints what it finds as JSON.
SCRIPT = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from enet import deliverable
from enet.diagnosis import bench, first_layer
from enet.measure.subject import Subject
from enet.storage.store import Store

folder = Path(sys.argv[1])
subject = Subject(deliverable.load(str(folder / "tiny.toml")), Store(folder / "cache"), data_root=folder / "data")
artifact = subject.artifact("ascend", 2)
with bench.open_bench(subject, artifact, subject.prepared(), None, seconds=600) as opened:
    print(json.dumps(asdict(first_layer.find(opened, artifact, folder))))
"""


def compared(folder: Path, **settings: object) -> dict[str, Any]:
    done = run(sys.executable, "-c", SCRIPT, folder, **settings)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_layer_that_the_compiler_gets_wrong_is_found_by_halving(tmp_path: Path) -> None:
    tiny(tmp_path)
    found = compared(tmp_path, layer=LAYER)
    first = found["first"]
    assert first["name"] == LAYER, found["sentence"]
    assert first["compilations"] <= math.ceil(math.log2(first["total"])) + 1
    assert (first["arithmetic"], first["beside"]) == ("float16", "the ONNX")
    assert first["largest"] > first["allowed"]
    assert (tmp_path / first["picture"]).is_file()
