"""Driver of atc, which compiles an ONNX file to a ``.om`` for one kind of chip."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from enet.ascend import tool
from enet.errors import InputError, format_list
from enet.storage.files import make_folder

#: Values of ``--precision_mode``; the first is what atc does if nothing is said.
PRECISION_MODES = (
    "force_fp16",
    "force_fp32",
    "cube_fp16in_fp32out",
    "allow_mix_precision",
    "allow_fp32_to_fp16",
    "must_keep_origin_dtype",
    "allow_mix_precision_fp16",
    "allow_mix_precision_bf16",
    "allow_fp32_to_bf16",
)

#: ``--framework`` of ONNX.
ONNX = 5

#: How many batch sizes ``--dynamic_batch_size`` takes, and the largest of them.
PROFILES, LARGEST_PROFILE = (2, 100), 2048

#: Begins a message: E10001, EZ3003, EC0010, W11001, each followed by a colon; CANN 8 puts process and time behind it.
CODE = re.compile(r"^(?P<code>[EW][A-Z]{0,2}\d{4,5}):\s*(?:\[PID: \d+\]\s*[\d.:-]+\s*)?(?P<text>.*)$")

SUCCESS = "ATC run success"


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What is compiled, and how.

    Args:
        model: the ONNX file.
        output: path of the ``.om`` without the suffix, which atc always appends.
        shape: of one image as the ONNX has it: channels, height, width.
        batch_size: of the ``.om``; 0 with ``profiles``.
        profiles: batch sizes to choose from when it runs, in place of one.
        aipp: configuration file; the ``.om`` then takes uint8 (N, H, W, 3).
        output_type: such as "FP16"; None: as in the ONNX.
        bank: folder of what aoe learnt, for subgraphs.
    """

    model: Path
    output: Path
    soc_version: str
    shape: tuple[int, int, int]
    batch_size: int = 0
    profiles: tuple[int, ...] = ()
    input_name: str = "image"
    precision_mode: str = PRECISION_MODES[0]
    op_precision_mode: Path | None = None
    aipp: Path | None = None
    output_type: str | None = None
    bank: Path | None = None
    log: str = "error"

    def __post_init__(self) -> None:
        if self.output.suffix == ".om":
            raise InputError(f"{self.output}: atc appends .om itself. Give the name without it")
        if self.precision_mode not in PRECISION_MODES:
            known = ", ".join(PRECISION_MODES)
            raise InputError(f"precision_mode={self.precision_mode!r}, but should be one of {known}")
        if bool(self.batch_size) == bool(self.profiles):
            raise InputError("give either one batch size or several to choose from when it runs")
        low, high = PROFILES
        if self.profiles and not (
            low <= len(set(self.profiles)) == len(self.profiles) <= high
            and all(1 <= size <= LARGEST_PROFILE for size in self.profiles)
        ):
            raise InputError(
                f"batch sizes {', '.join(map(str, self.profiles))}, but should be {low} to {high} different ones in "
                f"1..{LARGEST_PROFILE}"
            )

    @property
    def input_shape(self) -> str:
        """As atc and aoe take it."""
        return f"{self.input_name}:{','.join(map(str, (self.batch_size or -1, *self.shape)))}"


@dataclass(frozen=True)
class Message:
    """One of atc's messages, in its own words."""

    code: str
    text: str
    cause: str = ""
    solution: str = ""

    def __str__(self) -> str:
        parts = [f"{self.code}: {self.text}"]
        parts += [f"cause: {self.cause}"] if self.cause else []
        parts += [f"solution: {self.solution}"] if self.solution else []
        return "; ".join(parts)


@dataclass(frozen=True)
class AtcResult:
    """The ``.om``, and what atc warned of."""

    om: Path
    warnings: tuple[Message, ...] = ()


def command(conversion: Conversion) -> list[str]:
    """atc's command line, without what it would do anyway."""
    options: dict[str, object] = {
        "framework": ONNX,
        "model": conversion.model,
        "output": conversion.output,
        "input_format": "NCHW",
        "input_shape": conversion.input_shape,
        "log": conversion.log,
        "soc_version": conversion.soc_version,
    }
    if conversion.profiles:
        options["dynamic_batch_size"] = ",".join(map(str, conversion.profiles))
    if conversion.precision_mode != PRECISION_MODES[0]:
        options["precision_mode"] = conversion.precision_mode
    optional = {
        "op_precision_mode": conversion.op_precision_mode,
        "insert_op_conf": conversion.aipp,
        "output_type": conversion.output_type,
        "mdl_bank_path": conversion.bank,
    }
    options |= {name: value for name, value in optional.items() if value is not None}
    return ["atc", *(f"--{name}={value}" for name, value in options.items())]


def convert(conversion: Conversion) -> AtcResult:
    """Compile. The ``.om`` is written aside and moved into place, so an older file is never taken for the result.

    Raises:
        BackendUnavailable: atc or a library that it needs is missing.
        ToolFailed: atc refused, with its own code, cause and solution; or left no ``.om``.
    """
    tool.find("atc")
    make_folder(conversion.output.parent)
    with tempfile.TemporaryDirectory(dir=conversion.output.parent, prefix=".atc") as folder:
        aside = Path(folder).resolve() / conversion.output.name
        # atc works, and leaves what it leaves, in the current folder: hence absolute paths.
        finished = tool.run(command(absolute(conversion, aside)), cwd=Path(folder))
        if finished.code != 0 or SUCCESS not in finished.output:
            raise finished.failure(failure_reason(finished.output))
        return AtcResult(moved(Path(folder), conversion.output, finished), tuple(warnings(finished.output)))


def absolute(conversion: Conversion, output: Path) -> Conversion:
    """The same with absolute paths, and another output."""
    from dataclasses import replace

    def full(path: Path | None) -> Path | None:
        return None if path is None else path.resolve()

    return replace(
        conversion,
        model=conversion.model.resolve(),
        output=output,
        aipp=full(conversion.aipp),
        op_precision_mode=full(conversion.op_precision_mode),
        bank=full(conversion.bank),
    )


def moved(folder: Path, output: Path, finished: tool.Finished) -> Path:
    """Move the one ``.om`` below a folder to where it was asked for.

    Where operators' libraries are packed into the model, the tool puts ``_<os>_<architecture>`` behind the name; that
    is kept.

    Raises:
        ToolFailed: there is none, or an empty one.
    """
    found = [path for path in folder.glob(f"{output.name}*.om") if path.stat().st_size]
    if not found:
        raise finished.failure("it claims success, but left no .om")
    newest = max(found, key=lambda path: path.stat().st_mtime_ns)
    target = output.with_name(newest.name)
    newest.replace(target)
    return target


def messages(output: str) -> list[Message]:
    """All messages in what a tool printed, warnings too; the trace below a message is left out."""
    found: list[dict[str, str]] = []
    part = ""
    for raw in output.splitlines():
        line = raw.strip()
        if start := CODE.match(line):
            found.append({"code": start["code"], "text": start["text"].strip(), "cause": "", "solution": ""})
            part = "text"
        elif line.startswith("TraceBack") or not line:
            part = ""
        elif not found:
            continue
        elif line.startswith("Possible Cause:"):
            part = "cause"
            found[-1][part] = line.removeprefix("Possible Cause:").strip()
        elif line.startswith("Solution:"):
            part = "solution"
            found[-1][part] = line.removeprefix("Solution:").strip()
        elif part and raw[:1].isspace():  # goes on on the next line
            found[-1][part] = f"{found[-1][part]} {line}".strip()
        else:
            part = ""
    return [Message(**each) for each in found]


def warnings(output: str) -> list[Message]:
    """The messages that don't stop it."""
    return [message for message in messages(output) if message.code.startswith("W")]


def failure_reason(output: str) -> str:
    """Why it failed, in its own words: its error messages, or else the last line it printed."""
    errors = [str(message) for message in messages(output) if not message.code.startswith("W")]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return format_list(list(dict.fromkeys(errors)), first=3) or (lines[-1] if lines else "it printed nothing")
