"""AIPP has the deliverable's mean and std, and half precision changes them little."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from enet import deliverable
from enet.ascend import aipp
from enet.deliverable import Preprocessing
from enet.errors import InputError

FIELD = re.compile(r"^    (\w+): (\S+)$", re.MULTILINE)


@pytest.mark.parametrize("name", deliverable.builtin_names())
def test_config_has_mean_and_std_of_the_deliverable(name: str) -> None:
    spec = deliverable.load(name).preprocessing
    text = aipp.config(spec)
    fields = dict(FIELD.findall(text))
    assert text.startswith("aipp_op {\n")
    assert text.endswith("}\n")
    assert (fields["aipp_mode"], fields["input_format"], fields["csc_switch"]) == ("static", "RGB888_U8", "false")
    assert (int(fields["src_image_size_w"]), int(fields["src_image_size_h"])) == spec.size
    for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
        whole, rest = fields[f"mean_chn_{channel}"], float(fields[f"min_chn_{channel}"])
        assert whole.isdecimal()  # uint8
        assert 0 <= rest < 1
        assert int(whole) + rest == pytest.approx(255 * mean, abs=1e-6)
        assert float(fields[f"var_reci_chn_{channel}"]) == pytest.approx(1 / (255 * std), rel=1e-8)


def test_config_half_precision_error_is_below_1e_3() -> None:
    spec = Preprocessing()
    fields = dict(FIELD.findall(aipp.config(spec)))
    pixels = np.arange(256, dtype=np.float64)
    worst = 0.0
    for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
        low, factor = (np.float64(np.float16(float(fields[f"{n}_chn_{channel}"]))) for n in ("min", "var_reci"))
        out = (pixels - int(fields[f"mean_chn_{channel}"]) - low) * factor
        worst = max(worst, np.abs(out - (pixels / 255 - mean) / std).max())
    assert worst == pytest.approx(7.2e-4, rel=0.01)  # as the module says
    assert worst < 1e-3  # a seventeenth of what lies between two grey values, about 0.017


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": (-0.1, 0.5, 0.5)}, "AIPP: mean=-0.1, expected a number in 0..1"),
        ({"mean": (0.5, 103.53, 0.5)}, "AIPP: mean=103.53, expected a number in 0..1"),
        ({"std": (1e-9, 1.0, 1.0)}, "AIPP: std=1e-09, expected more than 6e-8"),
    ],
)
def test_config_numbers_out_of_range_give_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        aipp.config(dataclasses.replace(Preprocessing(), **changes))
