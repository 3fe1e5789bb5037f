"""The course of a diagnosis: cheap questions first, then hypotheses, then one sentence."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from enet.backends import DEFAULT, REFERENCE, Artifact
from enet.datasets.image_source import ImageSource
from enet.deliverable import Tolerances
from enet.diagnosis import constants, first_layer, pairs, questions
from enet.diagnosis.bench import SECONDS, Bench, open_bench
from enet.diagnosis.first_layer import network_of, onnx_of
from enet.diagnosis.hypotheses import INPUT, NETWORK, TRUTH
from enet.diagnosis.outputs import Output, Outputs, distance, label_distance, miou, score
from enet.diagnosis.result import Diagnosis, Finding
from enet.diagnosis.trials import LEAST_REPAIR, Ranking, explain_difference, explain_loss
from enet.errors import format_list
from enet.evidence import Accuracy
from enet.measure.subject import Subject
from enet.metrics import segmentation

#: An artifact of ONNX Runtime is an exact port if its logits are within the deliverable's tolerances. Of others, and
#: without logits, no more than these shares of labels may differ, and in float16 or INT8 mIoU must be PyTorch's, too. A
#: max-pool that keeps indices turns near-ties over: then the mean difference of the logits, as a share of their spread.
EXACT_LABELS, EXACT_ROUNDED, EXACT_UNPOOLING = 2e-5, {"fp16": 0.02, "int8": 0.1}, 2e-3

INPUT_NAMES = {each.name for each in INPUT}
NETWORK_NAMES = {each.name for each in NETWORK}
TRUTH_NAMES = {each.name for each in TRUTH}


def diagnose(
    subject: Subject,
    artifact: Artifact,
    source: ImageSource,
    run: Accuracy | None = None,
    *,
    seconds: float = SECONDS,
    folder: Path | None = None,
) -> Diagnosis:
    """Find out why an artifact's accuracy is not what it should be.

    Args:
        source: the images that the artifact gets, as this suite prepares them.
        run: of the artifact over all of them; tells the worst images. None: some are taken evenly from the split.
        seconds: after which no further hypothesis is tried.
        folder: for a picture of the errors of the first layer that differs; None: none is written.
    Raises:
        InputError: the artifact cannot be loaded, or an image cannot be read.
    """
    begin = time.monotonic()
    with open_bench(subject, artifact, source, run, seconds) as bench:
        found, ranking, facts = investigate(bench, artifact)
        return Diagnosis(
            artifact=f"{artifact.backend}, batch {artifact.batch_size}",
            cause=found.cause,
            sentence=found.sentence,
            facts=tuple(facts),
            rows=ranking.rows,
            layers=None
            if bench.expected and is_exact_port(bench, artifact)
            else first_layer.find(bench, artifact, folder),
            images=tuple(photo.name for photo in bench.photos),
            left_out=tuple(dict.fromkeys(bench.left_out)),
            seconds=time.monotonic() - begin,
        )


def investigate(bench: Bench, artifact: Artifact) -> tuple[Finding, Ranking, list[str]]:
    """The cause, the hypotheses that were tried, and what else is known."""
    facts = questions.compare_hashes(bench)
    if bench.reference is None:
        facts.append(f"PyTorch is not compared: {bench.no_reference}")
    of_results = questions.check_rows, questions.check_outputs, questions.check_scoring
    for question in (questions.count_images, name_preprocessing, *of_results):
        if (finding := question(bench)) is not None:
            if finding.cause != questions.ONE_CLASS:
                return finding, Ranking(), facts
            better, ranking, facts = compare_results(bench, artifact, facts)  # perhaps values are not divided by 255
            return better if better.cause else finding, ranking, facts
    return compare_results(bench, artifact, facts)


def compare_results(bench: Bench, artifact: Artifact, facts: list[str]) -> tuple[Finding, Ranking, list[str]]:
    """The same, by trials of hypotheses."""
    is_exact = artifact.backend == REFERENCE or (bool(bench.expected) and is_exact_port(bench, artifact))
    if not bench.expected or artifact.backend == REFERENCE:
        return investigate_loss(bench, facts, is_exact=is_exact)
    facts.append(agreement_in_words(bench, is_exact=is_exact))
    if is_exact:
        return investigate_loss(bench, facts, is_exact=True)
    ranking = explain_difference(bench)
    if (finding := name_difference(bench, artifact, ranking)) is not None:
        return finding, ranking, facts
    if not is_reference_right(bench):  # else what repairs mIoU without giving PyTorch's output is not the cause
        finding, by_loss, facts = investigate_loss(bench, facts, is_exact=False)
        if finding.cause:
            return finding, by_loss, facts
    sentence = f"none of {len(ranking.rows)} hypotheses explains how the artifact differs from PyTorch"
    for row in ranking.rows[:1]:
        sentence += f": the best, {row.name}, leaves {100 * row.left:.0f} % of it"
    return Finding(cause="", sentence=sentence), ranking, facts


def investigate_loss(bench: Bench, facts: list[str], *, is_exact: bool) -> tuple[Finding, Ranking, list[str]]:
    """The same, of an mIoU that is not what the deliverable states.

    Args:
        is_exact: the artifact gives what PyTorch gives.
    """
    loss = lost_miou(bench)
    if loss is not None and abs(loss) <= tolerance(bench):
        words = f"mIoU {100 * measured(bench):.2f} % is what the deliverable states"
        return Finding(cause="", sentence=f"nothing to explain: {words}"), Ranking(), facts
    if (finding := questions.check_labels(bench)) is not None:
        return finding, Ranking(), facts
    if loss is not None and loss < 0:
        words = f"mIoU {100 * measured(bench):.2f} % is above what the deliverable states: another model, or other data"
        return Finding(cause="", sentence=words), Ranking(), facts
    ranking = explain_loss(bench, loss)
    finding = name_loss(ranking, is_exact=is_exact) or (pairs.by_loss(bench, ranking.rows, loss) if loss else None)
    if finding is not None:
        return finding, ranking, facts
    gain = max((after - before for before, after in (row.miou for row in ranking.rows)), default=0.0)
    sentence = f"none of {len(ranking.rows)} hypotheses repairs mIoU: the best gains {100 * gain:.2f} pp"
    if is_exact:
        sentence = f"the port is exact: look at checkpoint or data; {sentence}"
        facts = [*facts, *suspects(bench)]
    return Finding(cause="", sentence=sentence), ranking, facts


def measured(bench: Bench) -> float:
    """mIoU of the run in 0..1; NaN if it is not known."""
    return bench.run.miou if bench.run is not None else float("nan")


def tolerance(bench: Bench) -> float:
    """Accepted difference to the stated mIoU, in 0..1."""
    spec = bench.subject.deliverable
    return spec.reference.miou_percent / 100 * spec.tolerances.miou_relative


def lost_miou(bench: Bench) -> float | None:
    """By how much mIoU over the split is below the stated one, in 0..1; None if it is not known."""
    return None if bench.run is None else bench.subject.deliverable.reference.miou_percent / 100 - measured(bench)


def is_reference_right(bench: Bench) -> bool:
    """Whether PyTorch alone repairs nearly all of the lost mIoU on these images."""
    loss = lost_miou(bench)
    if loss is None or loss <= tolerance(bench):
        return False
    gain = figure(bench, bench.expected, bench.truths) - figure(bench, bench.seen, bench.truths)
    return gain >= LEAST_REPAIR * loss


def name_preprocessing(bench: Bench) -> Finding | None:
    """Compare this suite's preprocessing with the reference recipe; name the change that it makes."""
    step, name = questions.compare_preprocessing(bench)
    if not step:
        return None
    loaded = [bench.source.load(photo.index) for photo in bench.photos]
    images = np.stack([image for image, _ in loaded])
    given = bench.run_artifact(images, lambda images, _: bench.artifact.normalise(images))
    figures = figure(bench, given, [label for _, label in loaded]), figure(bench, bench.seen, bench.truths)
    words = f"has {name}" if name else f"differs in its {step}, and no hypothesis says how"
    effect = compared(*figures, len(bench.photos), "by the reference recipe ")
    return Finding(cause=name or f"preprocessing: {step}", sentence=f"this suite's own preprocessing {words}: {effect}")


def figure(bench: Bench, outputs: Outputs, truths: list[NDArray[np.uint8]]) -> float:
    """mIoU of outputs against label maps, in 0..1."""
    return miou([score(*pair, bench.classes) for pair in zip(outputs, truths, strict=True)])


def compared(before: float, after: float, images: int, how: str = "") -> str:
    """mIoU with and without something, in words."""
    new, old = f"{100 * after:.2f} %", f"{100 * before:.2f} %"
    return f"{how}mIoU is {new}{f' instead of {old}' if new != old else ', as without it,'} on these {images} images"


def is_exact_port(bench: Bench, artifact: Artifact) -> bool:
    """Whether the artifact gives what PyTorch gives, up to rounding."""
    both = list(zip(bench.seen, bench.expected, strict=True))
    if not bench.is_exact_type:
        limit = EXACT_ROUNDED.get(artifact.precision, EXACT_ROUNDED["fp16"])
        lost = figure(bench, bench.expected, bench.truths) - figure(bench, bench.seen, bench.truths)
        return differing_labels(bench) <= limit and abs(lost) <= tolerance(bench)
    if any(isinstance(module, nn.MaxUnpool2d) for module in network_of(bench).modules()):
        return float(np.mean([distance(*pair) for pair in both])) <= EXACT_UNPOOLING
    tolerances = bench.subject.deliverable.tolerances if artifact.backend == DEFAULT else None
    return all(is_rounding(*pair, tolerances) for pair in both)


def is_rounding(seen: Output, expected: Output, tolerances: Tolerances | None) -> bool:
    """Whether one image's results differ by no more than rounding of float32; by labels alone without tolerances."""
    if tolerances is None or seen.logits is None or expected.logits is None:
        return label_distance(seen, expected) <= EXACT_LABELS
    limit = max(tolerances.logits, tolerances.logits_relative * float(np.abs(expected.logits).max()))
    return bool(np.abs(seen.logits - expected.logits).max() <= limit)


def differing_labels(bench: Bench) -> float:
    """Share of the labels that are not PyTorch's, in 0..1."""
    return float(np.mean([label_distance(*pair) for pair in zip(bench.seen, bench.expected, strict=True)]))


def agreement_in_words(bench: Bench, *, is_exact: bool) -> str:
    share = 100 * differing_labels(bench)
    if is_exact:
        words = "" if bench.is_exact_type else ", up to rounding"
        return f"the port is exact{words}: {100 - share:.4f} % of the labels are PyTorch's, for the same input"
    return f"for the same input the artifact differs from PyTorch in {share:.4f} % of the labels"


def name_difference(bench: Bench, artifact: Artifact, ranking: Ranking) -> Finding | None:
    """The cause of the difference to PyTorch."""
    if (row := ranking.best) is not None:
        figures = compared(*row.miou, row.images)
        if row.ran == "artifact":
            sentence = f"with {row.name} {figures}, and the output is PyTorch's: the artifact was built for {row.name}"
        else:
            left = f"{100 * row.left:.2g} % of the difference is left"
            sentence = f"the artifact has this fault: {row.name}. PyTorch with it gives the same ({left}); {figures}"
        return Finding(cause=row.name, sentence=sentence)
    if ranking.rivals:
        return undecided(ranking)
    if (finding := pairs.by_difference(bench, ranking.rows)) is not None:
        return finding
    if bench.left_out:  # one of these may be the cause, and would change the weights, too
        return None
    path = onnx_of(bench.subject, artifact)
    return constants.compare(path, network_of(bench)) if path is not None else None


def undecided(ranking: Ranking) -> Finding:
    names = [row.name for row in ranking.rivals]
    sentence = f"one of these is the cause, but these images do not tell them apart: {format_list(names)}"
    return Finding(cause=" or ".join(names), sentence=sentence)


def name_loss(ranking: Ranking, *, is_exact: bool) -> Finding | None:
    """The cause of an mIoU that is too low."""
    if (row := ranking.best) is None:
        return undecided(ranking) if ranking.rivals else None
    figures = compared(*row.miou, row.images)
    if row.name in INPUT_NAMES or row.name.startswith("the crop"):
        who = f"the artifact was built for {row.name}"
        if is_exact:
            who = "the port is exact: either the checkpoint was trained so, or the photographs here are wrong by this"
        return Finding(cause=row.name, sentence=f"with {row.name} {figures}: {who}")
    if row.name in NETWORK_NAMES:
        return Finding(cause=row.name, sentence=f"with {row.name} {figures}: the checkpoint was trained so")
    if row.name in TRUTH_NAMES:
        return Finding(cause=row.name, sentence=f"with {row.name} {figures}: the label maps are encoded so")
    who = "the artifact gives its output so"
    if is_exact:
        who = "the port is exact: either the checkpoint gives its output so, or the label maps here are wrong by this"
    return Finding(cause=row.name, sentence=f"with {row.name} {figures}: {who}")


def suspects(bench: Bench) -> list[str]:
    """What speaks for the data, and what for the checkpoint, if the port is exact."""
    if bench.run is None or len(bench.run.images) < 4:
        return []
    by_image = np.array([segmentation.miou(matrix, "skip") for matrix in bench.run.matrices])
    low = np.flatnonzero(by_image < 0.5 * np.nanmedian(by_image))
    if len(low) and len(low) <= len(by_image) // 4:
        names = format_list([bench.run.images[index] for index in low], first=3)
        return [
            f"{len(low)} of {len(by_image)} images have less than half of the median's mIoU ({names}): look at data"
        ]
    return ["all images are about equally affected: this speaks for the checkpoint, or for how the data were made"]
