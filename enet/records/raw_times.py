"""Doubts about recorded execution times: digits and patterns that no clock gives."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from enet.ascend.simulation import BITS, WATERMARK

#: Number of times from which a pattern among them is no accident.
ENOUGH = 8
#: Significant digits up to which a number was rounded. Python writes 16 or 17 for a difference of two clock readings
#: and for nearly every C ``float``, as which ais_bench keeps a time.
ROUNDED_DIGITS = 12
#: Successive times whose order two runs cannot share by chance, and how often they turn at least: 9 of 14 on average.
PASSAGE, LEAST_TURNS = 16, 6
#: Limit of divisors that are tried, so that few or widely spread times cost no more than 0.05 s.
MOST_DIVISORS = 1 << 20
#: Largest ratio of two times, and number of differences that are looked at.
MOST_RANGE, MOST_DIFFERENCES = 512, 500
#: Error of a difference, and of the place of the mark, as a fraction of the lattice's spacing. Rounding to 53 bits
#: moves a time by 10^-6 of it.
LATTICE_ERROR, PLACE_ERROR = 0.01, 0.02
#: Periods of clocks, up to a power of ten: 1000 divided by a power of two or five, and its double; 62.5 MHz is 16 ns.
DECIMAL_UNITS = (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.25, 6.4, 8, 10)
#: Bits by which the mantissa of a Python ``float`` is longer than that of a C ``float``.
FLOAT32_BITS = 29


def problems(times: Sequence[float]) -> Iterator[str]:
    """Yield what speaks against times (ms) having been read from a clock, in words.

    A clock of coarse resolution gives equal times, but not only these, and not the same sequence again and again.
    """
    if len(times) < ENOUGH:
        return
    if min(times) == max(times):
        yield f"all {len(times)} times are {times[0]:.6g} ms, which no clock gives"
    elif (period := repetition(times)) and len(times) >= 4 * ENOUGH:
        yield f"the times repeat after {period} of {len(times)}, which no clock gives"
    if digits := rounded_digits(times):
        yield f"the times are rounded to {digits} digits, but ais_bench writes all of them: edited"
    elif is_scaled_float32(times):
        yield "the times are C floats multiplied by a factor: edited"


def rounded_digits(times: Sequence[float]) -> int:
    """Number of digits that somebody rounded all times to; 0 if they are C floats, or have all digits.

    >>> rounded_digits([0.27, 0.3]), rounded_digits([0.25, 0.5]), rounded_digits([0.27, 1 / 3])
    (2, 0, 0)
    """
    digits = max(map(significant_digits, times))
    return 0 if digits > ROUNDED_DIGITS or all(map(is_float32, times)) else digits


def order(times: Sequence[float]) -> bytes:
    """The order of the times by size, which a factor does not change; empty if they are too few or too equal to tell.

    Two runs have the same order by chance once in 10^7 cases.
    """
    if len(times) < 4 * ENOUGH or len(times) - max(Counter(times).values()) < ENOUGH:
        return b""
    return np.argsort(np.array(times), kind="stable").tobytes()


def passages(times: Sequence[float]) -> set[bytes]:
    """The order by size of each ``PASSAGE`` successive times that are distinct and rise and fall irregularly.

    Neither a factor nor a little noise changes it. Two passages have the same order by chance once in 10^13 cases,
    but not where a device slows down steadily: so those that hardly turn are left out. Takes linear time.
    """
    if len(times) < PASSAGE:
        return set()
    windows = np.lib.stride_tricks.sliding_window_view(np.array(times), PASSAGE)
    orders = np.argsort(windows, axis=1).astype(np.int8)
    is_distinct = (np.diff(np.sort(windows, axis=1)) > 0).all(axis=1)
    turns = (np.diff(np.sign(np.diff(windows)), axis=1) != 0).sum(axis=1)
    return {order.tobytes() for order in orders[is_distinct & (turns >= LEAST_TURNS)]}


def is_float32(time: float) -> bool:
    """Return True if a number is a C ``float``, as ais_bench's times of 2022 and 2023 are.

    >>> is_float32(2.4560000896453857), is_float32(2.456)
    (True, False)
    """
    try:
        return bool(struct.unpack("<f", struct.pack("<f", time))[0] == time)
    except OverflowError:
        return False


def significant_digits(number: float) -> int:
    """Number of decimal digits that Python writes for a number, without zeros at both ends.

    >>> significant_digits(0.91664), significant_digits(1e-300), significant_digits(27.805683999758912)
    (5, 1, 17)
    """
    return len(repr(float(number)).partition("e")[0].replace(".", "").lstrip("-0").rstrip("0"))


def repetition(times: Sequence[float]) -> int:
    """Length of the sequence that the times repeat at least twice; 0 if they do not. Takes linear time.

    >>> repetition([1, 2, 3, 1, 2, 3, 1]), repetition([1, 2, 3, 3, 2, 1])
    (3, 0)
    """
    border = [0] * len(times)  # of each beginning: length of the longest shorter beginning that also ends it
    for index in range(1, len(times)):
        length = border[index - 1]
        while length and times[index] != times[length]:
            length = border[length - 1]
        border[index] = length + (times[index] == times[length])
    period = len(times) - border[-1]
    return period if 2 * period <= len(times) else 0


def is_scaled_simulation(times: Sequence[float]) -> bool:
    """Return True if the times are simulated ones, multiplied by some factor.

    The mark of a simulated time (``enet.ascend.simulation``) fixes its last 20 bits. So simulated times lie on a
    lattice: a multiple of 2^20 units in the last place, and the mark. A factor scales the lattice, but the place of the
    mark in it remains. A shift of all times, or a conversion to C ``float``, hides it.
    """
    ordered = sorted({time for time in times if time > 0 and math.isfinite(time)})
    # The unit in the last place doubles at powers of two, which the factor moves: look at both halves, too.
    middle = len(ordered) // 2
    for part in (ordered, ordered[:middle], ordered[middle:]):
        spacing = lattice_spacing(part, BITS)
        if not spacing or spacing > math.ulp(part[0]) * (1 << BITS + 1):  # a coarser one is that of a clock
            continue
        if abs(part[0] / spacing % 1 - WATERMARK / (1 << BITS)) < PLACE_ERROR:
            return True
    return False


def is_scaled_float32(times: Sequence[float]) -> bool:
    """Return True if the times are C ``float`` numbers, multiplied by a factor that is no power of two.

    C ``float`` numbers lie on a lattice, and those that a clock counted on one whose spacing is a unit of time. A
    factor leaves a lattice of a spacing that no clock has.
    """
    if all(map(is_float32, times)):
        return False
    spacing = lattice_spacing(sorted({*times}), FLOAT32_BITS)
    return spacing > 0 and not is_clock_unit(spacing)


def is_clock_unit(milliseconds: float) -> bool:
    """Return True for one of ``DECIMAL_UNITS`` times a power of ten, and a power of two of a second or millisecond.

    >>> is_clock_unit(16e-6), is_clock_unit(1000 * 2**-32), is_clock_unit(0.93 * 2**-24)
    (True, True, False)
    """
    decimal = 10 ** (math.log10(milliseconds) % 1)
    binary = [2 * math.frexp(time)[0] for time in (milliseconds, milliseconds / 1000)]
    pairs = [*((decimal, unit) for unit in DECIMAL_UNITS), *((time, unit) for time in binary for unit in (1, 2))]
    return any(math.isclose(time, unit, rel_tol=1e-4) for time, unit in pairs)


def lattice_spacing(ordered: Sequence[float], bits: int) -> float:
    """Spacing (ms) of the coarsest lattice on which ascending, distinct times lie, shifted by any amount.

    Args:
        bits: the least spacing that is looked for has 2^bits units in the last place of a time, multiplied or divided
            by a mantissa, which is within 1..2.
    Returns:
        0 if there is no lattice, it is finer, or the times are too few or too far apart to find it.
    """
    if len(ordered) < ENOUGH or not 0 < ordered[-1] < MOST_RANGE * ordered[0]:
        return 0.0
    unit = math.ulp(ordered[0])
    values = [round(time / unit) for time in ordered]
    gaps = sorted(after - before for before, after in pairwise(values))
    most = gaps[0] >> bits - 1  # the largest divisor of the smallest gap that gives such a spacing
    if not 0 < most < MOST_DIVISORS:
        return 0.0
    # By every difference, few wrong divisors survive. The coarsest are kept, since all finer ones of them fit as well.
    spacings, kept = float(gaps[0]) / np.arange(1, most + 2), MOST_DIVISORS >> 5
    step = 1 + len(values) // MOST_DIFFERENCES
    for difference in (*gaps[1::step], *(value - values[0] for value in values[2::step])):
        multiples = difference / spacings
        counts = np.round(multiples)
        fits = np.abs(multiples - counts) < LATTICE_ERROR
        if not fits.any():
            return 0.0
        spacings = (difference / counts[fits])[:kept]  # more exact with every larger difference
        kept = max(kept >> 3, 256)
    return float(spacings.max()) * unit
