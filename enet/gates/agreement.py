"""Gate of an artifact's label maps against PyTorch's, or the delivered ONNX's: image by image, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enet.backends import DEFAULT, DEVICE_BACKENDS, REFERENCE
from enet.evidence import RECORDED, Agreement, Provenance
from enet.gates.base import Check, Verdict, decide, first_reason, missing_images, no_evidence, reference_name
from enet.gates.relation import relation_problem


@dataclass(frozen=True)
class Figure:
    """One figure of ``Agreement.shares``, as it is shown.

    Attributes:
        unit: of the shown value, which is ``scale`` times the figure.
        words: before its value.
    """

    unit: str
    scale: float
    words: str


FIGURES = {
    "far": Figure("%", 100, "pixels with a label that PyTorch gives nowhere within one pixel"),
    "border": Figure("%", 100, "differing pixels of PyTorch's borders"),
    "moved": Figure("px", 1, "borders moved in one direction by"),
    "lost": Figure("%", 100, "differing pixels of one class"),
    "certain": Figure("%", 100, "differing pixels that PyTorch is certain of"),
    "pixel": Figure("%", 100, "images with another label at one same place"),
    "line": Figure("%", 100, "edges between two rows or columns that one of them has lost to the other"),
    "gain": Figure("%", 100, "a class has grown or shrunk by"),
    "class moved": Figure("px", 1, "borders of a class moved in one direction by"),
}

#: Largest accepted figures, of each image and over all, in the units of ``FIGURES``. They are not a deliverable's to
#: choose: rounding of a precision is what it is. docs/design.md has what was measured for the included networks: the
#: limits are 3 times that and more, for INT8's border pixels and lost class 1.7 times, for its figures of lines and
#: classes over all images 1.4 times. A map that is moved by one pixel differs at 28 % of the border pixels or more and
#: has moved by 0.7 px or more.
EACH = {
    "fp32": {"far": 0.01, "border": 0.5, "moved": 0.02, "lost": 5.0},
    "fp16": {"far": 0.05, "border": 4.0, "moved": 0.05, "lost": 10.0},
    "int8": {"far": 3.0, "border": 40.0, "moved": 0.25, "lost": 90.0, "certain": 0.02},
}
OVER_ALL = {
    "fp32": {
        "far": 0.001, "border": 0.05, "moved": 0.005,
        "pixel": 20.0, "line": 10.0, "gain": 0.1, "class moved": 0.01,
    },
    "fp16": {
        "far": 0.01, "border": 2.0, "moved": 0.01,
        "pixel": 30.0, "line": 20.0, "gain": 1.0, "class moved": 0.02,
    },
    "int8": {
        "far": 1.0, "border": 25.0, "moved": 0.06, "certain": 0.002,
        "pixel": 50.0, "line": 70.0, "gain": 6.0, "class moved": 0.15,
    },
}  # fmt: skip

#: Figures over all images that each class has.
OF_A_CLASS = ("gain", "class moved")


def rounding(provenance: Provenance) -> str:
    """Precision whose rounding is accepted. A device computes in float16 unless its artifact says more."""
    on_device = provenance.backend in (RECORDED, *DEVICE_BACKENDS)
    return "fp16" if on_device and provenance.precision == "fp32" else provenance.precision


def agreement(evidence: Agreement) -> Verdict:
    """No image's labels differ from PyTorch's, or the delivered ONNX's, by more than the artifact's precision explains.

    Rounding moves borders between classes a little, both ways. It gives no label that PyTorch gives nowhere near, does
    not move all borders in one direction, and does not do the same at one place or to one class in all images.
    """
    references = (REFERENCE, DEFAULT) if evidence.second.delivered else (REFERENCE,)
    other = f"compared with {evidence.second.backend}, expected {' or '.join(references)}"
    problem = relation_problem([evidence.first, evidence.second]) or first_reason(
        (evidence.second.backend not in references, other),
        (evidence.pixels_per_image < 1 or not evidence.images, "no pixel was compared"),
    )
    if problem:
        return no_evidence("agreement", problem)
    precision = rounding(evidence.first)
    if "certain" in EACH[precision] and not evidence.has_certain:
        return no_evidence("agreement", "which pixels PyTorch is certain of was not measured")
    found = []
    for name, limit in EACH[precision].items():
        shares = evidence.shares()[name]
        worst = int(np.argmax(shares))
        lost = f" ({evidence.classes[evidence.counts[worst].lost_class]})" if name == "lost" else ""
        found.append((evidence.images[worst] + lost, name, float(shares[worst]), limit))
    over_all = evidence.shares(over_all=True)
    for name, limit in OVER_ALL[precision].items():
        shares = over_all[name]
        worst = int(np.argmax(shares))
        of_class = f" ({evidence.classes[worst]})" if name in OF_A_CLASS else ""
        found.append((f"all images{of_class}", name, float(shares[worst]), limit))
    checks, failed = [], []
    for where, name, share, limit in found:
        figure = FIGURES[name]
        check = Check(measured=figure.scale * share, unit=figure.unit, high=limit)
        checks.append(check)
        if not check.ok:
            failed.append(f"{where}: {figure.words} {check.measured:.4g} {figure.unit}, expected at most {limit:g}")
    sentence = f"{100 * evidence.pixel_agreement:.6g} % of pixels agree with {reference_name(evidence.second)}"
    sentence += f"; {'; '.join(failed)}" if failed else f", the others within what {precision} rounds"
    numbers = {"agreement": evidence.pixel_agreement}
    limited = evidence.first.limited or evidence.second.limited
    missing_part = missing_images(evidence.images, evidence.images_expected, limited)
    return decide("agreement", checks, sentence, missing_part, numbers=numbers)
