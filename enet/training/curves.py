"""The curves of a training run as a picture: loss and mIoU by epoch."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from enet.storage.files import write_bytes


def draw(log: Path, picture: Path) -> None:
    """Draw a run's ``log.csv`` as a PNG, loss above mIoU.

    Raises:
        InputError: it can't be written.
    """
    import vl_convert  # large, and needed once in several epochs

    with log.open(newline="", encoding="utf-8") as file:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]

    def curve(field: str, title: str) -> dict[str, Any]:
        return {
            "data": {"values": [row for row in rows if field in row]},
            "width": 640,
            "height": 220,
            "mark": {"type": "line", "point": len(rows) < 60},
            "encoding": {
                "x": {"field": "epoch", "type": "quantitative"},
                "y": {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}},
            },
        }

    spec = {"vconcat": [curve("loss", "loss on train"), curve("miou", "mIoU on the deliverable's split")]}
    write_bytes(picture, vl_convert.vegalite_to_png(spec, scale=1.5))
