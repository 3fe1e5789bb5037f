"""What an evidence folder holds of one run of the suite."""

from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enet.backends import REFERENCE
from enet.errors import InputError
from enet.evidence import KINDS, Accuracy, LogitComparison, Parity, Speed, Throughput, load
from enet.report.pictures import INDEX


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One of the worst images: its four pictures as data URLs, by kind."""

    name: str
    pixel_accuracy: float
    urls: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A run's conclusion, its verdicts in order, and the evidence they were said of.

    ``verdicts`` are tables as ``verdicts.json`` has them; ``legend`` are class names and colours (R, G, B).
    """

    folder: Path
    deliverable: str
    conclusion: str
    began: str
    verdicts: tuple[dict[str, Any], ...]
    accuracies: tuple[Accuracy, ...]
    speeds: tuple[Speed, ...]
    throughputs: tuple[Throughput, ...]
    parities: tuple[Parity, ...]
    differences: tuple[LogitComparison, ...]
    pictures: tuple[Picture, ...]
    legend: tuple[tuple[str, tuple[int, int, int]], ...]

    @property
    def accepted(self) -> bool:
        return self.conclusion.startswith("ACCEPTED")

    @property
    def reference(self) -> Accuracy | None:
        """The checkpoint itself, run by PyTorch."""
        return next((each for each in self.accuracies if each.provenance.backend == REFERENCE), None)

    @property
    def artifacts(self) -> tuple[Accuracy, ...]:
        """What was judged, smallest batch size first."""
        found = [each for each in self.accuracies if each is not self.reference]
        return tuple(sorted(found, key=lambda each: (each.provenance.backend, each.provenance.batch_size)))


def read(folder: Path) -> Contents:
    """Read the evidence of a folder's latest run; what earlier runs left there is left out.

    Raises:
        InputError: no run of the suite ended there, or a file isn't evidence or was edited.
    """
    path = folder / "verdicts.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        name, conclusion, began = str(table["deliverable"]), str(table["conclusion"]), str(table.get("began", ""))
        verdicts = tuple(dict(verdict) for verdict in table["verdicts"])
        _ = [(v["test"], v["gate"], v["outcome"], v["sentence"], v["numbers"], v["notes"]) for v in verdicts]
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}. Give the evidence folder of a run of pytest -m accuracy"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: no verdicts ({type(error).__name__}: {error}). Run pytest again") from error
    found: dict[type[Any], list[Any]] = {kind: [] for kind in KINDS.values()}
    for file in sorted(folder.glob("*.json")):
        if file == path or is_older(file, began):
            continue
        evidence = load(file)
        where = getattr(evidence, "provenance", None) or getattr(evidence, "first", None)
        if where is not None and where.deliverable == name and where.time >= began:
            found[type(evidence)].append(evidence)
    accuracies = tuple(found[Accuracy])
    pictures, legend = worst(folder / "pictures", {each.provenance.time for each in accuracies})
    return Contents(
        folder=folder,
        deliverable=name,
        conclusion=conclusion,
        began=began,
        verdicts=verdicts,
        accuracies=accuracies,
        speeds=tuple(sorted(found[Speed], key=lambda speed: speed.batch_size)),
        throughputs=tuple(found[Throughput]),
        parities=tuple(found[Parity]),
        differences=tuple(found[LogitComparison]),
        pictures=pictures,
        legend=legend,
    )


def is_older(file: Path, began: str) -> bool:
    """Whether a file was last written before a run began: it may be of another version's, and isn't looked into."""
    try:
        return file.stat().st_mtime < datetime.datetime.fromisoformat(began).timestamp()
    except ValueError:  # a run that doesn't tell when it began
        return False


def worst(folder: Path, times: set[str]) -> tuple[tuple[Picture, ...], tuple[tuple[str, tuple[int, int, int]], ...]]:
    """The pictures of the first artifact that has some, of measurements made at these times; and their legend."""
    for index in sorted(folder.glob(f"*/{INDEX}")):
        try:
            table = json.loads(index.read_text(encoding="utf-8"))
            if table["time"] not in times:
                continue
            pictures = tuple(
                Picture(
                    name=str(image["name"]),
                    pixel_accuracy=float(image["pixel_accuracy"]),
                    urls={
                        kind: data_url(index.parent / f"{Path(image['stem']).name}-{kind}{suffix}")
                        for kind, suffix in KINDS_OF_PICTURES.items()
                    },
                )
                for image in table["images"]
            )
            colours = {str(entry["name"]): tuple(map(int, entry["colour"])) for entry in table["legend"]}
            legend = tuple((name, (r, g, b)) for name, (r, g, b) in colours.items())
        except OSError as error:
            raise InputError(f"{index}: a picture is missing ({error.filename}). Run pytest again") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{index}: no index of pictures ({type(error).__name__}). Run pytest again") from error
        return pictures, legend
    return (), ()


KINDS_OF_PICTURES = {"photo": ".jpg", "truth": ".png", "prediction": ".png", "error": ".png"}


def data_url(path: Path) -> str:
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
