"""What the command ``enet`` does; ``enet.command_line`` says which commands and options there are.

Exit codes: 0 done; 1 a gate failed; 2 bad usage or input, said in one line.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from enet.command_line import Command, parser
from enet.deliverable import PLACEHOLDER, Deliverable, IoFormat, builtin_names, load, template
from enet.deliverable.target import Target
from enet.deliverable.toml_reader import add_line_number
from enet.errors import EnetError, InputError, run_command, unknown_name_error
from enet.options import target_from_options
from enet.storage.files import hash_file, make_folder, write_text
from enet.storage.store import Store, default_root

# Everything heavy is imported by the command that needs it: `enet --help` must not load torch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    options = parser(COMMANDS).parse_args(arguments)
    return run_command("enet", lambda: int(options.run(options)))


def subject(options: argparse.Namespace, data_root: Path | None, weights: Path | None = None) -> Any:
    """The options' deliverable with its data and weights."""
    from enet.measure.subject import Subject

    store = Store(options.artifact_cache or default_root())
    limit = getattr(options, "limit", None)
    where = target_from_options(options) if hasattr(options, "device") else Target()
    return Subject(
        load(options.deliverable), store, weights, data_root, limit=limit, progress=sys.stderr.isatty(), target=where
    )


def form(options: argparse.Namespace, default: IoFormat) -> IoFormat:
    return IoFormat(input=options.input or default.input, output=options.output or default.output)


def doctor(options: argparse.Namespace) -> int:
    from enet import backends

    found: dict[str, dict[str, Any]] = {}
    for name in backends.BACKENDS:
        try:
            found[name] = {"ready": True, "versions": dict(backends.get(name).versions())}
        except EnetError as error:
            found[name] = {"ready": False, "missing": str(error)}
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, told in found.items():
        versions = ", ".join(f"{library} {version}" for library, version in told.get("versions", {}).items())
        print(f"{name:<12}  ready    {versions}" if told["ready"] else f"{name:<12}  missing  {told['missing']}")
    return 0


def print_baselines(options: argparse.Namespace) -> int:
    from enet.deliverable import baselines

    table = baselines.load()
    if options.json:
        print(json.dumps(table.to_json(), indent=1))
        return 0
    print(f"{table.name}, images/s [{table.source}]\n\n{table.to_markdown()}\n")
    for name, directory in table.to_json()["directory"].items():
        print(f"{name}: {directory or f'not {table.directory.name}'} [{table.directory.source}]")
    return 0


def deliverables(options: argparse.Namespace) -> int:
    if options.action is None:
        if options.json:
            print(json.dumps({name: load(name).summary for name in builtin_names()}, indent=1))
            return 0
        width = max(map(len, builtin_names()))
        for name in builtin_names():
            print(f"{name:<{width}}  {load(name).summary}")
        return 0
    if options.name is None:
        what = "a .toml file" if options.action != "show" else f"one of {', '.join(builtin_names())} or a .toml file"
        raise InputError(f"deliverables {options.action}: name is missing. Give {what}")
    if options.action == "new":
        return new_deliverable(Path(options.name))
    spec = load(options.name)
    if options.action == "check":
        require_usable(spec)
        left = f", but miou_percent={spec.reference.miou_percent:g} has no source: fill both in"
        unfilled = spec.reference.source == PLACEHOLDER
        print(f"{options.name}: {spec.name}: nothing is wrong with it{left if unfilled else ''}")
    else:
        print(json.dumps(asdict(spec), indent=2, default=str))
    return 0


def require_usable(spec: Deliverable) -> None:
    """Refuse what only a look beyond the file tells.

    Raises:
        InputError: the weights aren't there, or the baseline was never recorded.
    """
    from enet.deliverable import baselines

    weights, limit, path = spec.weights, spec.throughput, spec.path
    recorded = [column.name for column in baselines.load().columns]
    try:
        if weights is not None and not weights.is_file():
            raise InputError(f"{path} [network]: weights={spec.network.weights!r}, but {weights} is no file")
        if limit is not None and limit.baseline not in recorded:
            raise unknown_name_error("baseline", limit.baseline, recorded, where=f"{path} [throughput]")
    except InputError as error:
        raise InputError(add_line_number(str(error), path)) from error


def new_deliverable(path: Path) -> int:
    if path.suffix != ".toml":
        raise InputError(f"deliverables new {path}: not a .toml file. Give one, such as {path.name or 'mine'}.toml")
    if path.exists():
        raise InputError(f"deliverables new {path}: exists already. Choose another name, or delete it first")
    make_folder(path.parent)
    write_text(path, template())
    print(f"{path}: fill it in, then: enet deliverables check {path}")
    return 0


def pth2onnx(options: argparse.Namespace) -> int:
    from enet.model import checkpoint as weights, export

    spec = load(options.deliverable)
    if not options.output_file.parent.is_dir():
        raise InputError(f"{options.output_file.parent}: no such folder. Make it, or choose another --output-file")
    variant = options.variant or spec.network.variant
    state = weights.read(options.input_file)
    # The number of outputs is the checkpoint's own: an export by hand need not declare a deliverable first.
    guess = weights.likely(state)
    outputs = guess[1] if guess else spec.network.outputs
    network = weights.fit(options.input_file, state, variant, outputs)
    classes = min(outputs, spec.scored_classes)
    model = export.to_onnx(network, spec.preprocessing, form(options, spec.artifact), classes=classes)
    export.save(model, options.output_file)
    figures = {
        "onnx": str(options.output_file),
        "sha256": hash_file(options.output_file),
        "variant": variant,
        "opset": export.OPSET,
        "values": export.describe(model).split(", "),
        "weights_sha256": hash_file(options.input_file),
    }
    return told(f"{options.output_file}: {variant}, opset {export.OPSET}, {export.describe(model)}", figures, options)


def preprocess(options: argparse.Namespace) -> int:
    from enet.datasets import bin_files

    this = subject(options, options.src_path)
    manifest = bin_files.write_bin_files(
        this.photographs(), options.save_path, options.input, this.dataset_sha256, progress=this.progress
    )
    figures = {"folder": str(options.save_path), **manifest}
    return told(f"{options.save_path}: {len(manifest['files'])} files, {bin_files.MANIFEST}", figures, options)


def om(options: argparse.Namespace) -> int:
    from enet.ascend import om as compiler

    made = compiler.compile_file(
        options.model,
        options.output,
        options.batch_size,
        load(options.deliverable),
        options.input,
        target_from_options(options),
    )
    return told(str(made), made.to_json(), options)


def infer(options: argparse.Namespace) -> int:
    from enet.backends import bin_folder as runner

    if options.backend == "ascend":
        from enet.ascend import ais_bench

        summaries = ais_bench.infer(
            ais_bench.AisBenchRun(
                model=options.model,
                inputs=options.input,
                output=options.output.parent,
                dirname=options.output.name,
                batch_size=options.batch_size,
                devices=options.device,
                outfmt=options.outfmt,
                dynamic_batch=options.dynamic,
            )
        )
        return inferred(summaries, options)
    if options.outfmt == "TXT":
        raise InputError("--outfmt TXT: only ais_bench writes it. Give BIN or NPY, or --backend ascend")
    summary = runner.run(
        options.model, options.input, options.output, options.batch_size, options.outfmt, progress=sys.stderr.isatty()
    )
    return inferred([summary], options)


def inferred(summaries: Sequence[Path], options: argparse.Namespace) -> int:
    """Tell where the outputs are."""
    named = [str(summary) for summary in summaries]
    figures = {
        "model_sha256": hash_file(options.model),
        "batch_size": options.batch_size,
        "outputs": str(options.output),
        "summaries": named,
    }
    return told(f"{options.output}: outputs; {', '.join(named)}: which is of which image", figures, options)


def postprocess(options: argparse.Namespace) -> int:
    from enet.measure import recorded_accuracy
    from enet.records import summary as ais_bench

    summaries = [ais_bench.read(path) for path in options.result_dir]
    evidence = recorded_accuracy.score(subject(options, options.src_path), summaries)
    show(evidence.summary(), options.json)
    if len(evidence.images) < evidence.images_expected:
        print(f"NO EVIDENCE: {len(evidence.images)} of {evidence.images_expected} images have an output")
        return 1
    return 0


def evaluate(options: argparse.Namespace) -> int:
    from enet.backends import require_precision
    from enet.measure import pipeline

    this = compared_at(options.label_grid, subject(options, options.data_root, options.weights))
    if options.split is not None:
        this = this.of_split(options.split)
        print(f"split {options.split}")
    require_precision(options.backend, options.precision)
    chosen = form(options, this.form(options.backend))
    # The artifact first: a wrong checkpoint or backend should not wait for thousands of images to be looked at.
    artifact = this.artifact(options.backend, options.batch_size, chosen)
    source, split = this.photographs(), this.deliverable.dataset.split
    if options.save_overlays is None and options.save_predictions is None:
        show(scored(pipeline.measure_split(this, artifact, source, resumable=True), split), options.json)
        return 0
    import tempfile

    from enet.measure import label_files
    from enet.report import pictures

    for folder in filter(None, (options.save_overlays, options.save_predictions)):
        make_folder(folder)
    with tempfile.TemporaryDirectory() as aside:
        labels = Path(aside) / "labels.npy"
        measured = pipeline.measure_split(this, artifact, source, labels_to=labels)
        show(scored(measured, split), options.json)
        if folder := options.save_overlays:
            written = pictures.save_overlays(measured, labels, source, this.dataset.classes, folder, options.worst)
            print(f"{folder}: the {len(written)} worst images")
        if folder := options.save_predictions:
            print(f"{folder}: {len(label_files.save(measured, labels, this, folder))} predictions as label ids")
    return 0


def scored(measured: Any, split: str) -> dict[str, Any]:
    """The summary of what was measured on a split.

    Raises:
        InputError: not a pixel has a class, as in Cityscapes' public test labels.
    """
    summary: dict[str, Any] = {**measured.summary(), "split": split}
    if math.isnan(summary["miou"]):
        raise InputError(f"split {split}: every pixel of its label maps is void, so nothing can be scored")
    return summary


def compared_at(grid: str | None, this: Any) -> Any:
    """The subject, its predictions compared at another grid than the deliverable says, if one is given."""
    spec = this.deliverable
    if grid in (None, spec.preprocessing.label_grid):
        return this
    try:
        return replace(this, deliverable=replace(spec, preprocessing=replace(spec.preprocessing, label_grid=grid)))
    except ValueError as error:
        raise InputError(f"--label-grid {grid}: deliverable {spec.name}: {error}") from error


def bench(options: argparse.Namespace) -> int:
    from enet import host
    from enet.backends import require_precision
    from enet.measure import contest, race
    from enet.metrics import latency

    this = subject(options, options.data_root, options.weights)
    require_precision(options.backend, options.precision)
    rule = (
        contest.MLPERF
        if options.mlperf_like
        else contest.TimingSettings(warmup_seconds=1.0, seconds=options.seconds, rounds=10)
    )
    busy = host.cpu_load()
    chosen = form(options, this.form(options.backend))
    times = race.sweep(this, options.backend, options.batch_size, this.prepared(), rule, chosen)
    rows = {size: race.timing_row(each) for size, each in times.items()}
    print(f"{'batch':>5}" + "".join(f"{name:>18}" for name in next(iter(rows.values()))))
    for size, row in rows.items():
        print(f"{size:>5}" + "".join(f"{'too few' if value is None else f'{value:.4g}':>18}" for value in row.values()))
    best = max(times, key=lambda size: times[size].images_per_second)
    print(f"best at batch {best}; {race.describe_scaling(times)}")
    if busy is not None and busy > latency.BUSY:
        print(f"others used {100 * busy:.0f} % of the processor before: figures are too low")
    if options.json:
        seen = {**host.host_conditions(), "busy_before": busy}
        raw = {
            str(size): {"images": t.images, "rounds": t.rounds, "executions": t.executions} for size, t in times.items()
        }
        write_text(
            options.json, json.dumps({"backend": options.backend, "conditions": seen, "rows": rows, "times": raw})
        )
    return 0


def report(options: argparse.Namespace) -> int:
    if len(options.evidence) > 2:
        raise InputError(f"report: {len(options.evidence)} evidence folders. Give one, or two to compare")
    from enet import report as reports

    found = [reports.read(folder) for folder in options.evidence]
    if len(found) == 2:
        reports.compare(found[0], found[1], options.html)
    else:
        reports.write(found[0], options.html)
    last = found[-1]
    figures = {
        "html": str(options.html),
        "deliverable": last.deliverable,
        "conclusion": last.conclusion,
        "verdicts": last.verdicts,
    }
    return told(f"{options.html}: {last.deliverable}: {last.conclusion}", figures, options)


def self_test(options: argparse.Namespace) -> int:
    import tempfile

    from enet import selftest
    from enet.selftest.table import closing, line

    tables: dict[str, list[Any]] = {}
    failed = False
    for part in options.only or selftest.PARTS:
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            for row in selftest.run(part, Path(folder), quick=options.quick):
                print(line(row), flush=True)
                rows.append(row)
        print(f"{closing(part, rows)}\n", flush=True)
        failed = failed or not all(row.ok for row in rows)
        tables[part.replace("-", "_")] = [row.to_json() for row in rows]
    if options.json:
        write_text(options.json, json.dumps(tables, indent=1))
    return 1 if failed else 0


def scenes(options: argparse.Namespace) -> int:
    from enet.datasets import scenes as generator

    make_folder(options.save_path)
    written = generator.write(
        options.save_path, images=options.images, seed=options.seed, split=options.split, progress=sys.stderr.isatty()
    )
    count, split, seed = len(written), options.split, options.seed
    figures = {"folder": str(options.save_path), "images": count, "split": split, "seed": seed}
    return told(f"{options.save_path}: {count} scenes, split {split}, seed {seed}", figures, options)


def told(sentence: str, figures: Mapping[str, Any], options: argparse.Namespace) -> int:
    """Print what a command did; write it as JSON too, if asked. Returns the exit code, 0."""
    print(sentence)
    if options.json:
        write_text(options.json, json.dumps(figures, indent=1))
    return 0


def show(summary: dict[str, Any], json_file: Path | None) -> None:
    """Print an accuracy summary as a table; write all of it as JSON if asked."""
    for name, iou in summary["iou_per_class"].items():
        print(f"{name:<16} {'absent' if iou is None else f'{100 * iou:9.4f} %'}")
    expected = summary["images_expected"]
    count = f"{summary['images']} images" + ("" if summary["images"] == expected else f" of {expected} expected")
    rule = summary["miou_rule"] + ("" if summary["label_grid"] == "network" else "; at the photographs' size")
    print(f"{'mIoU':<16} {100 * summary['miou']:9.4f} %   ({rule}; {count})")
    if summary["duplicate_images"]:
        print(
            f"{summary['duplicate_images']} of these images are copies of others: an acceptance would not count "
            f"that as evidence"
        )
    print(f"{'pixel accuracy':<16} {100 * summary['pixel_accuracy']:9.4f} %")
    for share in summary["devices"]:
        rate = share["images"] / share["seconds"] if share["seconds"] else float("nan")
        print(f"device {share['device']}: {share['images']} images, {share['seconds']:.2f} s, {rate:.2f} images/s")
    if summary["images_per_second"]:
        clock = ", all devices together by the clock" if summary["devices"] else ""
        print(f"{summary['seconds']:.2f} s, {summary['images_per_second']:.2f} images/s{clock}")
    if json_file is not None:
        write_text(json_file, json.dumps(summary, indent=1))


COMMANDS: dict[str, Command] = {
    "baselines": print_baselines,
    "doctor": doctor,
    "deliverables": deliverables,
    "pth2onnx": pth2onnx,
    "preprocess": preprocess,
    "om": om,
    "infer": infer,
    "postprocess": postprocess,
    "evaluate": evaluate,
    "bench": bench,
    "report": report,
    "selftest": self_test,
    "scenes": scenes,
}

if __name__ == "__main__":
    sys.exit(main())
