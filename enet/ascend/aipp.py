"""AIPP: normalisation inside the ``.om``, so that a quarter of the bytes goes to the device.

``pixel_out = (pixel_in - mean_chn - min_chn) * var_reci_chn``, where ``mean_chn`` is a whole number in 0..255, and
``min_chn`` and ``var_reci_chn`` are half-precision numbers (CANN's ATC guide, "AIPP configuration: normalization" and
"configuration file template"). To do what the network expects, ``(pixel / 255 - mean) / std``, the sum of the first two
must be ``255 * mean``: its whole part goes into ``mean_chn``, which is exact, and only the rest is rounded.
"""

from __future__ import annotations

import math
import struct

from enet.deliverable import Preprocessing
from enet.errors import InputError

TEMPLATE = """\
aipp_op {{
    aipp_mode: static
    related_input_rank: 0
    input_format: RGB888_U8
    src_image_size_w: {width}
    src_image_size_h: {height}
    crop: false
    csc_switch: false
    rbuv_swap_switch: false
{channels}}}
"""


def config(spec: Preprocessing) -> str:
    """What ``atc --insert_op_conf`` takes for uint8 RGB images, shape (N, H, W, 3), of the network's size.

    Raises:
        InputError: 255 * mean isn't in 0..255, or std is so small that its inverse has no half-precision number.
    """
    lines = [
        f"    mean_chn_{number}: {whole}\n    min_chn_{number}: {rest:.9g}\n    var_reci_chn_{number}: {factor:.9g}\n"
        for number, (whole, rest, factor) in enumerate(numbers(spec))
    ]
    width, height = spec.size
    return TEMPLATE.format(width=width, height=height, channels="".join(lines))


def numbers(spec: Preprocessing) -> list[tuple[int, float, float]]:
    """``mean_chn``, ``min_chn`` and ``var_reci_chn`` of each channel."""
    found = []
    for mean, std in zip(spec.mean, spec.std, strict=True):
        if not 0 <= mean <= 1:
            raise InputError(f"mean={mean}, but AIPP takes means in 0..1 only. Use float input")
        factor = 1 / (255 * std)
        try:
            half(factor)
        except OverflowError:
            raise InputError(f"std={std} is too small for AIPP's half precision. Use float input") from None
        whole = math.floor(255 * mean)
        found.append((whole, 255 * mean - whole, factor))
    return found


def half(value: float) -> float:
    """The nearest half-precision number."""
    rounded: float
    (rounded,) = struct.unpack("<e", struct.pack("<e", value))
    return rounded


def largest_error(spec: Preprocessing) -> float:
    """How far a normalised pixel can be from the exact one because AIPP's numbers have half precision.

    The result is itself rounded to half precision; that isn't counted, as the network computes in it anyway.

    >>> f"{largest_error(Preprocessing()):.1e}"
    '7.2e-04'
    """
    return max(
        abs((pixel - whole - half(rest)) * half(factor) - (pixel / 255 - mean) / std)
        for (whole, rest, factor), mean, std in zip(numbers(spec), spec.mean, spec.std, strict=True)
        for pixel in range(256)
    )
