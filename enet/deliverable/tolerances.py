"""Limits of the gates, and the loosest ones that are accepted."""

from __future__ import annotations

from dataclasses import dataclass

from enet.deliverable.toml_reader import expect


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Limits of the gates."""

    #: mIoU of artifact against reference, relative, both sides.
    miou_relative: float = 0.01
    #: Largest loss of IoU (0..1) of a single class, artifact against PyTorch.
    class_iou: float = 0.05
    #: Smallest fraction of equal pixels of two runs that must agree, over all images.
    label_agreement: float = 0.9999
    #: The same for the worst image.
    image_agreement: float = 0.999
    #: Largest difference of mIoU (0..1) between batch sizes.
    batch_miou: float = 1e-4
    #: Largest absolute difference of logits, ONNX against PyTorch.
    logits: float = 1e-4
    #: The same as a fraction of the image's largest logit; the larger of both limits holds. float32 rounds sums in
    #: proportion to their size; the default is that of torch.testing.assert_close for float32.
    logits_relative: float = 1.3e-6
    #: Images/s on this host, artifact over PyTorch, in the same run.
    speedup: float = 1.2
    #: Largest loss of that factor against an earlier run, as a fraction.
    slowdown: float = 0.1
    #: Images/s of an INT8 artifact over the fastest float32 one, in the same run.
    int8_speedup: float = 1.5

    def __post_init__(self) -> None:
        for name, loosest in LOOSEST.items():
            value = getattr(self, name)
            if is_upper_limit(name):
                expect(self, name, 0 < value <= loosest, f"above 0 and at most {loosest:g}")
            else:
                most = 1 if loosest < 1 else 1000
                expect(self, name, loosest <= value <= most, f"{loosest:g}..{most}")

    @property
    def looser(self) -> list[str]:
        """Names of the limits that are looser than the defaults."""
        sides = {name: (getattr(self, name), getattr(Tolerances, name)) for name in LOOSEST}
        return [
            name for name, (own, default) in sides.items() if (own > default if is_upper_limit(name) else own < default)
        ]


#: Loosest accepted limits. A network within these is still the stated one: half a percent of other labels, a class that
#: has lost a fifth of its IoU, would be seen at once. Limits looser than the defaults are named in the conclusion.
LOOSEST = {
    "miou_relative": 0.05,
    "class_iou": 0.2,
    "label_agreement": 0.995,
    "image_agreement": 0.98,
    "batch_miou": 0.01,
    "logits": 0.01,
    "logits_relative": 1e-4,
    "speedup": 1.0,
    "slowdown": 0.5,
    "int8_speedup": 1.0,
}


def is_upper_limit(name: str) -> bool:
    """Whether a larger value of a tolerance accepts more."""
    return LOOSEST[name] > float(getattr(Tolerances, name))
