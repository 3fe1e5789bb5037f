"""What an evidence folder holds of one run of the suite."""

from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enet.backends import REFERENCE
from enet.deliverable.toml_reader import convert
from enet.errors import InputError
from enet.evidence import KINDS, Accuracy, LogitComparison, Parity, Provenance, Speed, Throughput, load
from enet.report.pictures import INDEX
from enet.report.rows import as_diagnosis, as_verdict
from enet.storage.files import hash_json
from enet.storage.run_folder import VERDICTS
from enet.storage.text import read_text

#: Version of ``verdicts.json``, raised when the meaning of a key changes; its keys are in docs/verdicts.md.
SCHEMA = 3
FIELDS = {
    "run": str,
    "delivered": tuple[str, ...],
    "deliverable": str,
    "accepted": bool,
    "conclusion": str,
    "scope": str,
    "began": str,
}
#: The provenance chain: name and field of ``Provenance``.
CHAIN: tuple[tuple[str, str], ...] = (
    ("delivered file", "delivered"),
    ("weights", "weights_sha256"),
    ("ONNX", "onnx_sha256"),
    ("artifact", "artifact_sha256"),
    ("data set", "dataset_sha256"),
    ("preprocessing", "preprocessing_sha256"),
    ("calibration", "calibration_sha256"),
)
assert all(field in Provenance.__dataclass_fields__ for _, field in CHAIN)


@dataclass(frozen=True)
class Picture:
    """One of the worst images: its four pictures as data URLs, by kind."""

    name: str
    pixel_accuracy: float
    urls: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A run's conclusion, its verdicts in order, and the evidence that they rest on.

    Attributes:
        accepted: whether every aspect that was checked is accepted.
        conclusion: the same in one sentence.
        run: its id.
        scope: the aspects that were checked, in words.
        delivered: SHA-256 and name of each file that was handed over and judged; empty if the suite built the artifact.
        verdicts: as in ``verdicts.json``.
        recorded_figures: verdicts on recorded figures of others, no part of the conclusion.
        diagnosis: as in ``verdicts.json``; None if there was none.
        legend: class names and colours (R, G, B).
    """

    folder: Path
    run: str
    deliverable: str
    accepted: bool
    conclusion: str
    scope: str
    began: str
    delivered: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    recorded_figures: tuple[dict[str, Any], ...]
    diagnosis: dict[str, Any] | None
    accuracies: tuple[Accuracy, ...]
    speeds: tuple[Speed, ...]
    throughputs: tuple[Throughput, ...]
    parities: tuple[Parity, ...]
    differences: tuple[LogitComparison, ...]
    pictures: tuple[Picture, ...]
    legend: tuple[tuple[str, tuple[int, int, int]], ...]

    @property
    def reference(self) -> Accuracy | None:
        """The checkpoint itself, run by PyTorch."""
        return next((each for each in self.accuracies if each.provenance.backend == REFERENCE), None)

    @property
    def artifacts(self) -> tuple[Accuracy, ...]:
        """Runs of artifacts, by backend and batch size."""
        found = [each for each in self.accuracies if each is not self.reference]
        return tuple(sorted(found, key=lambda each: (each.provenance.backend, each.provenance.batch_size)))

    @property
    def runs(self) -> list[Provenance]:
        """Origins of what was measured, each once."""
        measured: tuple[Accuracy | Speed | Throughput, ...] = (*self.accuracies, *self.speeds, *self.throughputs)
        runs = [each.provenance for each in measured]
        return list({str(run): run for run in runs}.values())


def read(folder: Path) -> Contents:
    """Read the evidence of a folder's latest run, without what earlier runs left there.

    Raises:
        InputError: no run of the suite ended there, or a file is not evidence or was edited.
    """
    path = folder / VERDICTS
    try:
        table = json.loads(read_text(path))
        if table["schema"] != SCHEMA:
            raise InputError(f"{path}: schema={table['schema']}, expected {SCHEMA}. Run pytest again")
        if table.pop("sha256", None) != hash_json(table):
            raise InputError(f"{path}: checksum mismatch, the file has been edited. Run pytest again")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Give the evidence folder of a run of pytest") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: no verdicts ({type(error).__name__}: {error}). Run pytest again") from error
    try:
        conclusion: dict[str, Any] = {name: convert(hint, table[name], f"[{name}]") for name, hint in FIELDS.items()}
        verdicts, others = (tuple(map(as_verdict, table[part])) for part in ("verdicts", "recorded_figures"))
        diagnosis = as_diagnosis(table.get("diagnosis"))
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no verdicts ({str(error).splitlines()[0]}). Run pytest again") from error
    found: dict[type[Any], list[Any]] = {kind: [] for kind in KINDS.values()}
    for file in sorted(folder.glob("*.json")):
        if file == path or is_older(file, conclusion["began"]):
            continue
        evidence = load(file)
        if evidence.run == conclusion["run"]:
            found[type(evidence)].append(evidence)
    accuracies = tuple(found[Accuracy])
    pictures, legend = worst(folder / "pictures", {each.provenance.time for each in accuracies})
    return Contents(
        folder=folder,
        **conclusion,
        verdicts=verdicts,
        recorded_figures=others,
        diagnosis=diagnosis,
        accuracies=accuracies,
        speeds=tuple(sorted(found[Speed], key=lambda speed: speed.batch_size)),
        throughputs=tuple(found[Throughput]),
        parities=tuple(found[Parity]),
        differences=tuple(found[LogitComparison]),
        pictures=pictures,
        legend=legend,
    )


def signed(table: dict[str, Any]) -> dict[str, Any]:
    """A conclusion with its checksum, as evidence has one: it finds accidents and edits by hand, not forgeries."""
    return table | {"sha256": hash_json(table)}


def is_older(file: Path, began: str) -> bool:
    """Whether a file was last written before a run began: it may have another version, so it is not read."""
    try:
        return file.stat().st_mtime < datetime.datetime.fromisoformat(began).timestamp()
    except ValueError:  # the run does not say when it began
        return False


def worst(folder: Path, times: set[str]) -> tuple[tuple[Picture, ...], tuple[tuple[str, tuple[int, int, int]], ...]]:
    """The pictures of the first artifact that has some, of measurements made at these times; and their legend."""
    for index in sorted(folder.glob(f"*/{INDEX}")):
        try:
            table = json.loads(read_text(index))
            if table["time"] not in times:
                continue
            pictures = []
            for image in table["images"]:
                stem = index.parent / Path(image["stem"]).name
                urls = {kind: data_url(Path(f"{stem}-{kind}{suffix}")) for kind, suffix in KINDS_OF_PICTURES.items()}
                pictures.append(Picture(str(image["name"]), float(image["pixel_accuracy"]), urls))
            colours = [(str(entry["name"]), tuple(map(int, entry["colour"]))) for entry in table["legend"]]
            legend = tuple((name, (r, g, b)) for name, (r, g, b) in colours)
        except OSError as error:
            raise InputError(f"{index}: a picture is missing ({error.filename}). Run pytest again") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{index}: no index of pictures ({type(error).__name__}). Run pytest again") from error
        return tuple(pictures), legend
    return (), ()


KINDS_OF_PICTURES = {"photo": ".jpg", "truth": ".png", "prediction": ".png", "error": ".png"}


def data_url(path: Path) -> str:
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
