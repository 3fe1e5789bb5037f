"""Charts: everything lies where its value belongs, what is outside is marked without colour, texts are escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from enet.report import charts
from enet.report.charts import Curve, Strip


def parsed(drawn: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(f"<page>{drawn}</page>")


def of(tree: ElementTree.Element, style: str) -> list[ElementTree.Element]:
    """Elements of a class."""
    return [each for each in tree.iter() if style in each.get("class", "").split()]


def place(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "nan").rstrip("%"))


def test_strips_show_value_band_and_interval_on_one_axis() -> None:
    rows = [
        Strip(label="PyTorch", value=69, text="69.00 %", low=68, high=70),
        Strip(label="bs1", value=60, text="60.00 %", low=68, high=70, interval=(59, 61)),
    ]
    tree = parsed(charts.strips(rows, "mIoU in %"))
    scale = charts.Scale(59 - 0.88, 70 + 0.88)
    assert [place(band, "x") for band in of(tree, "band")] == pytest.approx([100 * scale.share(68)] * 2, abs=0.01)
    assert [place(band, "width") for band in of(tree, "band")] == pytest.approx([200 / 12.76] * 2, abs=0.01)
    (point,), (cross,), (interval,) = of(tree, "good"), of(tree, "bad"), of(tree, "interval")
    assert (point.tag, cross.tag) == ("circle", "path")
    assert place(point, "cx") == pytest.approx(100 * scale.share(69), abs=0.01)
    assert (place(interval, "x1"), place(interval, "x2")) == pytest.approx(
        (100 * scale.share(59), 100 * scale.share(61)), abs=0.01
    )
    assert [each.text for each in of(tree, "value")] == ["69.00 %", "60.00 %"]
    labels = [each.get("aria-label") for each in tree.iter("svg") if each.get("role") == "img"]
    assert labels == ["PyTorch: 69.00 %, inside the accepted band", "bs1: 60.00 %, outside the accepted band"]


def test_strip_open_band_reaches_the_edge_and_no_decision_is_told() -> None:
    tree = parsed(charts.strips([Strip(label="bs1", value=1.1, text="1.1x", low=1.2, decides=False)], "factor"))
    (band,) = of(tree, "band")
    assert place(band, "x") + place(band, "width") == pytest.approx(100, abs=0.02)
    assert [each.tag for each in of(tree, "open")] == ["path"]


@pytest.mark.parametrize("values", [(5.0,), (0.0, 0.0), (1e-9, 2e-9), (-3.0, 1e6)])
def test_strips_of_any_values_have_an_axis(values: tuple[float, ...]) -> None:
    tree = parsed(charts.strips([Strip(label="a", value=value, text="") for value in values], "x"))
    assert 0 < len(of(tree, "axis")) <= 6


def test_throughput_marks_what_is_below_the_required() -> None:
    measured = Curve(name="measured", points={"1": 100.0, "16": 60.0}, intervals={"1": (90.0, 110.0)})
    other = Curve(name="310", points={"1": 50.0, "4": 40.0, "16": 70.0})
    tree = parsed(charts.throughput(measured, [other], {"1": 80.0, "16": 84.0, "32": 1.0}))
    scale = charts.Scale(0, 1.12 * 110)
    bands = [each for each in of(tree, "band") if each.tag == "rect"]
    assert [place(each, "y") + place(each, "height") for each in bands] == pytest.approx([scale.y(80), scale.y(84)])
    (point,), (cross,) = [each for each in of(tree, "point") if each.tag == "circle"], of(tree, "bad")
    assert point.get("cy") == str(scale.y(100))
    assert cross.tag == "path"
    assert [each.text for each in of(tree, "value")] == ["100", "60"]
    assert [place(each, "y1") for each in of(tree, "interval")] == [scale.y(90)]
    assert len(of(tree, "measured")) == 3  # a line, its point, and the legend's
    assert min(place(each, "y2") for each in of(tree, "grid") + of(tree, "interval")) > 20  # room above


@pytest.mark.parametrize(
    ("value", "x", "width", "style"), [(-3, 25.0, 75 * 3 / 3, "bad"), (1, 75.0, 25.0, "good"), (0, 75.0, 0.0, "good")]
)
def test_bar_begins_at_zero(value: float, x: float, width: float, style: str) -> None:
    (drawn,) = parsed(charts.bar(value, -3.0, 1.0)).iter("rect")
    expected = (0.0, 75.0) if value < 0 else (x, width)
    assert (place(drawn, "x"), place(drawn, "width")) == pytest.approx(expected)
    assert drawn.get("class") == style


def test_texts_are_escaped() -> None:
    evil = '"><script>alert(1)</script>'
    drawn = charts.strips([Strip(label=evil, value=1, text=evil)], evil) + charts.throughput(
        Curve(name=evil, points={"1": 1.0}), [Curve(name=evil, points={"1": 1.0})], {}
    )
    assert "<script" not in drawn
    assert "".join(parsed(drawn).itertext()).count(evil) == 7
