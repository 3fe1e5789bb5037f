"""The log of a training run, a CSV file with a line per epoch, and its curves as a picture."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from enet.storage.files import write_bytes
from enet.storage.text import read_text


def append_row(log: Path, row: dict[str, object]) -> None:
    """Append a line to a CSV file, after a header if the file is new or empty."""
    is_new = not log.exists() or log.stat().st_size == 0
    with log.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def remove_rows(log: Path, after: int) -> None:
    """Remove incomplete lines, and those of epochs later than ``after``, which will run again."""
    if log.exists():
        header, *rows = read_text(log).splitlines(keepends=True) or [""]
        epochs = [row.partition(",")[0] if row.endswith("\n") else "" for row in rows]
        kept = [row for row, epoch in zip(rows, epochs, strict=True) if epoch.isdigit() and int(epoch) <= after]
        write_bytes(log, "".join([header, *kept]).encode())


def draw_curves(log: Path, picture: Path) -> None:
    """Draw loss and mIoU by epoch as a PNG; needs the extra ``training``.

    Raises:
        InputError: the picture cannot be written.
    """
    import vl_convert

    with log.open(newline="", encoding="utf-8-sig") as file:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]

    def curve(field: str, title: str) -> dict[str, Any]:
        y_axis = {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}}
        encoding = {"x": {"field": "epoch", "type": "quantitative"}, "y": y_axis}
        mark, values = {"type": "line", "point": len(rows) < 60}, [row for row in rows if field in row]
        return {"data": {"values": values}, "width": 640, "height": 220, "mark": mark, "encoding": encoding}

    spec = {"vconcat": [curve("loss", "loss on train"), curve("miou", "mIoU on the deliverable's split")]}
    write_bytes(picture, vl_convert.vegalite_to_png(spec, scale=1.5))
