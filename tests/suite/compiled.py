"""Not collected by itself: asks for a ``.om`` of every fixture, as a user's own test would."""

from __future__ import annotations

from pathlib import Path

from enet.backends import Artifact


def test_all(
    onnx: Path, om_bs1: Artifact, om_bs4: Artifact, om_bs8: Artifact, om_bs16: Artifact, om_bs32: Artifact
) -> None:
    built = (om_bs1, om_bs4, om_bs8, om_bs16, om_bs32)
    assert [each.batch_size for each in built] == [1, 4, 8, 16, 32]
    assert len({each.sha256 for each in built}) == 5
    assert len({each.onnx_sha256 for each in built}) == 1
    assert all(each.path.is_file() for each in built)
    assert onnx.is_file()


def test_one_more(om_bs1: Artifact) -> None:
    assert om_bs1.path.name == "enet_bs1.om"
