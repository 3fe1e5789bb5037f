"""One ONNX file to one ``.om``, for those who go step by step; the ``ascend`` backend does it by itself."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from enet.ascend import aipp, aoe, atc, npu_smi
from enet.ascend.devices import chip
from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.model.onnx_file import input_of
from enet.storage.files import hash_file, write_text


@dataclass(frozen=True, kw_only=True)
class CompiledOm:
    """What was made.

    ``improvements`` are aoe's, in percent, None where it tells none; ``bank`` is the folder of what it learnt.
    """

    om: Path = Path()
    soc_version: str
    batch_sizes: tuple[int, ...]
    input: str
    warnings: tuple[str, ...] = ()
    improvements: tuple[float | None, ...] = ()
    bank: Path | None = None

    def __str__(self) -> str:
        about = f"{self.om}: {self.soc_version}, batch {', '.join(map(str, self.batch_sizes))}, {self.input} input"
        if self.bank is not None:
            gained = ", ".join("not told" if each is None else f"{each:g} %" for each in self.improvements)
            about += f", tuned by aoe (improvement {gained}); what it learnt is in {self.bank}"
        return "\n".join([about, *(f"warning: {each}" for each in self.warnings)])

    def to_json(self) -> dict[str, Any]:
        bank = None if self.bank is None else str(self.bank)
        return {**asdict(self), "om": str(self.om), "bank": bank, "sha256": hash_file(self.om)}


def compile_file(
    model: Path,
    output: Path,
    sizes: tuple[int, ...],
    spec: Deliverable,
    kind: Literal["float", "uint8"],
    target: Target,
) -> CompiledOm:
    """Compile or tune.

    Args:
        output: path of the ``.om``, with or without the suffix.
        sizes: batch sizes; with several, one is chosen when the model runs.
        spec: whose mean and std AIPP applies for "uint8".
    Raises:
        InputError: the ONNX can't be used, or not so.
        BackendUnavailable: a tool is missing.
        ToolFailed: atc or aoe refused.
    """
    dtype, shape = input_of(model)
    if dtype.name != "float32" or len(shape) != 3:
        raise InputError(f"{model}: takes {dtype} {list(shape)}, but should take float32 images. Export --input float")
    if kind == "uint8" and (shape[2], shape[1]) != spec.preprocessing.size:
        width, height = spec.preprocessing.size
        raise InputError(f"{model}: takes {shape[2]}x{shape[1]}, but deliverable {spec.name} has {width}x{height}")
    soc_version = target.soc_version or npu_smi.soc_version(chip(target))
    stem = output.with_suffix("") if output.suffix == ".om" else output
    with tempfile.TemporaryDirectory() as folder:
        insert = Path(folder) / "aipp.cfg" if kind == "uint8" else None
        if insert:
            write_text(insert, aipp.config(spec.preprocessing))
        conversion = atc.Conversion(
            model=model,
            output=stem,
            soc_version=soc_version,
            shape=(shape[0], shape[1], shape[2]),
            batch_size=sizes[0] if len(sizes) == 1 else 0,
            profiles=sizes if len(sizes) > 1 else (),
            precision_mode=target.precision_mode,
            aipp=insert,
        )
        made = CompiledOm(soc_version=soc_version, batch_sizes=sizes, input=kind)
        if target.tuning:
            bank = stem.with_name(f"{stem.name}_bank")
            tuned = aoe.tune(
                aoe.Tuning(conversion=conversion, job_types=target.tuning, bank=bank, device=target.devices[0])
            )
            return replace(made, om=tuned.om, improvements=tuple(tuned.improvements), bank=bank)
        compiled = atc.convert(conversion)
        return replace(made, om=compiled.om, warnings=tuple(map(str, compiled.warnings)))
