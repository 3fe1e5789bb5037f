"""Whether recorded results are of what is judged: the model, the chip and the input files that they name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import format_list, printable
from enet.evidence import Provenance
from enet.records import model_name
from enet.records.summary import Summary, image_name

#: Beginnings of file names in other data sets.
OTHER_DATA = re.compile(r"(ILSVRC\d{4}|n\d{8}_\d+|COCO_|ADE_(train|val)_|VOC\d{4}|bsds|kitti)", re.IGNORECASE)

#: Options of ais_bench that give a whole input shape.
SHAPE_OPTIONS = ("dymDims", "dymShape", "dymShape_range")


def model_problems(summaries: Sequence[Summary], deliverable: Deliverable, batch_size: int, chip: str) -> Iterator[str]:
    """Yield why the tool's command line names another model than the one that is judged, or other inputs, in words.

    Args:
        summaries: of one run.
        chip: name in npu-smi; empty if unknown.
    """
    for summary in summaries:
        model = summary.options.get("model", "")
        if not model:
            yield f"{summary.path.name}: names no model"
        for conflict in model_name.conflicts(model, deliverable, batch_size, chip):
            name = printable(PurePosixPath(model).name[:80])
            yield f"{summary.path.name}: its model {name} {conflict}"
        yield from shape_problems(summary, deliverable, batch_size)
        yield from place_problems(summary)


def list_problems(summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield why the images of a run, and with them its batch size, are unknown, in words."""
    for summary in summaries:
        if not summary.pairs and not summary.is_pure_inference:
            why = "lists no files (--pipeline) and none of its outputs is here"
            yield f"{summary.path.name}: {why}: images and batch size are unknown"


def shape_problems(summary: Summary, deliverable: Deliverable, batch_size: int) -> Iterator[str]:
    """Yield an input shape on the command line that is not the deliverable's, in words."""
    width, height = deliverable.preprocessing.size
    full = [[batch_size, 3, height, width], [batch_size, height, width, 3]]
    for option, shapes in {"dymHW": [[height, width]], **dict.fromkeys(SHAPE_OPTIONS, full)}.items():
        text = summary.options.get(option)
        if text is not None and text.rpartition(":")[2].split(",") not in [list(map(str, shape)) for shape in shapes]:
            expected = ",".join(map(str, shapes[0]))
            yield f"{summary.path.name}: --{option} {printable(text[:40])}, expected {expected}"


def size_problems(input_bytes: Iterable[int], deliverable: Deliverable) -> Iterator[str]:
    """Yield a size in bytes of an image in the console that the deliverable's input cannot have, in words."""
    width, height = deliverable.preprocessing.size
    # Not all of them for every deliverable: 240 x 240 in float32 is as large as 480 x 480 in uint8.
    known = [3 * width * height * each for each in ((4, 2) if deliverable.artifact.input == "float" else (1,))]
    for size in sorted({*input_bytes} - {*known}):
        yield f"the console says {size} bytes an image, expected {known[0]} for {width}x{height}"


def place_problems(summary: Summary) -> Iterator[str]:
    """Yield a listed input that ais_bench cannot have found by its command line, in words."""
    if summary.is_pure_inference or "model" not in summary.options:
        return
    name, places = summary.path.name, {PurePosixPath(each) for each in summary.options.get("input", "").split(",")}
    if "input" not in summary.options:
        yield f"{name}: lists {len(summary.pairs)} input files, but the command line has no --input"
        return
    # ais_bench joins the folder's name and the file's. A path that somebody made absolute cannot be compared.
    absolute = {place.is_absolute() for place in places}
    for infile in {infile.rpartition("/")[0]: infile for infile, _ in summary.pairs}.values():  # one of each folder
        path = PurePosixPath(infile)
        if places.isdisjoint((path, *path.parents)) and absolute == {path.is_absolute()}:
            yield f"{name}: lists the input {path}, which is not in --input {summary.options['input'][:80]}"
            return


def chip_problems(provenance: Provenance, target: Target) -> Iterator[str]:
    """Yield a contradiction between npu-smi's table and the user's ``--soc-version``, in words."""
    given = (target.soc_version or "").removeprefix("Ascend")
    if given and provenance.chip and given != provenance.chip:
        yield f"--soc-version Ascend{given}, but npu-smi shows a {provenance.chip}"


def input_gaps(summaries: Sequence[Summary], images: Collection[str] | None) -> Iterator[str]:
    """Yield what is wrong with the inputs that a run lists, in words; nothing if it had none.

    Args:
        images: names of the data set's images. None if it is not here: then a name of another data set is found.
    """
    if any(summary.is_pure_inference for summary in summaries):
        return
    names = [image_name(infile) for summary in summaries for infile, _ in summary.pairs]
    if images is None:
        foreign = [name for name in names if OTHER_DATA.match(name)]
    else:
        known = frozenset(images)
        foreign = [name for name in names if name not in known]
    if foreign:
        yield f"{len(foreign)} of {len(names)} inputs are no images of the data set: {format_list(foreign, first=2)}"
