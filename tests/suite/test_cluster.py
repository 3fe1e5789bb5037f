"""Accuracy and fleets on a real Ray cluster of several nodes, on this machine. Starting a node takes 2 to 3 seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from enet import cli, cluster, gates, measure
from enet.errors import InputError
from enet.evidence import Accuracy
from enet.measure import cluster as runs
from enet.measure.subject import Subject
from enet.selftest.tiny import data_set
from enet.storage.store import MANIFEST, Store
from tests.unit.tiny import tiny

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'enet[ray]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
]
MEMORY = {"object_store_memory": 80 << 20}
#: A node that does not answer for so long is dead; Ray waits for 15 s.
HEALTH = {"health_check_period_ms": 500, "health_check_failure_threshold": 5, "health_check_timeout_ms": 2000}


class Nodes:
    """A cluster whose first node runs no task; others come and go.

    Attributes:
        plain: a node that serves several tests; its images are in ``images``.
    """

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "_system_config": HEALTH, **MEMORY}
        self.folder, self.cluster = folder, Cluster(initialize_head=True, head_node_args=head)
        ray.init(address=self.cluster.address, logging_level="ERROR", log_to_driver=False)
        self.images = data_set(folder / "images")
        self.plain = self.add("plain", ENET_DATA_ROOT=str(self.images))

    def add(self, name: str, **environment: str) -> Any:
        """Add a node of one core with an artifact cache of its own."""
        variables = {"ENET_CACHE": str(self.folder / name), **environment}
        return self.cluster.add_node(num_cpus=1, env_vars=variables, **MEMORY)

    def kill(self, node: Any) -> None:
        """Kill a node, and wait until the cluster knows."""
        self.cluster.remove_node(node, allow_graceful=False)
        wait_until(lambda: sum(each["Alive"] for each in ray.nodes()) == 1 + len(self.cluster.worker_nodes))


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "nothing happened in 60 s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    yield made
    ray.shutdown()
    made.cluster.shutdown()


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return replace(tiny(tmp_path_factory.mktemp("tiny")), ray=cluster.LOCAL)


@pytest.fixture(autouse=True)
def one_batch_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "FEWEST", 1)


def run(subject: Subject, labels: Path | None = None) -> Accuracy:
    return measure.measure_split(subject, subject.artifact("onnxruntime", 2), subject.image_files(), labels_to=labels)


def require_equal(found: Accuracy, alone: Accuracy) -> None:
    """The evidence of the cluster is that of this machine, but for times and for who measured."""
    np.testing.assert_array_equal(found.matrices, alone.matrices)
    differing = {"matrices", "provenance", "seconds", "devices", "run"}
    assert {k: v for k, v in vars(found).items() if k not in differing} == {
        k: v for k, v in vars(alone).items() if k not in differing
    }
    assert replace(found.provenance, nodes=(), time="") == replace(alone.provenance, time="")


def test_evidence_of_nodes_is_that_of_one_machine_and_a_node_that_dies_changes_nothing(
    nodes: Nodes, subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run(replace(subject, ray=None), tmp_path / "alone.npy")
    lost = nodes.add("lost")
    found = run(subject, tmp_path / "found.npy")
    require_equal(found, alone)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), np.load(tmp_path / "alone.npy"))
    _, *others = found.provenance.nodes
    assert sum(node.images for node in others) == len(alone.images) == sum(each.images for each in found.devices)
    assert {node.artifact_sha256 for node in others} == {alone.provenance.artifact_sha256}
    assert found.provenance.node_problems() == []

    # The next task of this node waits for a lock, so it is in the middle of it when the node is killed.
    artifact = subject.artifact("onnxruntime", 2)
    files = sorted(runs.read_files(artifact, subject.store))
    entry = Store(nodes.folder / "lost").entry("received", {"sha256": artifact.sha256, "files": files})
    entry.parent.mkdir(parents=True, exist_ok=True)
    (entry / MANIFEST).unlink(missing_ok=True)  # so that it is written anew
    real = runs.run_tasks
    killed: list[Any] = []

    def run_tasks(*given: Any) -> Iterator[Any]:
        for answer in real(*given):
            if not killed:
                wait_until(lambda: ray.available_resources().get("CPU", 0) == 0)
                nodes.kill(lost)
                killed.append(lost)
            yield answer

    monkeypatch.setattr(runs, "run_tasks", run_tasks)
    with FileLock(entry.with_name(f".{entry.name}.lock")):
        again = run(subject)
    assert killed
    require_equal(again, alone)
    assert [(node.name, node.images) for node in again.provenance.nodes] == [("driver", 0), ("node 1", 5)]


def test_fleet_goes_on_where_it_stopped(
    nodes: Nodes, subject: Subject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml, folder = tmp_path / "fleet.toml", tmp_path / "fleet-evidence"
    toml.write_text(
        f'[entries.good]\ndeliverable = "{subject.deliverable.path}"\ndata_root = "{subject.data_root}"\nlimit = 1\n'
        '[entries.bad]\ndeliverable = "none.toml"\n[entries.far]\ndeliverable = "scenes"\ndevice = "moon"\n'
    )
    assert cli.main(["fleet", str(toml), "--json", str(tmp_path / "fleet.json")]) == 1
    assert "0 of 3 accepted" in capsys.readouterr().out
    table = json.loads((tmp_path / "fleet.json").read_text())
    found = {each["run"]: (each["verdict"], each["what was found"]) for each in table["runs"]}
    assert found["good"][0] == "NOT ACCEPTED"
    assert "without evidence" in found["good"][1]
    assert found["bad"][0] == found["far"][0] == "NOT MEASURED"
    assert "none.toml: No such file or directory" in found["bad"][1]
    assert "the cluster has no moon" in found["far"][1]
    assert table["headline"] == "3 runs: 1 NOT ACCEPTED, 2 NOT MEASURED"
    assert 'href="good/report.html"' in (folder / "fleet.html").read_text()

    began = (folder / "good" / "verdicts.json").stat().st_mtime_ns
    toml.write_text(toml.read_text().partition("[entries.bad]")[0])
    assert cli.main(["fleet", str(toml)]) == 1
    assert "(earlier, and nothing has changed)" in capsys.readouterr().out
    assert (folder / "good" / "verdicts.json").stat().st_mtime_ns == began


def test_images_that_a_node_does_not_have_are_one_line(nodes: Nodes, subject: Subject) -> None:
    image = next(nodes.images.rglob("*_leftImg8bit.png"))
    image.write_bytes(max(nodes.images.rglob("*_leftImg8bit.png")).read_bytes())
    with pytest.raises(InputError, match=rf"^--ray: node .*: {image.stem} differ from those that were checked"):
        run(subject)
    nodes.images.rename(nodes.folder / "elsewhere")
    with pytest.raises(InputError, match=rf"^--ray: node .*{nodes.images}.*"):
        run(subject)


def test_node_with_another_library_is_no_evidence_and_without_nodes_nothing_waits(
    nodes: Nodes, subject: Subject, tmp_path: Path
) -> None:
    other = tmp_path / "numpy-0.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    nodes.kill(nodes.plain)
    with pytest.raises(InputError, match="the cluster has no CPU"):
        run(subject)
    nodes.add("other", PYTHONPATH=f"{tmp_path}:{Path(cli.__file__).parents[1]}")
    found = run(subject)
    (problem,) = found.provenance.node_problems()
    assert problem.startswith("node 1: numpy 0.1, expected ")
    verdict = gates.accuracy.miou(found, subject.deliverable)
    assert (verdict.outcome, problem in verdict.sentence) == (gates.Outcome.NO_EVIDENCE, True)
