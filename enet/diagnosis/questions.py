"""Cheap questions that come before any hypothesis: about counts, single images, and the suite's own steps."""

from __future__ import annotations

import numpy as np

from enet.datasets.preprocess import Normalise, resize_labels
from enet.diagnosis.bench import Bench
from enet.diagnosis.hypotheses import PIXELS, SCORING, TRUTH, VALUES
from enet.diagnosis.outputs import Output, distance, label_distance, miou, score
from enet.diagnosis.recipe import Pixels, normalise
from enet.diagnosis.result import Finding
from enet.errors import format_list
from enet.metrics.segmentation import confusion_matrix
from enet.storage.files import hash_file

#: The cause, if no hypothesis explains it, where most images have a single class: often the range of the input.
ONE_CLASS = "one class everywhere"
#: A hypothesis about files or inputs explains a difference if it leaves at most this share of it, ...
LARGEST_LEFT = 0.1
#: Label maps of so many other images of the split are compared with a prediction, at every fourth pixel.
MOST_LABELS, STEP = 200, 4
#: Images in a batch whose rows are compared, and how far logits may be apart from those of the image alone.
MOST_ROWS, SAME_ROW, SAME_ROW_ROUNDED = 4, 1e-4, 0.05
#: A prediction that fits another image's label map by so much mIoU more than its own belongs to that image.
CLEARLY_BETTER = 0.15


def count_images(bench: Bench) -> Finding | None:
    """Images are missing, or are copies of others."""
    subject, count = bench.subject, len(bench.source.names)
    expected = subject.deliverable.dataset.images
    if subject.limit is None and count != expected:
        which = "images missing" if count < expected else "images added"
        sentence = f"{which}: the split has {count} images, but the deliverable's figures are of {expected}"
        return Finding(cause=which, sentence=sentence)
    if copies := subject.duplicate_images:
        sentence = f"{copies} of {count} images have the pixels of another image: they count twice"
        return Finding(cause="images duplicated", sentence=sentence)
    return None


def compare_hashes(bench: Bench) -> list[str]:
    """Whether checkpoint and data set are those that the deliverable names, in words."""
    spec, facts = bench.subject.deliverable, []
    if spec.network.sha256 and bench.subject.has_weights:
        same = spec.network.sha256 == hash_file(bench.subject.weights)
        facts.append(f"the checkpoint is {'the one' if same else 'another than the one'} that the deliverable names")
    if spec.dataset.sha256 and bench.subject.limit is None:
        same = spec.dataset.sha256 == bench.subject.dataset_sha256
        facts.append(f"the data are {'those' if same else 'others than those'} that the deliverable names")
    return facts


def left_of(before: float, after: float) -> float:
    return after / before if before else 1.0


def closest(found: dict[str, float]) -> str:
    """The name of what leaves least, if it leaves little and far less than the next; else empty."""
    order = sorted(found, key=lambda name: found[name])
    if not order or found[order[0]] > LARGEST_LEFT:
        return ""
    return order[0] if len(order) == 1 or found[order[0]] <= 0.5 * found[order[1]] else ""


def compare_preprocessing(bench: Bench) -> tuple[str, str]:
    """What this suite's own preprocessing does, compared with the reference recipe.

    Returns:
        Which of its steps differs, in words, and how; the first is empty if none does.
    """
    spec = bench.subject.deliverable.preprocessing
    loaded = [bench.source.load(photo.index) for photo in bench.photos]
    images = np.stack([image for image, _ in loaded])
    if not np.array_equal(images, bench.pixels):
        return "input", name_pixels(bench, images)
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    ours, theirs = Normalise(spec)(ramp), normalise(ramp, spec.mean, spec.std)
    if not np.array_equal(ours, theirs):
        before = float(np.abs(ours - theirs).mean())
        left = {each.name: float(np.abs(each.change(ramp, spec) - ours).mean()) for each in VALUES}
        return "input", closest({name: left_of(before, value) for name, value in left.items()})
    labels = [label for _, label in loaded]
    differing = [differs(*pair) for pair in zip(labels, bench.truths, strict=True)]
    if sum(differing):
        left = {}
        for each in TRUTH if all(isinstance(key, int) for key in bench.label_ids) else []:
            others = [each.change(photo.label, spec, bench.label_ids) for photo in bench.photos]
            after = sum(differs(*pair) for pair in zip(labels, others, strict=True))
            left[each.name] = left_of(sum(differing), after)
        return "label maps", closest(left)
    return "", ""


def differs(one: Pixels, other: Pixels) -> float:
    """Share of differing pixels; 1 for another shape."""
    return float((one != other).mean()) if one.shape == other.shape else 1.0


def name_pixels(bench: Bench, images: Pixels) -> str:
    """The hypothesis that makes this suite's pixels of the recipe's, or of the photographs; empty if none does."""

    def apart(other: Pixels) -> float:
        return float(np.abs(images.astype(np.int16) - other).mean())

    spec, before = bench.subject.deliverable.preprocessing, apart(bench.pixels)
    shift = np.bincount((images - bench.pixels).ravel(), minlength=256).argmax().astype(np.uint8)
    found = {"uint8 overflow": left_of(before, apart(bench.pixels + shift))} if shift else {}
    for each in PIXELS:
        other = np.stack([each.change(photo.image, spec) for photo in bench.photos])
        found[each.name] = left_of(before, apart(other))
    return closest(found)


def check_outputs(bench: Bench) -> Finding | None:
    """Logits that are no numbers, images with a single class, and results that belong to other images."""
    names = [photo.name for photo in bench.photos]
    pairs = list(zip(names, bench.seen, strict=True))
    if broken := [f"{name} ({output.non_finite} values)" for name, output in pairs if output.non_finite]:
        sentence = f"logits are NaN or infinite in {format_list(broken, first=3)}: look for overflow, as of float16"
        return Finding(cause="logits not finite", sentence=sentence)
    aims = [each.labels for each in bench.expected] or bench.truths
    constant = [
        name
        for (name, output), aim in zip(pairs, aims, strict=True)
        if len(np.unique(output.labels)) == 1 and len(np.unique(aim[aim != 255])) > 2
    ]
    if constant:
        sentence = f"the artifact gives a single class everywhere in {format_list(constant, first=3)}"
        cause = ONE_CLASS if 2 * len(constant) > len(names) > 1 else "one image constant"
        return Finding(cause=cause, sentence=f"{sentence} ({len(constant)} of {len(names)} images)")
    if bench.expected and (moved := moved_results(bench.seen, bench.expected)):
        which = format_list([f"{names[row]} gets that of {names[other]}" for row, other in moved.items()], first=3)
        is_previous = len(moved) > 1 and all(other == row - 1 for row, other in moved.items() if row)
        cause = "result of the previous call" if is_previous else "results of other images"
        return Finding(cause=cause, sentence=f"{cause}: {which} ({len(moved)} of {len(names)} images)")
    return None


def moved_results(seen: list[Output], expected: list[Output]) -> dict[int, int]:
    """For each result that is another image's: which image's."""
    moved = {}
    for row, output in enumerate(seen):
        apart = [label_distance(output, other) for other in expected]
        nearest = int(np.argmin(apart))
        if nearest != row and apart[row] > 0.01 and apart[nearest] <= 0.5 * apart[row]:
            moved[row] = nearest
    return moved


def check_rows(bench: Bench) -> Finding | None:
    """Rows of a batch whose result is not that of the same image alone."""
    size, count = bench.artifact.batch_size, min(MOST_ROWS, len(bench.photos))
    if size == 1 or count < 2:
        return None
    alone = [bench.run_artifact(bench.pixels[[row]])[0] for row in range(count)]
    if any(label_distance(*pair) > 0.01 for pair in zip(alone, bench.expected, strict=False)):
        return None  # not a matter of rows
    full, tail = np.resize(np.arange(count), size), np.arange(min(size - 1, count))
    for what, rows in (("a full batch", full), ("a batch that is not full", tail)):
        results = bench.run_artifact(bench.pixels[rows])
        limit = SAME_ROW if bench.is_exact_type else SAME_ROW_ROUNDED
        wrong = [row for row, photo in enumerate(rows) if not distance(results[row], alone[photo]) <= limit]
        if wrong:
            nearest = [int(np.argmin([distance(result, other) for other in alone])) for result in results]
            cause = name_rows(rows.tolist(), wrong, nearest, is_full=rows is full)
            words = f"in {what}, {len(wrong)} of {len(rows)} rows have another result than their image alone"
            return Finding(cause=cause, sentence=f"{cause}: {words}")
    return None


def name_rows(rows: list[int], wrong: list[int], nearest: list[int], *, is_full: bool) -> str:
    """What happened to the rows of a batch.

    Args:
        rows: the image in each row.
        wrong: rows whose result is not that of their image.
        nearest: the image whose result each row's is nearest to.
    """
    if not is_full:
        return "tail rows"
    if all(image == rows[0] for image in nearest) and any(image != rows[0] for image in rows):
        return "first row repeated"
    if wrong == [len(rows) - 1]:
        return "last row of a batch"
    return "rows permuted" if sum(nearest[row] != rows[row] for row in wrong) > len(wrong) // 2 else "rows of a batch"


def check_labels(bench: Bench) -> Finding | None:
    """Label maps that belong to other images, by how well predictions fit them."""
    outputs = bench.expected or bench.seen
    count, classes = len(bench.source.names), bench.classes
    others = sorted({*range(min(count, MOST_LABELS)), *(photo.index for photo in bench.photos)})
    truths = {index: bench.source.load(index)[1] for index in others}
    found = []
    for photo, output in zip(bench.photos, outputs, strict=True):
        small = Output(output.labels[::STEP, ::STEP])
        fits = {}
        for index, truth in truths.items():
            there = resize_labels(truth, output.labels.shape)[::STEP, ::STEP]
            fits[index] = miou([score(small, there, classes)])
        best = max(fits, key=lambda index: np.nan_to_num(fits[index]))
        if best != photo.index and fits[best] - fits[photo.index] > CLEARLY_BETTER:
            found.append(f"{photo.name} fits that of {bench.source.names[best]}")
    if not found or len(found) > len(bench.photos) // 2:  # a network that sees nothing fits no image
        return None
    sentence = f"label of another image: the prediction of {format_list(found, first=4)}, not its own label map"
    return Finding(cause="label of another image", sentence=sentence)


def check_scoring(bench: Bench) -> Finding | None:
    """The run's confusion matrices, counted again from the artifact's labels."""
    count = len(bench.source.names)
    if bench.run is None or len(bench.run.images) != count:
        return None
    classes, fitting, differing = bench.classes, {each.name for each in SCORING}, []
    for photo, output in zip(bench.photos, bench.seen, strict=True):
        _, truth = bench.source.load(photo.index)
        labels, counted = resize_labels(output.labels, truth.shape), bench.run.matrices[photo.index]
        if labels.max(initial=0) >= classes:
            return None
        if not np.array_equal(confusion_matrix(labels, truth, classes), counted):
            differing.append(photo)
        for each in SCORING:
            prediction, target = each.change(labels, truth)
            if not np.array_equal(confusion_matrix(prediction, target, classes), counted):
                fitting.discard(each.name)
    tail = count % bench.artifact.batch_size
    if differing and fitting:
        cause = min(fitting)
        sentence = f"the run was scored with {cause}: counted again, its label maps have another confusion matrix"
        return Finding(cause=cause, sentence=sentence)
    if differing and all(photo.index >= count - tail for photo in differing):
        names = format_list([photo.name for photo in differing])
        sentence = f"tail rows: of the last {tail} images, {names} had another result in the run than now"
        return Finding(cause="tail rows", sentence=sentence)
    return None
