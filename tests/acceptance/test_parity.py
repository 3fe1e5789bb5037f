"""Batch size, place in the batch and padding change nothing; ONNX computes what PyTorch computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enet.deliverable import Deliverable, IoFormat
from fixtures.accuracy_runs import Keep, RunCase
from fixtures.options import Case, FormCase, Options
from fixtures.subject import reported
from fixtures.verdicts import Judge

if TYPE_CHECKING:
    from enet.datasets.image_source import PreparedImages
    from enet.measure.subject import Subject

pytestmark = pytest.mark.accuracy


def test_batch_parity(batched_case: Case, judged: Deliverable, run: RunCase, keep: Keep, judge: Judge) -> None:
    """A large batch gives the label maps that batch 1 gives; the last, padded batch is among them."""
    from enet import gates
    from enet.measure import parity

    single, batched = run(batched_case.backend, 1), run(batched_case.backend, batched_case.batch_size)
    evidence = parity.compare_runs("batch parity", (batched.evidence, single.evidence), (batched.labels, single.labels))
    keep(f"parity-{batched_case}", evidence)
    judge(gates.parity(evidence, judged))


def test_padded_tail(
    batched_case: Case,
    judged: Deliverable,
    subject: Subject,
    prepared: PreparedImages,
    options: Options,
    run: RunCase,
    keep: Keep,
    judge: Judge,
) -> None:
    """A last batch that isn't full gives what the same images give one by one."""
    from enet import gates
    from enet.measure import parity

    size = batched_case.batch_size
    if left := len(prepared.names) % size:
        batched, single = run(batched_case.backend, size), run(batched_case.backend, 1)
        evidence = parity.compare_runs(
            "padded tail", (batched.evidence, single.evidence), (batched.labels, single.labels), last=left
        )
    elif options.recorded is not None:
        judge(gates.informational("padded_tail", f"every batch of {size} was full"))
        return
    else:  # every batch of the split was full: make one that isn't
        with reported():
            pair = (subject.artifact(batched_case.backend, size), subject.artifact(batched_case.backend, 1))
            evidence = parity.compare_artifacts("padded tail", subject, pair, prepared)
    keep(f"padded-tail-{batched_case}", evidence)
    judge(gates.parity(evidence, judged))


@pytest.mark.built
def test_equal_rows(
    batched_case: Case, judged: Deliverable, subject: Subject, prepared: PreparedImages, keep: Keep, judge: Judge
) -> None:
    """A batch of equal images gives equal rows."""
    from enet import gates
    from enet.measure import parity

    with reported():
        artifact = subject.artifact(batched_case.backend, batched_case.batch_size)
        evidence = parity.compare_rows(subject, artifact, prepared)
    keep(f"equal-rows-{batched_case}", evidence)
    judge(gates.parity(evidence, judged))


@pytest.mark.built
def test_onnx_logits(
    batch_size: int, judged: Deliverable, subject: Subject, prepared: PreparedImages, keep: Keep, judge: Judge
) -> None:
    """The exported ONNX gives PyTorch's logits, for photographs and for noise."""
    from enet import gates
    from enet.measure import parity

    with reported():
        evidence = parity.compare_onnx_logits(subject, batch_size, prepared)
    keep(f"logits-{judged.name}-bs{batch_size}", evidence)
    judge(gates.onnx_logits(evidence, judged))


@pytest.mark.built
def test_forms(
    form_case: FormCase, judged: Deliverable, subject: Subject, prepared: PreparedImages, keep: Keep, judge: Judge
) -> None:
    """Argmax or normalisation inside the graph give the labels of the plain form."""
    from enet import gates
    from enet.measure import parity

    with reported():
        changed, plain = (subject.artifact("onnxruntime", 1, form) for form in (form_case.form, IoFormat()))
        evidence = parity.compare_artifacts("forms", subject, (changed, plain), prepared)
    keep(f"forms-{form_case}", evidence)
    judge(gates.parity(evidence, judged))
