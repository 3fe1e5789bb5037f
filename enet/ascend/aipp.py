"""AIPP: normalisation inside the ``.om``, so that a quarter of the bytes goes to the device.

``pixel_out = (pixel_in - mean_chn - min_chn) * var_reci_chn``, where ``mean_chn`` is an integer in 0..255, and
``min_chn`` and ``var_reci_chn`` are half-precision numbers (CANN's ATC guide, "AIPP configuration: normalization" and
"configuration file template"). The network expects ``(pixel / 255 - mean) / std``, so the sum of the first two must be
``255 * mean``. Its integer part goes into ``mean_chn``, which is exact; only the rest is rounded. With the numbers of
ImageNet a normalised pixel is at most 7.2e-4 from the exact one.
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
CHANNEL = "    mean_chn_{number}: {whole}\n    min_chn_{number}: {rest:.9g}\n    var_reci_chn_{number}: {factor:.9g}\n"


def config(spec: Preprocessing) -> str:
    """File for ``atc --insert_op_conf``: uint8 RGB images, shape (N, H, W, 3), of the network's size.

    Raises:
        InputError: 255 * mean is not in 0..255, or 1 / (255 * std) has no half-precision number.
    """
    channels = []
    for number, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
        if not 0 <= mean <= 1:
            raise InputError(f"AIPP: mean={mean}, expected a number in 0..1. Use float input")
        factor = 1 / (255 * std)
        try:
            struct.pack("<e", factor)
        except OverflowError:
            raise InputError(f"AIPP: std={std}, expected more than 6e-8, for half precision. Use float input") from None
        whole = math.floor(255 * mean)
        channels.append(CHANNEL.format(number=number, whole=whole, rest=255 * mean - whole, factor=factor))
    width, height = spec.size
    return TEMPLATE.format(width=width, height=height, channels="".join(channels))
