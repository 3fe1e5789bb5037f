"""Fuzzer of evidence: files edited by hand, and edited files whose checksum was made anew."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from enet import evidence
from enet.errors import InputError
from enet.evidence import Accuracy, Evidence, Parity, Provenance, Speed, Throughput
from enet.gates import Outcome
from enet.selftest.fuzzed.base import Attempt, Kind, Trial, pick
from enet.selftest.fuzzed.sound import CLASSES, IMAGES, PIXELS, World, make_world

Change = Callable[[Generator, Any], Any]


# Files edited by hand: whatever is changed, the file is refused.


def leaves(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in JSON."""
    if isinstance(table, dict):
        return [leaf for key, value in table.items() for leaf in leaves(value, (*path, key))] or [path]
    if isinstance(table, list):
        return [leaf for index, value in enumerate(table) for leaf in leaves(value, (*path, index))] or [path]
    return [path]


def edited_value(rng: Generator, value: Any) -> Any:
    """Another value than the one that is there."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)) and math.isfinite(value):
        return pick(rng, (value + 1, -value - 1, value * 1.001 + 1e-6, None, str(value)))
    if isinstance(value, str):
        return pick(rng, (f"{value}x", value[1:] or "x", None, 0))
    return pick(rng, (0, "x", {"x": 1}, [1]))


def edit(rng: Generator, table: Any) -> str:
    """Change, remove or add one value in JSON, in place; returns what, in words."""
    path = pick(rng, leaves(table))
    parent = table
    for key in path[:-1]:
        parent = parent[key]
    place = ".".join(map(str, path))
    what = pick(rng, ("change", "change", "change", "remove", "add"))
    if what == "change" or not isinstance(parent, (dict, list)):
        parent[path[-1]] = edited_value(rng, parent[path[-1]])
    elif what == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[f"{path[-1]}x"] = parent[path[-1]]
    else:
        parent.insert(int(path[-1]), parent[path[-1]])
    return f"{what} {place}"


def written(world: World, name: str, folder: Path) -> tuple[Path, Any]:
    path = folder / f"{name}.json"
    evidence.save(world.found[name], path)
    return path, json.loads(path.read_text(encoding="utf-8"))


def prepare_edits(folder: Path) -> Attempt:
    """Edit a file; it must be refused, unless only its form changed."""
    world = make_world()

    def attempt(rng: Generator, changes: bool) -> Trial:
        name = pick(rng, world.found)
        path, table = written(world, name, folder)
        words = edit(rng, table) if changes else "other order of keys"
        path.write_text(json.dumps(table, sort_keys=True, indent=int(rng.integers(4))), encoding="utf-8")
        return Trial(words=f"{name}: {words}", passed=passes(world, name, path))

    return attempt


def passes(world: World, name: str, path: Path) -> bool:
    """Whether a file is read and its gate passes."""
    try:
        return world.judge(name, evidence.load(path)).outcome is Outcome.PASS
    except InputError:
        return False


# Evidence with a checksum of its own that differs in something that matters: the gate must see it.


def some_row(rng: Generator, values: Sequence[Any], change: Callable[[Any], Any]) -> tuple[Any, ...]:
    index = int(rng.integers(len(values)))
    return tuple(change(value) if number == index else value for number, value in enumerate(values))


def of_provenance(name: str, values: Sequence[Any], side: str = "provenance") -> Change:
    """Another value of a field of the evidence's provenance."""
    return lambda rng, given: replace(given, **{side: replace(getattr(given, side), **{name: pick(rng, values)})})


def of_field(name: str, values: Sequence[Any]) -> Change:
    return lambda rng, given: replace(given, **{name: pick(rng, values)})


def of_outputs(name: str, values: Sequence[Any]) -> Change:
    """Another value of the check of timed executions."""
    return lambda rng, given: replace(given, outputs=replace(given.outputs, **{name: pick(rng, values)}))


def of_digest(side: str) -> Change:
    """One digest of either side is another."""

    def change(rng: Generator, given: Any) -> Any:
        table = dict(getattr(given, side))
        table[pick(rng, table)] += "x"
        return replace(given, **{side: table})

    return change


def fewer_images(rng: Generator, given: Accuracy) -> Accuracy:
    keep = np.sort(rng.permutation(IMAGES)[: int(rng.integers(1, IMAGES))])
    return replace(given, images=tuple(given.images[index] for index in keep), matrices=given.matrices[keep])


def other_matrix(rng: Generator, given: Accuracy) -> Accuracy:
    """Pixels of a class, in all images, go to another class."""
    matrices, (first, second) = given.matrices.copy(), rng.choice(CLASSES, 2, replace=False).tolist()
    matrices[:, first, second] += matrices[:, first, first]
    matrices[:, first, first] = 0
    return replace(given, matrices=matrices)


def one_label(rng: Generator, given: Accuracy) -> Accuracy:
    """The ground truth of a pixel of one image is another: not the images that PyTorch was measured on."""
    matrices, (first, second) = given.matrices.copy(), rng.choice(CLASSES, 2, replace=False).tolist()
    index = int(rng.integers(IMAGES))
    matrices[index, first, first] -= 1
    matrices[index, second, first] += 1
    return replace(given, matrices=matrices)


def differing(rng: Generator, given: Parity) -> Parity:
    least = 1 + int(1e-3 * PIXELS**2)
    return replace(given, differing_pixels=some_row(rng, given.differing_pixels, lambda _: least))


def of_counts(name: str, value: Any) -> Change:
    """Another count of one image."""
    return lambda rng, given: replace(
        given, counts=some_row(rng, given.counts, lambda each: replace(each, **{name: value}))
    )


def of_split(name: str, value: Any) -> Change:
    """Another count over all images."""
    return lambda _, given: replace(given, split=replace(given.split, **{name: value}))


def of_class(name: str, value: Any) -> Change:
    """Another count of one class over all images."""
    return lambda rng, given: of_split(name, some_row(rng, getattr(given.split, name), lambda _: value))(rng, given)


def slower(rng: Generator, given: Throughput) -> Throughput:
    (timing,) = given.device_timings
    factor = float(rng.uniform(1.3, 3))
    times = tuple(factor * each for each in timing.compute_ms)
    return replace(given, device_timings=(replace(timing, compute_ms=times, mean_ms=factor * timing.mean_ms),))


def fewer_of_the_run(rng: Generator, given: Throughput) -> Throughput:
    (timing,) = given.device_timings
    return replace(given, device_timings=(replace(timing, images=int(rng.integers(500))),))


def unfit_device(rng: Generator, given: Throughput) -> Throughput:
    (state,) = given.provenance.devices_before
    other = pick(
        rng, ({"health": "Warning"}, {"temperature": 86.0}, {"utilisation": 3.0}, {"processes": ("python (1)",)})
    )
    side = pick(rng, ("devices_before", "devices_after"))
    changed: dict[str, Any] = {side: (replace(state, **other),)}
    return replace(given, provenance=replace(given.provenance, **changed))


def slow_rounds(rng: Generator, given: Speed) -> Speed:
    rounds = tuple(float(rng.uniform(1.8, 5)) * each for each in given.times.rounds)
    return replace(given, times=replace(given.times, rounds=rounds))


DIGESTS = ("weights_sha256", "dataset_sha256", "preprocessing_sha256", "deliverable")
ANYWHERE: dict[str, Change] = {
    "simulated": of_provenance("simulated", (True,)),
    "limited": of_provenance("limited", (True,)),
    "missing reason": of_provenance("missing_reason", ("it broke",)),
}

#: What matters in each kind of evidence, in words, and how it is changed.
MATERIAL: dict[str, dict[str, Change]] = {
    "accuracy": {
        **ANYWHERE,
        **{name: of_provenance(name, ("other", "")) for name in DIGESTS},
        "images left out": fewer_images,
        "fewer images expected": of_field("images_expected", (IMAGES - 1, 0)),
        "more images expected": of_field("images_expected", (IMAGES + 1, 500)),
        "copies": of_field("duplicate_images", (1, 3)),
        "not finite": of_field("non_finite", (1, IMAGES)),
        "not looked at": of_field("non_finite", (None,)),
        "pixels of a class": other_matrix,
        "ground truth": one_label,
        "claimed mIoU": of_field("claimed_miou_percent", (1.0, 99.0, math.nan)),
        "rule": of_field("absent_classes", ("skip",)),
        "grid of labels": of_field("label_grid", ("photograph",)),
    },
    "parity": {
        **{
            f"{name} of {side}": of_provenance(name, ("other",), side)
            for name in (*DIGESTS, "onnx_sha256")
            for side in ("first", "second")
        },
        **{
            f"{name} of {side}": of_provenance(name, (True,), side)
            for name in ("simulated", "limited")
            for side in ("first", "second")
        },
        "same run twice": lambda _, given: replace(given, first=given.second),
        "labels": differing,
        "images left out": lambda _, given: replace(given, images=given.images[1:], differing_pixels=(0,) * 6),
        "no images": lambda _, given: replace(given, images=(), differing_pixels=()),
        "no pixels": of_field("pixels_per_image", (0,)),
        "not finite": of_field("non_finite", (1,)),
        "one class": of_field("is_single_class", (True,)),
        "mIoU": lambda _, given: replace(given, miou=(given.miou[0], given.miou[0] + 2e-4)),
    },
    "agreement": {
        **{
            f"{name} of {side}": of_provenance(name, ("other",), side)
            for name in DIGESTS
            for side in ("first", "second")
        },
        "not PyTorch's": of_provenance("backend", ("onnxruntime",), "second"),
        "simulated": of_provenance("simulated", (True,), "first"),
        "limited": of_provenance("limited", (True,), "first"),
        "far": of_counts("far_differing", 1 + PIXELS**2 // 10_000),
        "border": of_counts("border_differing", 8),
        "moved": of_counts("moved", (0, 60)),
        "lost": of_counts("lost_class_differing", 100),
        "place": of_split("pixel", 4),
        "line": of_split("line", (20 * IMAGES, 20)),
        "gained": of_class("gained", 5),
        "class moved": of_class("class_moved", (0, 30)),
        "no images": lambda _, given: replace(given, images=(), counts=()),
        "images left out": lambda _, given: replace(given, images=given.images[1:], counts=given.counts[1:]),
        "no pixels": of_field("pixels_per_image", (0,)),
    },
    "logits": {
        **{
            f"{name} of {side}": of_provenance(name, ("other",), side)
            for name in DIGESTS
            for side in ("first", "second")
        },
        "values beyond": of_field("over_limit_unexcused", (1, 1000)),
        "not finite": of_field("non_finite", (1,)),
        "nothing compared": of_field("values", (0,)),
        "looser limit": of_field("limit", (2e-4, 1.0, math.inf)),
        "looser relative limit": of_field("relative", (2e-6, 1.0)),
        "all excused": lambda _, given: replace(given, near_tie_share=0.9, over_limit=500),
    },
    "preprocessing": {
        "ours": of_digest("ours"),
        "theirs": of_digest("theirs"),
        "nothing": lambda _, given: replace(given, ours={}, theirs={}),
        "other names": lambda _, given: replace(given, theirs={f"{k}x": v for k, v in given.theirs.items()}),
        "fewer images": lambda _, given: replace(
            given, ours={"image0": given.ours["image0"]}, theirs={"image0": given.ours["image0"]}
        ),
        "limited": of_field("limited", (True,)),
    },
    "rebuilt": {
        "cached": of_digest("cached"),
        "built": of_digest("built"),
        "nothing": lambda _, given: replace(given, cached={}, built={}),
        "limited": of_field("limited", (True,)),
    },
    "throughput": {
        **ANYWHERE,
        "deliverable": of_provenance("deliverable", ("scenes",)),
        "chip": of_provenance("chip", ("910B", "310", "")),
        "times": slower,
        "images": fewer_of_the_run,
        "device": unfit_device,
        "zeros": of_field("zero_input", (True,)),
        "batch size": of_field("batch_size", (0, 1, 8)),
        "contradictions": of_field("contradictions", (("said so",),)),
        "ambiguity": of_field("batch_ambiguity", ("two fit",)),
        "more images expected": of_field("images_expected", (501, 5000)),
    },
    "speed": {
        "simulated": of_provenance("simulated", (True,)),
        "deliverable": of_provenance("deliverable", ("other",)),
        "weights": of_provenance("weights_sha256", ("other",), "reference"),
        "batch size": of_provenance("batch_size", (1,), "reference"),
        "outputs not checked": of_field("outputs", (None,)),
        "none compared": of_outputs("compared", (0,)),
        "none run again": of_outputs("repeated", (0,)),
        "other labels": of_outputs("repeat_agreement", (0.99, 0.0)),
        "labels of another input": of_outputs("agreement", (0.5, 0.0)),
        "rounds": slow_rounds,
        "two rounds": lambda _, given: replace(given, times=replace(given.times, rounds=given.times.rounds[:2])),
    },
}


#: Fields that say where, when and by what program something was measured: no gate decides by them.
IMMATERIAL = {"argv": (("pytest", "x"),), "host": ("another",), "time": ("2020-01-01T00:00:00+00:00",)}


def prepare_resigned(folder: Path) -> Attempt:
    """Change something that matters and write the file anew, with its own checksum; the gate must not pass."""
    world = make_world()

    def attempt(rng: Generator, changes: bool) -> Trial:
        name = pick(rng, world.found)
        given, path = world.found[name], folder / f"{name}.json"
        words = pick(rng, MATERIAL[name]) if changes else "another time and place"
        evidence.save(MATERIAL[name][words](rng, given) if changes else elsewhere(rng, given), path)
        return Trial(words=f"{name}: {words}", passed=passes(world, name, path))

    return attempt


def elsewhere(rng: Generator, given: Evidence) -> Evidence:
    sides = [each.name for each in fields(given) if isinstance(getattr(given, each.name), Provenance)]
    name = pick(rng, IMMATERIAL)
    changed = {side: replace(getattr(given, side), **{name: pick(rng, IMMATERIAL[name])}) for side in sides}
    return replace(given, **changed)


KINDS = (
    Kind(name="evidence edited by hand", prepare=prepare_edits),
    Kind(name="evidence with another value that matters", prepare=prepare_resigned),
)
