"""Timed executions: no two inputs are equal, and an artifact that cheats under the clock is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet import gates
from enet.backends.onnxruntime import OnnxRuntimeModel
from enet.evidence import Speed
from enet.measure import race
from enet.measure.contest import TimingSettings
from enet.measure.subject import Subject
from enet.measure.timed_outputs import OutputCheck, VariedImages, image_agreement
from enet.metrics.latency import Times
from tests.unit import tiny

Infer = Callable[[OnnxRuntimeModel, NDArray[Any]], NDArray[Any]]

ROUNDS = 10


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return tiny.tiny(tmp_path_factory.mktemp("timed"))


def raced(subject: Subject) -> Speed:
    with race.race(subject, "onnxruntime", 2, subject.prepared()) as both:
        both.contest.warm_up(0)
        both.run(TimingSettings(warmup_seconds=0, min_seconds=0, min_rounds=ROUNDS))
    return both.evidence()


def test_inputs_never_repeat_and_follow_from_the_seed(subject: Subject) -> None:
    first, again, other = (VariedImages(subject.prepared(), 2, seed) for seed in (1, 1, 2))
    places = [(number, execution) for number in range(-5, 20) for execution in range(2)]
    batches = {first.batch(*place).tobytes() for place in places}
    assert len(batches) == len(places)
    assert {again.batch(*place).tobytes() for place in places} == batches
    assert batches.isdisjoint(other.batch(*place).tobytes() for place in places)
    assert first.batch(0, 0).shape == (2, tiny.SIDE, tiny.SIDE, 3)


def test_inputs_of_a_batch_have_the_colours_of_different_images(subject: Subject) -> None:
    """A batch of more images than there are repeats some, each rolled differently."""
    source = subject.prepared()
    known = [np.sort(source.load(index)[0].reshape(-1, 3), axis=0) for index in range(len(source.names))]

    def origins(size: int) -> list[int]:
        batch = VariedImages(source, size, seed=3).batch(0, 0)
        return [
            next(index for index, each in enumerate(known) if (np.sort(row.reshape(-1, 3), axis=0) == each).all())
            for row in batch
        ]

    assert sorted(origins(len(known))) == list(range(len(known)))
    assert len(origins(2 * len(known))) == 2 * len(known)


def test_sound_artifact_has_no_problem(subject: Subject) -> None:
    evidence = raced(subject)
    found = evidence.outputs
    assert found is not None
    assert gates.speed.outputs_problem(evidence, subject.deliverable) is None
    assert found.executions == found.compared == len(evidence.times.executions) >= ROUNDS
    assert (found.repeated, found.repeat_agreement) == (8, 1.0)


def test_race_that_was_not_left_has_checked_nothing(subject: Subject) -> None:
    with race.race(subject, "onnxruntime", 2, subject.prepared()) as both:
        both.run(TimingSettings(warmup_seconds=0, min_seconds=0, min_rounds=3))
        problem = gates.speed.outputs_problem(both.evidence(), subject.deliverable)
    assert problem == "the outputs of the timed executions were not checked"


class Cheat:
    """Replaces ``infer``; counts the executions that were really computed.

    Args:
        key: inputs with equal keys get the first one's result.
    """

    def __init__(self, infer: Infer, key: Callable[[NDArray[Any]], object]) -> None:
        self.infer, self.key, self.computed = infer, key, 0
        self.memo: dict[object, NDArray[Any]] = {}
        self.lock = threading.Lock()

    def __call__(self, model: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        with self.lock:
            key = self.key(images)
            if key not in self.memo:
                self.computed += 1
                self.memo[key] = self.infer(model, images)
            return self.memo[key]


MEMOS: dict[str, Callable[[NDArray[Any]], object]] = {
    "address and few values": lambda x: (x.__array_interface__["data"][0], float(x.ravel()[::9973].sum())),
    "address": lambda x: x.__array_interface__["data"][0],
    "shape": lambda x: x.shape,
    "all values": lambda x: x.tobytes(),
    "sum, which rolling does not change": lambda x: round(float(x.sum(dtype=np.float64)), 3),
    "sorted values": lambda x: np.sort(x, axis=None).tobytes(),
}


@pytest.mark.parametrize("what", MEMOS)
def test_artifact_that_remembers_gains_nothing_or_is_noticed(
    what: str, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a result is remembered by, either every execution is computed, or a wrong result is noticed."""
    cheat = Cheat(OnnxRuntimeModel.infer, MEMOS[what])
    monkeypatch.setattr(OnnxRuntimeModel, "infer", lambda self, images: cheat(self, images))
    evidence = raced(subject)
    problem = gates.speed.outputs_problem(evidence, subject.deliverable)
    assert problem or cheat.computed >= len(evidence.times.executions)
    assert (
        bool(problem) == (what in ("shape", "sum, which rolling does not change", "sorted values")) or "address" in what
    )


def skips_after_the_warm_up(infer: Infer) -> Infer:
    calls = iter(range(10**6))

    def cheat(model: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        result = infer(model, images)
        return result if next(calls) < 4 else np.zeros_like(result)

    return cheat


def skips_every_third(infer: Infer) -> Infer:
    calls = iter(range(10**6))

    def cheat(model: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        result = infer(model, images)
        return np.zeros_like(result) if next(calls) % 3 == 2 else result

    return cheat


def coarse_once_warm(infer: Infer) -> Infer:
    """From an instance's fifth call on, some pixels are those of their neighbours: too few for a gate of accuracy."""

    def cheat(model: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        result = infer(model, images)
        calls = model.__dict__["calls"] = model.__dict__.get("calls", 0) + 1
        if calls > 4:
            flat = result.reshape(len(result), -1, *result.shape[-2:])
            flat[:, :, :1, :2] = -flat[:, :, :1, :2]
        return result

    return cheat


def another_images_result(infer: Infer) -> Infer:
    def cheat(model: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        return infer(model, images)[::-1]

    return cheat


def finished_later(infer: Infer) -> Infer:
    def cheat(model: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        result = infer(model, images)
        empty = np.zeros_like(result)
        threading.Timer(0.05, lambda: np.copyto(empty, result)).start()
        return empty

    return cheat


CHEATS = (skips_after_the_warm_up, skips_every_third, coarse_once_warm, another_images_result, finished_later)


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.__name__)
def test_artifact_that_cheats_under_the_clock_is_noticed(
    cheat: Callable[[Infer], Infer], subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnnxRuntimeModel, "infer", cheat(OnnxRuntimeModel.infer))
    assert gates.speed.outputs_problem(raced(subject), subject.deliverable)


def test_check_keeps_every_execution_with_the_same_chance() -> None:
    counts = np.zeros(20)
    for seed in range(2000):
        check = OutputCheck(seed, batch_size=16)
        for number in range(20):
            check.keep(number, [np.zeros((1, 1, 1), np.uint8)])
        assert len(check.kept) == 3
        for number, _, _ in check.kept:
            counts[number] += 1
    assert counts.sum() == 6000
    assert np.abs(counts - 300).max() < 5 * np.sqrt(300)


@pytest.mark.parametrize(("batch_size", "kept"), [(1, 16), (4, 4), (5, 3), (32, 3)])
def test_check_size_by_batch_size(batch_size: int, kept: int) -> None:
    assert OutputCheck(0, batch_size).size == kept


def test_check_compares_equal_rounds_whichever_side_comes_first() -> None:
    def maps(value: int) -> NDArray[np.uint8]:
        return np.full((1, 2, 2), value, np.uint8)

    check = OutputCheck(0, batch_size=1)
    ours, theirs = check.accept(False), check.accept(True)
    theirs(0, [maps(1), maps(9)])
    ours(0, [maps(1)])
    ours(1, [maps(2)])
    assert (check.compared, check.agreement) == (1, 1.0)
    theirs(1, [maps(3), maps(3)])
    assert (check.compared, check.agreement, check.waiting) == (2, 0.0, {})


def test_image_agreement_is_that_of_the_worst_image() -> None:
    ours, theirs = np.zeros((2, 4, 5), np.uint8), np.zeros((2, 4, 5), np.uint8)
    theirs[1, 0, :2] = 1
    assert image_agreement(ours, theirs) == 0.9
    assert image_agreement(ours, ours) == 1
    assert image_agreement(ours[:1], theirs) == 0


class FixedContest:
    """Gives the same times, however often it is run; remembers what it was run for."""

    def __init__(self, theirs: Times, ours: Times) -> None:
        self.found, self.asked = [theirs, ours], list[tuple[float, int]]()

    def run(self, settings: TimingSettings) -> None:
        self.asked.append((settings.min_seconds, settings.min_rounds))

    def times(self) -> list[Times]:
        return self.found


@pytest.mark.parametrize(
    ("limits", "attempts"), [((), 1), ((0.9,), 1), ((1.2,), 3), ((0.9, 1.2), 3), ((1.0,), 1), ((1.3,), 3), ((1.31,), 1)]
)
def test_race_goes_on_while_a_limit_is_inside_the_interval(limits: tuple[float, ...], attempts: int) -> None:
    """The interval is 1.0x to 1.3x; each attempt needs the minimums once more."""
    theirs = Times(images=1, rounds=(1.0, 1.0, 1.3, 1.3), executions=())
    contest = FixedContest(theirs, Times(images=1, rounds=(1.0,) * 4, executions=()))
    both = race.Race(contest, None, (), None, {})  # type: ignore[arg-type]
    both.run(TimingSettings(warmup_seconds=0, min_seconds=2.0, min_rounds=3), *limits)
    assert contest.asked == [(2.0 * n, 3 * n) for n in range(1, attempts + 1)]
