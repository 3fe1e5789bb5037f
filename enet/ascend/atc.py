"""Driver of atc, which compiles an ONNX file to a ``.om`` for one kind of chip."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from enet.ascend import tool
from enet.errors import InputError, format_list
from enet.storage.files import make_folder, write_bytes

#: Values of ``--precision_mode``; the first is atc's default.
PRECISION_MODES = (
    "force_fp16", "force_fp32", "cube_fp16in_fp32out", "allow_mix_precision", "allow_fp32_to_fp16",
    "must_keep_origin_dtype", "allow_mix_precision_fp16", "allow_mix_precision_bf16", "allow_fp32_to_bf16",
)  # fmt: skip

#: ``--framework`` of ONNX.
ONNX = 5

#: Numbers of batch sizes that ``--dynamic_batch_size`` takes, and the largest batch size.
MIN_DYNAMIC, MAX_DYNAMIC, MAX_DYNAMIC_SIZE = 2, 100, 2048

#: Process id and time, which CANN 8 writes after a code and CANN 9 before it.
STAMP = r"(?:\[PID:\s*\d+\]\s*(?:\d{4}-\d\d-\d\d[-\s][\d.:]+\s*)?)?"
#: A code: E10001, EZ3003, EC0010, W11001.
NUMBER = r"[EW][A-Z]{0,2}\d{4,5}"
#: Start of a message: a code and a colon; in CANN 9 Unsupported_Operator(EZ3002) and a colon. In the second line of an
#: inner error, a space may stand in its place, or the process, the time and the code again.
CODE = re.compile(
    rf"^{STAMP}(?:\w[\w -]{{0,80}}\((?P<named>{NUMBER})\):|(?P<plain>{NUMBER})(?::|(?=[\s\[])))"
    rf"\s*{STAMP}(?:\({NUMBER}\):\s*)?(?P<text>.*)$"
)
#: Text of the first line of an inner error, whose second line says more.
INNER = re.compile(r"Inner Error\b.*")
#: Line of a log, without where it is from: a tool's name and process, time, source file. AMCT gives its reasons so.
LOGGED = re.compile(
    r"^\[ERROR\] ?(?:\[\w+\]\[\d+\]|\w+\([^()\n]*\):[\d.:-]+ ?\[[^\]\n]*\])? ?(?P<text>\S.*)$", re.MULTILINE
)

#: Further parts of a message.
LABELS = {"Possible Cause": "cause", "Solution": "solution"}
LABEL = re.compile(f"({'|'.join(LABELS)}):\\s*(.*)$")

SUCCESS = "ATC run success"


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One compilation.

    Attributes:
        model: the ONNX file.
        output: path of the ``.om`` without the suffix, which atc always appends.
        shape: of one image in the ONNX file: channels, height, width.
        batch_sizes: of the ``.om``; if there are several, one is chosen when it runs.
        aipp: configuration file; the ``.om`` then takes uint8 (N, H, W, 3).
        out_nodes: outputs in place of the model's own, each a node's name, a colon and the place among its outputs.
    """

    model: Path
    output: Path
    soc_version: str
    shape: tuple[int, int, int]
    batch_sizes: tuple[int, ...]
    input_name: str = "image"
    precision_mode: str = PRECISION_MODES[0]
    aipp: Path | None = None
    out_nodes: tuple[str, ...] = ()
    log: str = "error"

    def __post_init__(self) -> None:
        if self.output.suffix == ".om":
            raise InputError(f"{self.output}: expected a name without .om, which atc appends")
        if self.precision_mode not in PRECISION_MODES:
            known = ", ".join(PRECISION_MODES)
            raise InputError(f"precision_mode={self.precision_mode!r}, expected one of {known}")
        sizes = self.batch_sizes
        are_several = MIN_DYNAMIC <= len(set(sizes)) == len(sizes) <= MAX_DYNAMIC
        if len(sizes) != 1 and not (are_several and all(1 <= size <= MAX_DYNAMIC_SIZE for size in sizes)):
            seen, several = ", ".join(map(str, sizes)) or "none", f"{MIN_DYNAMIC} to {MAX_DYNAMIC} different ones"
            raise InputError(f"batch sizes {seen}, expected one, or {several} in 1..{MAX_DYNAMIC_SIZE}")

    @property
    def input_shape(self) -> str:
        """``--input_shape`` of atc and aoe."""
        batch = self.batch_sizes[0] if len(self.batch_sizes) == 1 else -1
        return f"{self.input_name}:{','.join(map(str, (batch, *self.shape)))}"

    def options(self, output: Path, **more: object) -> dict[str, object]:
        """Options that atc and aoe share, without those that have their default value, and ``more``."""
        options = {"framework": ONNX, "model": self.model, "output": output, **more}
        options |= {"input_shape": self.input_shape, "log": self.log}
        if self.precision_mode != PRECISION_MODES[0]:
            options["precision_mode"] = self.precision_mode
        if self.aipp is not None:
            options["insert_op_conf"] = self.aipp
        return options


@dataclass(frozen=True)
class Message:
    """One of atc's messages, in its own words."""

    code: str
    text: str
    cause: str = ""
    solution: str = ""

    def __str__(self) -> str:
        parts = {"cause": self.cause, "solution": self.solution}
        return "; ".join([f"{self.code}: {self.text}", *(f"{name}: {text}" for name, text in parts.items() if text)])


def command(conversion: Conversion) -> list[str]:
    """Command line of atc."""
    options = conversion.options(conversion.output, input_format="NCHW") | {"soc_version": conversion.soc_version}
    if len(conversion.batch_sizes) > 1:
        options["dynamic_batch_size"] = ",".join(map(str, conversion.batch_sizes))
    if conversion.out_nodes:
        options["out_nodes"] = ";".join(conversion.out_nodes)
    return ["atc", *(f"--{name}={value}" for name, value in options.items())]


def convert(conversion: Conversion) -> tuple[Path, list[Message]]:
    """Compile in a temporary folder and move the ``.om`` into place, so that an older file is never taken for it.

    Returns:
        The ``.om`` and atc's warnings.
    Raises:
        BackendUnavailable: atc or a library that it needs is missing.
        ToolFailed: atc failed, with its own code, cause and solution; or wrote no ``.om``.
    """
    tool.require("atc")
    make_folder(conversion.output.parent)
    with tempfile.TemporaryDirectory(dir=conversion.output.parent, prefix=".atc") as name:
        folder = Path(name).resolve()  # atc writes files into the current folder, hence absolute paths
        finished = tool.run(command(with_absolute_paths(conversion, folder / conversion.output.name)), cwd=folder)
        if finished.code != 0 or SUCCESS not in finished.output:
            raise finished.failure(failure_reason(finished.output))
        warnings = [message for message in parse_messages(finished.output) if message.code.startswith("W")]
        return move_om(folder, conversion.output, finished), warnings


def with_absolute_paths(conversion: Conversion, output: Path) -> Conversion:
    """Return the same conversion with absolute paths and another output."""
    config = None if conversion.aipp is None else conversion.aipp.resolve()
    return replace(conversion, model=conversion.model.resolve(), output=output, aipp=config)


def move_om(folder: Path, output: Path, finished: tool.Finished) -> Path:
    """Move the newest ``.om`` in a folder to ``output``.

    If the libraries of operators are packed into the model, the tool appends ``_<os>_<architecture>`` to the name; this
    suffix is kept.

    Raises:
        ToolFailed: there is none, or it is empty.
    """
    found = [path for path in folder.glob(f"{output.name}*.om") if path.stat().st_size]
    if not found:
        raise finished.failure("it reported success, but wrote no .om")
    newest = max(found, key=lambda path: path.stat().st_mtime_ns)
    target = output.with_name(newest.name)
    write_bytes(target, newest.read_bytes())  # a link, a device or a mounted file stays what it is
    return target


def parse_messages(output: str) -> list[Message]:
    """Find all messages in a tool's output, warnings too, without the trace that follows a message."""
    found: list[dict[str, str]] = []
    part = ""
    for raw in output.splitlines():
        line = raw.strip()
        if start := CODE.match(line):
            code = start["named"] or start["plain"]
            if found and found[-1]["code"] == code and INNER.fullmatch(found[-1]["text"]):
                found.pop()
            found.append({"code": code, "text": start["text"].strip()})
            part = "text"
        elif line.startswith("TraceBack") or not line:
            part = ""
        elif found and (label := LABEL.match(line)):
            part = LABELS[label[1]]
            found[-1][part] = label[2]
        elif part and raw[:1].isspace():  # continues on the next line
            found[-1][part] = f"{found[-1][part]} {line}".strip()
        else:
            part = ""
    return [Message(**each) for each in found]


def failure_reason(output: str) -> str:
    """Reason of a failure in the tool's words: its error messages, and what it logged if they name no cause.

    Without either, the last line that it printed.
    """
    messages = [message for message in parse_messages(output) if not message.code.startswith("W")]
    coded = list(dict.fromkeys(map(str, messages)))
    logged: list[str] = []
    if not any(message.cause or message.solution for message in messages):
        lines = dict.fromkeys(line["text"].strip() for line in LOGGED.finditer(output))
        logged = [line for line in lines if not any(line in reason for reason in coded)]
    shown = [format_list(reasons, first=3) for reasons in (coded, logged) if reasons]
    return "; ".join(shown) or tool.last_line(output)
