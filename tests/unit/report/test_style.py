"""Contrast of the page's colours, as WCAG 2 defines it: 4.5:1 for text, 3:1 for points, lines and controls."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from enet.report import figures, page

STYLE = (Path(page.__file__).parent / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
)

TEXT = [(ink, back) for ink in ("text", "faint", "good", "bad", "open") for back in ("back", "soft")]
POINTS = [
    *[(point, back) for point in ("good", "bad", "open", "accent") for back in ("band", "back")],
    *[("faint", "back"), ("faint", "band"), ("text", "band"), ("faint", "soft")],
]


def luminance(colour: np.ndarray) -> float:
    values = colour / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], float)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (POINTS, 3.0)], ids=["text", "points"])
def test_contrast(scheme: dict[str, str], pairs: list[tuple[str, str]], least: float) -> None:
    found = {pair: contrast(rgb(scheme[pair[0]]), rgb(scheme[pair[1]])) for pair in pairs}
    assert not {pair: value for pair, value in found.items() if value < least}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_of_numbers_in_the_confusion_matrix(scheme: dict[str, str]) -> None:
    for depth in np.arange(100 * (figures.NUMBERED / 100) ** 0.5, 100.01, 0.1):
        cell = rgb(scheme["back"]) + (rgb(scheme["ramp"]) - rgb(scheme["back"])) * depth / 100
        ink = rgb(scheme["deep-ink" if depth > page.DEEP else "ink"])
        assert contrast(ink, cell) >= 4.5, f"{depth:.1f} %"
