"""Kinds of evidence by name, how exactly a figure must follow from its counts, and every way to be no evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enet import evidence
from enet.errors import InputError
from enet.evidence import Digests, LogitComparison, Parity, Speed, Throughput
from enet.storage.files import hash_json
from tests.unit import recipes

DIGESTS = Digests(
    comparison="", dataset_sha256="", preprocessing_sha256="", limited=False, images_expected=0, ours={}, theirs={}
)


def compared(*differing: int) -> Parity:
    side, names = recipes.provenance(), tuple("xyz"[: len(differing)])
    return Parity(
        comparison="batch parity", first=side, second=side, images=names, images_expected=3, pixels_per_image=10,
        differing_pixels=differing, non_finite=0, is_single_class=False,
    )  # fmt: skip


def edited(root: Path, found: evidence.Evidence, **changes: Any) -> Path:
    """Evidence with changes and the checksum that belongs to them; a change to None leaves the key out."""
    table = json.loads(json.dumps(found.to_json())) | changes
    table = {name: value for name, value in table.items() if name not in changes or value is not None}
    (root / "evidence.json").write_text(json.dumps(table | {"sha256": hash_json(table)}))
    return root / "evidence.json"


def test_kinds_are_those_that_the_files_name() -> None:
    names = {kind: evidence.KINDS[kind].__name__ for kind in ("accuracy", "parity", "difference", "digests")}
    assert names == {"accuracy": "Accuracy", "parity": "Parity", "difference": "LogitComparison", "digests": "Digests"}
    assert (evidence.KINDS["throughput"], evidence.KINDS["speed"]) == (Throughput, Speed)


def test_load_as_accepts_its_kind_only(tmp_path: Path) -> None:
    evidence.save(DIGESTS, tmp_path / "evidence.json")
    assert evidence.load_as(Digests, tmp_path / "evidence.json") == DIGESTS
    with pytest.raises(InputError, match=r"Digests, expected LogitComparison\. Measure again"):
        evidence.load_as(LogitComparison, tmp_path / "evidence.json")


@pytest.mark.parametrize("stated", [0.0, 0.95e-12, -0.95e-12])
def test_figure_may_differ_by_rounding(stated: float, tmp_path: Path) -> None:
    assert evidence.load(edited(tmp_path, compared(10), pixel_agreement=stated)) == compared(10)


@pytest.mark.parametrize("stated", [1.05e-12, -1.05e-12, 1e-9, 1.0, float("nan")])
def test_figure_that_its_counts_contradict_is_refused(stated: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pixel_agreement=.*, expected 0 from its counts: the file has been edited"):
        evidence.load(edited(tmp_path, compared(10), pixel_agreement=stated))


def test_figure_that_cannot_be_compared_is_computed_again(tmp_path: Path) -> None:
    """NaN is what no pixels give. A figure that is left out, or that is none, is not taken from the file."""
    empty = evidence.load_as(Parity, edited(tmp_path, compared()))
    assert empty.images == ()
    for figure in (None, "all"):
        again = evidence.load_as(Parity, edited(tmp_path, compared(5), pixel_agreement=figure))
        assert again.pixel_agreement == 0.5
    timing = evidence.DeviceTiming(device="0", images=4, executions=1, compute_ms=(2.0,), mean_ms=2.0)
    run = Throughput(
        provenance=recipes.provenance(), tool="ais_bench", batch_size=4, batch_size_source="the model",
        claimed_batch_size=None, device_timings=(timing,), images_expected=4,
    )  # fmt: skip
    assert evidence.load_as(Throughput, edited(tmp_path, run, seconds=9.0)).seconds is None


#: A count that no int64 holds.
HUGE = json.dumps({"schema": evidence.SCHEMA, "kind": "accuracy", "classes": ["a"], "matrices": [[10**30]]})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('"text"', "AttributeError"),
        ("[" * 100_000, "RecursionError"),
        (HUGE, "OverflowError"),
    ],
)  # fmt: skip
def test_file_of_anything_gives_one_line_error(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"not evidence \({words}: .*\. Measure again") as caught:
        evidence.load(path)
    assert recipes.is_plain(str(caught.value))


def test_first_unknown_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown key 'alpha'"):
        evidence.load(edited(tmp_path, DIGESTS, alpha=1, beta=2))
