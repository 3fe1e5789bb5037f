"""Find out why accuracy is not what it should be: try what would repair it, on the worst and some typical images."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from enet import backends, diagnosis, evidence, measure
from enet.commands import common
from enet.errors import InputError, format_list, printable
from enet.options import DIR, AddOption, add_subject, batch_size, positive

if TYPE_CHECKING:
    from enet.evidence import Accuracy

EXAMPLE = "enet diagnose .enet/evidence --deliverable enet.toml --data-root citys --onnx enet.onnx"


def add_options(add: AddOption) -> None:
    meaning = "evidence folder of a run: which artifact, and which images are its worst (default: measure now)"
    add("evidence", **DIR, nargs="?", help=meaning)
    add_subject(add)
    add("--backend", metavar="NAME", help=f"default: the worst of EVIDENCE, or {backends.DEFAULT}")
    common.add_io_format(add)
    add("--batch-size", type=batch_size, metavar="N", help="default: the worst of EVIDENCE, or 1")
    add("--limit", type=positive, metavar="N", help="use only the first N images")
    add("--seconds", type=positive, default=45, help="begin no trial after this time (default: %(default)s)")
    common.add_json(add)


def run(args: Namespace) -> int:
    known = None if args.evidence is None else worst_run(args.evidence, args.backend, args.batch_size)
    args.backend = args.backend or (known.provenance.backend if known else backends.DEFAULT)
    size = args.batch_size or (known.provenance.batch_size if known else 1)
    subject = common.subject_from_args(args, args.data_root, args.weights)
    backends.require_precision(args.backend, args.precision)
    artifact = subject.artifact(args.backend, size, common.io_format_from_args(args, subject.io_format(args.backend)))
    source = subject.prepared()
    if known is None:
        known = measure.measure_split(subject, artifact, source)
    elif known.images != source.names:
        count = f"{len(known.images)} images, the data set has {len(source.names)}"
        raise InputError(f"{args.evidence}: its run is over {count} or others. Give the data of this run")
    found = diagnosis.diagnose(subject, artifact, source, known, seconds=args.seconds, folder=args.evidence)
    print("\n".join(map(printable, found.lines())))
    common.write_json(found.to_json(), args)
    return 0


def worst_run(folder: Path, backend: str | None, size: int | None) -> Accuracy:
    """The run of the lowest mIoU in an evidence folder, PyTorch's only if there is no other.

    Args:
        backend, size: of the run; None: any.
    Raises:
        InputError: there is no such run.
    """
    runs = [evidence.load_as(evidence.Accuracy, path) for path in sorted(folder.glob("accuracy-*.json"))]
    usable = [run for run in runs if run.images and run.provenance.backend in backends.BACKENDS]
    fitting = [
        run for run in usable if backend in (None, run.provenance.backend) and size in (None, run.provenance.batch_size)
    ]
    if not fitting:
        what = format_list([str(run.provenance) for run in usable]) or "none"
        raise InputError(f"{folder}: no run of accuracy that can be diagnosed, expected one. It has: {what}")
    return min(fitting, key=lambda run: (run.provenance.backend == backends.REFERENCE, run.miou))
