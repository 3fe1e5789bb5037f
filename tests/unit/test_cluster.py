"""Addresses of clusters, and what a cluster must have."""

from __future__ import annotations

import socket
import subprocess
import sys
from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from enet import cluster, deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.evidence.provenance import Node
from enet.measure import cluster as runs
from enet.measure.subject import Subject
from enet.storage.store import Store


@pytest.mark.parametrize("text", ["local", "10.0.0.5:6379", "head.example:6379", "[::1]:6379"])
def test_ray_address(text: str) -> None:
    assert cluster.ray_address(text) == text


@pytest.mark.parametrize("text", ["", "tests", "host:", ":6379", "ray://host:10001", "host:0", "host:99999", "auto"])
def test_ray_address_refuses(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected HOST:PORT"):
        cluster.ray_address(text)


def test_require_cluster_says_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=rf"^--ray {address}: cannot be reached \(Connection refused\)"):
            cluster.require_cluster(address)
        taken.listen()
        monkeypatch.setattr(cluster, "TIMEOUT", 1)
        monkeypatch.setattr(cluster, "PROBE", "import time; time.sleep(60)")
        with pytest.raises(InputError, match="no Ray cluster answered in 1 s"):
            cluster.require_cluster(address)
        monkeypatch.setattr(cluster, "TIMEOUT", 30)
        monkeypatch.setattr(cluster, "PROBE", "import sys; sys.exit('Version mismatch')")
        with pytest.raises(InputError, match=r"cannot be joined \(Version mismatch\)"):
            cluster.require_cluster(address)


def test_require_goes_with_refuses_other_ways_to_choose_devices() -> None:
    cluster.require_goes_with(Target(precision="int8"))
    for target, option in ((Target(devices=(0, 1)), "--device"), (Target(provider="CUDA"), "--provider")):
        with pytest.raises(InputError, match=f"Leave out {option}"):
            cluster.require_goes_with(target)
    with pytest.raises(InputError, match="Leave out -n"):
        cluster.require_goes_with(Target(), workers=True)


def test_require_resource_counts_what_is_alive() -> None:
    ray = SimpleNamespace(cluster_resources=lambda: {"CPU": 8.0, "NPU": 0.0})
    assert cluster.require_resource(ray, "CPU") == 8
    with pytest.raises(InputError, match=r"has no NPU\. Add a node"):
        cluster.require_resource(ray, "NPU")
    with pytest.raises(InputError, match="has no GPU any more"):
        cluster.require_resource(ray, "GPU", waiting=True)


def test_ray_is_imported_only_by_connect() -> None:
    words = "import sys, enet.cli, enet.measure.cluster, enet.fleet.runs; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", words], check=True)


def test_connect_without_ray_says_what_to_install() -> None:
    with mock.patch.dict(sys.modules, {"ray": None}), pytest.raises(InputError, match=r"pip install 'enet\[ray\]'"):
        cluster.connect(cluster.LOCAL)


def test_paths_of_the_subject_hold_in_every_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scenes = deliverable.load("scenes")
    subject = Subject(replace(scenes, path=Path("mine.toml")), Store(tmp_path), data_root=Path("data"))
    found = runs.absolute(subject)
    assert (found.deliverable.path, found.data_root) == (tmp_path / "mine.toml", tmp_path / "data")
    assert runs.absolute(replace(subject, data_root=None)).data_root is None


def test_a_node_with_other_own_code_differs(tmp_path: Path) -> None:
    artifact = SimpleNamespace(backend="pytorch", path=tmp_path / "a.pth")
    artifact.path.write_bytes(b"1")
    driver, node = (runs.describe_node(code, artifact, SimpleNamespace(code_sha256=code)) for code in "ab")  # type: ignore[arg-type]
    (problem,) = node.differences(driver)
    assert problem.startswith("b: code ")


NODE = Node(name="driver", host="h", versions={"numpy": "2"}, code_sha256="c" * 64, artifact_sha256="a" * 64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"host": "another", "images": 7}, []),
        ({"versions": {"numpy": "1"}}, ["node 1: numpy 1, expected 2"]),
        ({"versions": {}}, ["node 1: numpy none, expected 2"]),
        ({"versions": {"numpy": "2", "torch": "3"}}, ["node 1: torch 3, expected none"]),
        ({"code_sha256": "d" * 64}, ["node 1: code dddddddddddd, expected cccccccccccc"]),
        ({"artifact_sha256": "b" * 64}, ["node 1: artifact bbbbbbbbbbbb, expected aaaaaaaaaaaa"]),
    ],
)
def test_differences_of_nodes(change: dict[str, object], words: list[str]) -> None:
    node = replace(NODE, **{"name": "node 1", **change})  # type: ignore[arg-type] # fields by name
    assert node.differences(NODE) == words
