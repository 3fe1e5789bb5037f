"""Charts as SVG. Widths are percentages and colours are the page's, so that one drawing fits every screen and paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

#: Pixels: a strip with its label, its track, the middle of it, an axis; a line chart's area, and the room above it.
STRIP, TRACK, MIDDLE, AXIS = 44, 28, 30, 22
AREA, TOP = 230, 20

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A measured value beside the accepted band.

    Attributes:
        label: of the row.
        text: the value as it is written.
        low, high: ends of the band; None: it is open there.
        interval: ends of the value's interval, if it has one.
        decides: the value decides an outcome.
    """

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    interval: Interval | None = None
    decides: bool = True

    @property
    def is_outside(self) -> bool:
        return (self.low is not None and self.value < self.low) or (self.high is not None and self.value > self.high)

    @property
    def ends(self) -> list[float]:
        """All values that must be in sight."""
        return [end for end in (self.value, self.low, self.high, *(self.interval or ())) if end is not None]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values by the name of a place on the x axis, and intervals of some of them."""

    name: str
    points: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Scale:
    """Values on an axis from ``low`` to ``high``."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """The place of a value on the axis, in 0..1."""
        return (value - self.low) / (self.high - self.low)

    def x(self, value: float) -> str:
        return f"{100 * self.share(value):.2f}%"

    def y(self, value: float) -> float:
        return round(TOP + AREA * (1 - self.share(value)), 1)

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers on the axis: at most ``most``, 1, 2 or 5 times a power of ten apart.

        >>> Scale(0, 1068).ticks(), Scale(68.5, 69.9).ticks(4)
        ([0.0, 200.0, 400.0, 600.0, 800.0, 1000.0], [68.5, 69.0, 69.5])
        """
        least = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(least))
        step = next(nice * power for nice in (1, 2, 5, 10) if nice * power > least)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(place * step, 9) for place in range(first, last + 1)]


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """An element; texts are escaped. ``class_`` is the attribute "class", ``text_anchor`` is "text-anchor".

    >>> element("text", "a < b", text_anchor="end", class_="x")
    Markup('<text text-anchor="end" class="x">a &lt; b</text>')
    """
    names = (name.rstrip("_").replace("_", "-") for name in attributes)
    pairs = (Markup(' {}="{}"').format(name, value) for name, value in zip(names, attributes.values(), strict=True))
    return Markup("<{0}{1}>{2}</{0}>").format(tag, Markup("").join(pairs), Markup("").join(children))


def line(x: tuple[object, object], y: tuple[object, object], style: str) -> Markup:
    return element("line", x1=x[0], x2=x[1], y1=y[0], y2=y[1], class_=style)


def words(content: str, x: str, y: float, anchor: str = "middle", style: str = "") -> Markup:
    return element("text", content, x=x, y=y, text_anchor=anchor, class_=style)


def mark(x: str, y: float, style: str, tip: str, *, is_cross: bool = False) -> Markup:
    """A point, or a cross, which is told apart without its colour, too."""
    title = element("title", tip)
    if not is_cross:
        return element("circle", title, cx=x, cy=y, r=6, class_=f"point {style}")
    cross = element("path", title, d="M-6-6L6 6M-6 6L6-6", class_=f"point {style}")
    return element("svg", cross, x=x, y=y, overflow="visible")


def strips(rows: Sequence[Strip], unit: str) -> Markup:
    """Values below each other on one axis, each with its band and interval."""
    ends = [end for row in rows for end in row.ends]
    room = 0.08 * (max(ends) - min(ends)) or 1.0
    scale = Scale(min(ends) - room, max(ends) + room)
    drawn = [part for row in rows for part in (element("span", row.label), strip(row, scale))]
    axis = [line((scale.x(t), scale.x(t)), (0, 5), "axis") + words(f"{t:g}", scale.x(t), 18) for t in scale.ticks(5)]
    foot = element("svg", *axis, class_="chart", height=AXIS, aria_hidden="true")
    return element("div", *drawn, element("span", unit, class_="unit"), foot, class_="strips")


def strip(row: Strip, scale: Scale) -> Markup:
    """One row of ``strips``; an open band reaches the edge."""
    place, low = scale.x(row.value), scale.low if row.low is None else row.low
    width = scale.share(scale.high if row.high is None else row.high) - scale.share(low)
    parts = [element("rect", x=scale.x(low), width=f"{100 * width:.2f}%", y=16, height=TRACK, class_="band")]
    if row.interval:
        parts.append(line((scale.x(row.interval[0]), scale.x(row.interval[1])), (MIDDLE, MIDDLE), "interval"))
    meaning = f"{row.label}: {row.text}, {'outside' if row.is_outside else 'inside'} the accepted band"
    style = ("bad" if row.is_outside else "good") if row.decides else "open"
    parts.append(mark(place, MIDDLE, style, meaning, is_cross=row.is_outside))
    share = scale.share(row.value)
    parts.append(words(row.text, place, 12, "start" if share < 0.1 else "end" if share > 0.9 else "middle", "value"))
    return element("svg", *parts, class_="chart", height=STRIP, role="img", aria_label=meaning)


def throughput(measured: Curve, others: Sequence[Curve], required: Mapping[str, float]) -> Markup:
    """Images/s by batch size. What is required there is shaded, from the least accepted value upwards."""
    places = sorted({place for curve in (measured, *others) for place in curve.points}, key=float)
    ends = [end for curve in (measured, *others) for end in curve.points.values()]
    ends += [high for _, high in measured.intervals.values()]
    scale, batches = Scale(0, 1.12 * max(*ends, *required.values(), 1.0)), Scale(-0.5, len(places) - 0.5)

    def x(place: str, side: float = 0.0) -> str:
        return batches.x(places.index(place) + side)

    drawn = []
    for place in filter(required.__contains__, places):
        limit = scale.y(required[place])
        size = {"width": f"{100 / len(places):.2f}%", "height": limit - TOP}
        drawn.append(element("rect", x=x(place, -0.5), y=TOP, **size, class_="band"))
        drawn.append(line((x(place, -0.5), x(place, 0.5)), (limit, limit), "limit"))
    drawn += [line((0, "100%"), (scale.y(tick), scale.y(tick)), "grid") for tick in scale.ticks()]
    styles = [f"other-{number}" for number in range(len(others))]
    for curve, style in [*zip(others, styles, strict=True), (measured, "measured")]:
        known = [place for place in places if place in curve.points]
        heights = [scale.y(curve.points[place]) for place in known]
        for end in range(1, len(known)):
            drawn.append(line((x(known[end - 1]), x(known[end])), (heights[end - 1], heights[end]), f"curve {style}"))
    for place, (low, high) in measured.intervals.items():
        drawn.append(line((x(place), x(place)), (scale.y(low), scale.y(high)), "interval"))
    for place, value in measured.points.items():
        is_low = value < required.get(place, 0.0)
        tip = f"batch {place}: {value:.4g} images/s"
        drawn.append(mark(x(place), scale.y(value), "bad" if is_low else "measured", tip, is_cross=is_low))
        drawn.append(words(f"{value:.4g}", x(place), scale.y(value) - 11, style="value"))
    drawn += [words(place, x(place), TOP + AREA + 16) for place in places]
    numbers = [words(f"{tick:g}", "100%", scale.y(tick) + 4, "end") for tick in scale.ticks()]
    told = ", ".join(f"{value:.4g} at batch {place}" for place, value in measured.points.items())
    height = TOP + AREA + AXIS
    left = element("svg", *numbers, class_="chart", height=height, aria_hidden="true")
    right = element("svg", *drawn, class_="chart", height=height, role="img", aria_label=f"Images/s measured: {told}")
    names = [*zip(styles, (curve.name for curve in others), strict=True), ("measured", measured.name)]
    legend = legend_of(names, has_band=bool(required))
    return legend + element("div", left, right, class_="lines") + element("p", "batch size", class_="unit")


def legend_of(curves: Sequence[tuple[str, str]], *, has_band: bool) -> Markup:
    """Style and name of each curve, and of the band."""
    size = {"width": 28, "height": 12, "aria_hidden": "true"}
    keys = [
        element("li", element("svg", line((0, 28), (6, 6), f"curve {style}"), **size), name) for style, name in curves
    ]
    if has_band:
        keys.append(element("li", element("span", class_="band"), "required"))
    return element("ul", *keys, class_="keys")


def bar(value: float, low: float, high: float) -> Markup:
    """A bar from zero on an axis from ``low`` to ``high``, which are at most and at least zero, and not equal."""
    scale = Scale(low, high)
    size = {"x": scale.x(min(value, 0.0)), "width": f"{100 * abs(scale.share(value) - scale.share(0.0)):.2f}%"}
    drawn = element("rect", **size, y=2, height=10, class_="bad" if value < 0 else "good")
    axis = line((scale.x(0.0), scale.x(0.0)), (0, 14), "axis")
    return element("svg", drawn, axis, class_="chart bar", height=14, aria_hidden="true")
