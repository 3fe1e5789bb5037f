"""Which layer is the first that differs: a pure comparison of two runs of a network, layer by layer.

Layers are compared at ``SAMPLE`` places of each, the same in both runs; so a whole run fits into a few megabytes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Number of values of a layer that are compared.
SAMPLE = 16384
#: A layer may be off by so many times what the arithmetic's own error is in it: that of ``QUANTILE`` of its values, or
#: one rounding of its largest value if that is more. Sound layers stay below 5.
MULTIPLE, QUANTILE = 10, 0.99
#: Share of a layer's values that may be off by more, if the arithmetic's own error is not larger in a third as many:
#: where a max-pool keeps indices, rounding moves single values by a pixel.
SHARE, SHARES = 1e-3, 3
#: What an export may put behind the logits without a change of the classes.
MONOTONE = ("Softmax", "LogSoftmax", "Sigmoid")
#: What makes values of pixels.
BY_VALUE = ("Cast", "Transpose", "Mul", "Div", "Sub", "Add")
#: A layer that differs is compared with so many of the reference's layers that may be its own, by order.
NEIGHBOURS = 3

Shape = tuple[int, ...]
Values = NDArray[np.float64]


@functools.lru_cache(maxsize=64)
def places(size: int) -> NDArray[np.int64]:
    """Places of the values that are compared, of any number of values: all, or ``SAMPLE`` of them at random."""
    if size <= SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).integers(0, size, SAMPLE))


def sample(value: NDArray[Any]) -> Values:
    """The values at these places, float64."""
    return np.asarray(value).reshape(-1)[places(value.size)].astype(np.float64)


@dataclass(frozen=True, eq=False)
class Known:
    """A layer of the reference.

    Attributes:
        name, op: in the reference's words.
        truth: its values in float64, at the places of ``sample``.
        allowed: the error that the arithmetic allows, in all but a ``share`` of the values.
    """

    name: str
    op: str
    shape: Shape
    truth: Values
    allowed: float
    share: float = SHARE

    @classmethod
    def measured(cls, name: str, op: str, shape: Shape, truth: Values, rounded: Values, epsilon: float) -> Known:
        """Measure what is allowed. What overflows in the arithmetic tells nothing.

        Args:
            rounded: as ``truth``, in the arithmetic of the artifact, by the same implementation as ``truth``.
            epsilon: of this arithmetic.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            errors = np.abs(rounded - truth)
        finite = errors[np.isfinite(errors)]
        own = np.quantile(finite, QUANTILE) if finite.size else 0.0
        allowed = MULTIPLE * float(max(own, epsilon / 2 * np.abs(truth).max(initial=0.0)))
        larger = np.count_nonzero(finite > allowed) / max(1, finite.size)
        return cls(name, op, shape, truth, allowed, max(SHARE, SHARES * larger))

    def is_met(self, seen: Values) -> bool:
        """Whether a sample is this layer's, but for rounding."""
        return beyond(seen, self.truth, self.allowed) <= self.share


def beyond(seen: Values, truth: Values, limit: float) -> float:
    """Share of the values whose error is larger than the limit, or that are not finite, in 0..1."""
    with np.errstate(invalid="ignore", over="ignore"):
        within = np.abs(seen - truth) <= limit
    return 1 - float(np.count_nonzero(within)) / max(1, within.size)


@dataclass(frozen=True, eq=False)
class Step:
    """A layer of the artifact.

    Attributes:
        name, op, shape: in the artifact's words; ``name`` is of its output.
        inputs: names of what it reads.
        samples: its values by the shape as which they can be a layer of the reference: see ``views``; none if the
            reference has no such shape.
    """

    name: str
    op: str
    shape: Shape
    inputs: tuple[str, ...]
    samples: Mapping[Shape, Values]


def views(value: NDArray[Any], shapes: Iterable[Shape]) -> dict[Shape, NDArray[Any]]:
    """A layer's values in the forms that the reference may have them in.

    Args:
        value: as it is, with channels last, or as the four phases of each 2x2 block (N, 4 C, H / 2, W / 2).
        shapes: of the reference's layers.
    """
    wanted = set(shapes)
    found = {value.shape: value} if value.shape in wanted else {}
    if value.ndim == 4:
        first = value.transpose(0, 3, 1, 2)
        if first.shape in wanted and first.shape not in found:
            found[first.shape] = first
        count, channels, height, width = value.shape
        whole = (count, channels // 4, 2 * height, 2 * width)
        if channels % 4 == 0 and whole in wanted:
            blocks = value.reshape(count, 2, 2, channels // 4, height, width)
            found[whole] = blocks.transpose(0, 3, 4, 1, 5, 2).reshape(whole)
    return found


@dataclass(frozen=True)
class Difference:
    """Two layers that should be the same: places in the artifact's and the reference's run.

    Attributes:
        agreeing: number of the artifact's layers that are the reference's, but for rounding.
        last: place of the last of them that this one follows; None: there is none.
    """

    step: int
    known: int
    agreeing: int
    last: int | None


def first_difference(known: Sequence[Known], steps: Sequence[Step]) -> Difference | int:
    """Find the artifact's first layer that is none of the reference's; if all is well, the number of those that agree.

    Names and order need not be the same, nor need all layers have a counterpart: a layer between two that agree is
    sound, since what is wrong stays wrong. So the first one is accused from which no agreeing layer can be reached.

    Args:
        known: in the order in which they are computed, the last one the result.
        steps: in such an order, too.
    """
    owner = {step.name: place for place, step in enumerate(steps)}
    parents = [[owner[name] for name in step.inputs if name in owner] for step in steps]
    match = [matching(known, step) for step in steps]
    agreeing = sum(each is not None for each in match)
    is_sound = [each is not None for each in match]
    for place, step in enumerate(steps):
        is_sound[place] |= step.op in MONOTONE and any(match[parent] == len(known) - 1 for parent in parents[place])
    for place in reversed(range(len(steps))):
        if is_sound[place]:
            for parent in parents[place]:
                is_sound[parent] = True
    accused = [place for place, step in enumerate(steps) if not is_sound[place] and step.samples]
    if not accused:
        return agreeing
    taken = {number for number in match if number is not None}

    def explain(place: int) -> tuple[float, Difference]:
        before = ancestors(parents, place)
        last = max((each for each in before if match[each] is not None), default=None)
        reached = max((number for each in before if (number := match[each]) is not None), default=-1)
        number = counterpart(known, steps[place], reached, taken)
        error = typical_error(steps[place].samples[known[number].shape], known[number].truth)
        return error, Difference(place, number, agreeing, last)

    suspects = [accused[0]]
    suspects += [
        place for place in accused if steps[place].op == "Add" and is_sum_of(accused[0], place, parents, is_sound)
    ]
    for place in accused[1:]:  # pixels become values in several steps, of which only the last has a counterpart
        if steps[place].op in BY_VALUE and parents[place] == [suspects[-1]] and known[0].shape in steps[place].samples:
            suspects.append(place)
    return min(map(explain, suspects), key=lambda pair: pair[0])[1]


def is_sum_of(term: int, place: int, parents: Sequence[Sequence[int]], is_sound: Sequence[bool]) -> bool:
    """Whether a step adds a term to others that begin to differ, too: such terms may be parts of one layer, and only
    their sum have a counterpart."""
    terms = parents[place]
    return term in terms and all(not is_sound[each] and all(is_sound[up] for up in parents[each]) for each in terms)


def matching(known: Sequence[Known], step: Step) -> int | None:
    """Place of the reference's last layer that a step is, but for rounding; None if it is none of them."""
    pairs = reversed(list(enumerate(known)))
    return next(
        (at for at, each in pairs if each.shape in step.samples and each.is_met(step.samples[each.shape])), None
    )


def ancestors(parents: Sequence[Sequence[int]], place: int) -> set[int]:
    """Places of all steps that a step depends on."""
    found: set[int] = set()
    ahead = [place]
    while ahead:
        new = set(parents[ahead.pop()]) - found
        found |= new
        ahead += new
    return found


def counterpart(known: Sequence[Known], step: Step, reached: int, taken: set[int]) -> int:
    """The reference's layer that a differing step ought to be: of the next ones of its shape, the nearest by value."""
    fitting = [at for at, each in enumerate(known) if each.shape in step.samples]
    free = [at for at in fitting if at not in taken]
    near = [at for at in free if at > reached][:NEIGHBOURS] or free[:NEIGHBOURS] or fitting[-NEIGHBOURS:]
    return min(near, key=lambda at: typical_error(step.samples[known[at].shape], known[at].truth))


def typical_error(seen: Values, truth: Values) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(seen - truth)
    return float(np.mean(errors[np.isfinite(errors)])) if np.isfinite(errors).any() else float("inf")


@dataclass(frozen=True, kw_only=True)
class FirstLayer:
    """The first layer that differs, measured on all of its values.

    Attributes:
        name, op, shape: in the artifact's words.
        beside: what it was compared with: "PyTorch" or "the ONNX"; ``like``: which layer of it.
        largest, median: of the errors of those values that are finite.
        allowed: the error that the arithmetic allows.
        arithmetic: "float32" or "float16".
        non_finite: number of values that are NaN or infinite, and are not in the reference.
        after: the last layer before it that agrees; empty: there is none.
        agreeing: number of layers of ``total`` that agree; 0 after halving, which compares a few.
        compilations: number of compilations that found it; 0: none was needed.
        picture: file name of the picture of its errors; empty: none was written.
    """

    name: str
    op: str
    shape: Shape
    beside: str
    like: str
    largest: float
    median: float
    allowed: float
    arithmetic: str
    non_finite: int = 0
    after: str = ""
    agreeing: int = 0
    total: int = 0
    compilations: int = 0
    picture: str = ""

    def __str__(self) -> str:
        times = self.largest / self.allowed if self.allowed else float("inf")
        error = f"largest error {self.largest:.3g}, median {self.median:.2g}"
        error = f"{error}, {in_digits(times)} times what {self.arithmetic} allows"
        if self.non_finite:
            error = f"{self.non_finite} values are NaN or infinite, but not in {self.beside}"
        found = f" Found in {self.compilations} compilations" if self.compilations else ""
        shape = f"({', '.join(map(str, self.shape))})"
        return f"the first that differs from {self.beside} is {self.op} {self.name!r} {shape}: {error}.{found}".rstrip(
            "."
        )


@dataclass(frozen=True)
class Layers:
    """What a comparison of layers found: a sentence, and the first layer that differs; None: none is accused."""

    sentence: str
    first: FirstLayer | None = None


def in_digits(times: float) -> str:
    """A factor with two digits.

    >>> in_digits(1.26), in_digits(239.7), in_digits(314159.0)
    ('1.3', '240', '310,000')
    """
    rounded = float(f"{times:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def all_errors(seen: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Absolute errors of a layer's values; infinite where a value is not finite, but its truth is."""
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.abs(seen.astype(np.float64) - truth)
    return np.where(
        np.isfinite(seen), np.nan_to_num(found, nan=0.0, posinf=0.0), np.where(np.isfinite(truth), np.inf, 0)
    )
