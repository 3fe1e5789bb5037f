"""Compile one ONNX file to one ``.om``, by atc, or by aoe, which also tunes it."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from enet.ascend import aipp, aoe, atc
from enet.ascend.devices import soc_version
from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.model.onnx_file import input_of, load_graph
from enet.storage.files import hash_file, write_text

InputKind = Literal["float", "uint8"]


@dataclass(frozen=True, kw_only=True)
class CompiledOm:
    """The compiled file, and what the tool reported.

    Attributes:
        input: input format.
        warnings: of atc.
        improvements: of each job of aoe, in percent; None if aoe reports no value.
        bank: folder of aoe's knowledge bank; None if it was not tuned.
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
            gained = ", ".join("not reported" if each is None else f"{each:g} %" for each in self.improvements)
            about += f", tuned by aoe (improvement {gained}); knowledge bank: {self.bank}"
        return "\n".join([about, *(f"warning: {each}" for each in self.warnings)])

    def to_json(self) -> dict[str, Any]:
        bank = None if self.bank is None else str(self.bank)
        return {**asdict(self), "om": str(self.om), "bank": bank, "sha256": hash_file(self.om)}


def compile_onnx(
    model: Path,
    output: Path,
    batch_sizes: tuple[int, ...],
    spec: Deliverable,
    kind: InputKind,
    target: Target,
    *,
    expected: tuple[str, tuple[int, ...]] | None = None,
    log: str = "error",
    bank: Path | None = None,
    out_nodes: tuple[str, ...] = (),
) -> CompiledOm:
    """Compile an ONNX file; tune it if the target has job types of aoe.

    Args:
        output: path of the ``.om``, with or without the suffix.
        batch_sizes: if there are several, one is chosen when the model runs.
        spec: deliverable whose mean and std AIPP applies to "uint8" input.
        kind: input format of the ``.om``.
        expected: name and shape of the input, with its batch axis, that the user states.
        log: what the tool logs.
        bank: folder of aoe's knowledge bank (default: beside the output).
        out_nodes: as in ``atc.Conversion``.
    Raises:
        InputError: the ONNX file cannot be used.
        BackendUnavailable: a tool is missing.
        ToolFailed: atc or aoe failed.
    """
    dtype, shape = input_of(model)
    if dtype.name != "float32" or len(shape) != 3:
        raise InputError(f"{model}: input {dtype} {list(shape)}, expected float32 images. Export it with --input float")
    name = load_graph(model).graph.input[0].name
    if expected is not None and (name, shape) != (expected[0], expected[1][1:]):
        seen, stated = (f"{of} {list(sides)}" for of, sides in ((name, shape), (expected[0], expected[1][1:])))
        raise InputError(f"{model}: an image of the input is {seen}, but of --input-shape {stated}. Correct it")
    width, height = spec.preprocessing.size
    if kind == "uint8" and shape[1:] != (height, width):
        seen, wanted = f"{shape[2]}x{shape[1]}", f"{width}x{height}"
        raise InputError(f"{model}: input {seen}, expected {wanted} for {spec.name}. Choose another --deliverable")
    stem = output.with_suffix("") if output.suffix == ".om" else output
    with tempfile.TemporaryDirectory() as folder:
        conversion = atc.Conversion(
            model=model,
            output=stem,
            soc_version=soc_version(target),
            shape=(shape[0], shape[1], shape[2]),
            batch_sizes=batch_sizes,
            input_name=name,
            log=log,
            precision_mode=target.precision_mode,
            out_nodes=out_nodes,
            aipp=Path(folder) / "aipp.cfg" if kind == "uint8" else None,
        )
        if conversion.aipp is not None:
            write_text(conversion.aipp, aipp.config(spec.preprocessing))
        compiled = CompiledOm(soc_version=conversion.soc_version, batch_sizes=batch_sizes, input=kind)
        if target.tuning:
            bank = bank or stem.with_name(f"{stem.name}_bank")
            tuned, improvements = aoe.tune(aoe.Tuning(conversion, target.tuning, bank, target.devices[0]))
            return replace(compiled, om=tuned, improvements=improvements, bank=bank)
        converted, warnings = atc.convert(conversion)
        return replace(compiled, om=converted, warnings=tuple(map(str, warnings)))
