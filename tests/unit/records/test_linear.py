"""Readers take time in proportion to their input: no line, however hostile, makes a pattern go back and forth."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from enet.ascend import npu_smi
from enet.errors import InputError
from enet.records import console, eval_log, trtexec
from enet.records.parsing import read_text

#: Characters of a text. At 10^8 steps a second, a quadratic pattern needs 400 s for it.
SIZE = 200_000

ONE_LINE = "GPU Compute Time: min = 1 ms, max = 1 ms, mean = 1 ms, median = 1 ms"

#: Beginning, and what is repeated after it until the text has ``SIZE`` characters.
HOSTILE = {
    "line breaks": ("", "\n"),
    "spaces": ("miou:", " "),
    "line breaks after a batch size": ("BS 1", "\n"),
    "percent signs": ("BS 1\nmiou: ", "%"),
    "digits of a batch size": ("get filesperbatch files0 size:1 tensor0size:1 filesperbatch:", "1"),
    "beginnings of a throughput": ("", "throughput 1000*batchsize("),
    "digits of a time": ("NPU_compute_time (ms): min = ", "1"),
    "beginnings of a device": ("", "i:1 device_1 throughput:"),
    "numbers of a progress bar": ("", "1/1 [1:"),
    "compute times without an end": ("", ONE_LINE),
    "percentiles without an end": (ONE_LINE, " percentile(99%) = 1"),
    "a command line of shapes": ("&&&& PASSED TensorRT.trtexec # --shapes=", "a:1"),
    "a row of digits": ("| 0 310P3 | OK | 1 ", "1"),
    "rows of no table": ("", "| \n"),
    "a banner without an end": ("| npu-smi a", "\n"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_text_is_read_in_linear_time(what: str, tmp_path: Path) -> None:
    first, repeated = HOSTILE[what]
    text = first + repeated * ((SIZE - len(first)) // len(repeated))
    path = tmp_path / "text.txt"
    path.write_text(text)
    readers: list[Callable[[], object]] = [
        lambda: (eval_log.is_log(text), console.is_console(text), trtexec.is_log(text)),
        lambda: eval_log.read(path),
        lambda: console.read(path),
        lambda: trtexec.read(path),
        lambda: npu_smi.parse(read_text(path)),
    ]
    begin = time.process_time()
    for read in readers:
        with contextlib.suppress(InputError):
            read()
    assert time.process_time() - begin < 20  # 0.4 s, alone


def test_npu_smi_of_too_many_rows_is_refused() -> None:
    with pytest.raises(InputError, match="more than 4096 rows"):
        npu_smi.parse("| 0 310P3 | OK | 1 1 |\n" * 5000)


def test_console_of_too_many_runs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "console.txt"
    path.write_text("[INFO] throughput 1000*batchsize.mean(1)/NPU_compute_time.mean(2): 500\n" * 1000)
    with pytest.raises(InputError, match="more than 512 runs"):
        console.read(path)
