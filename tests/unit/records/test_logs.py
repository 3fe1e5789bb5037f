"""Consoles of ais_bench, logs of trtexec and the guide's eval_log, as the real tools write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet.errors import InputError
from enet.records import console, eval_log, results_folder, trtexec

TRT_7 = """\
&&&& RUNNING TensorRT.trtexec # trtexec --onnx=enet.onnx --fp16 --shapes=image:{batch}x3x480x480
[05/09/2021-17:02:32] [I] Average on 10 runs - GPU latency: 4.5795 ms - Host latency: 5.1 ms
[05/09/2021-17:02:32] [I] Host Latency
[05/09/2021-17:02:32] [I] min: 4.9716 ms (end to end 108.17 ms)
[05/09/2021-17:02:32] [I] max: 6.2 ms (end to end 110.2 ms)
[05/09/2021-17:02:32] [I] mean: 4.0049 ms (end to end 109.226 ms)
[05/09/2021-17:02:32] [I] median: 4.9 ms (end to end 109.1 ms)
[05/09/2021-17:02:32] [I] percentile: 4.4915 ms at 99% (end to end 110.732 ms at 99%)
[05/09/2021-17:02:32] [I] throughput: 0 qps
[05/09/2021-17:02:32] [I] walltime: 3.16903 s
[05/09/2021-17:02:32] [I] Enqueue Time
[05/09/2021-17:02:32] [I] min: 0.776001 ms
[05/09/2021-17:02:32] [I] max: 1.1 ms
[05/09/2021-17:02:32] [I] mean: 0.9 ms
[05/09/2021-17:02:32] [I] median: 0.9 ms
[06/18/2022-21:13:40] [I] GPU Compute
[06/18/2022-21:13:40] [I] min: 37.9453 ms
[06/18/2022-21:13:40] [I] max: 46.219 ms
[06/18/2022-21:13:40] [I] mean: 40.5553 ms
[06/18/2022-21:13:40] [I] median: 40.0248 ms
[06/18/2022-21:13:40] [I] percentile: 46.219 ms at 99%
[06/18/2022-21:13:40] [I] total compute time: 3.822 s
&&&& PASSED TensorRT.trtexec # trtexec --onnx=enet.onnx --fp16 --shapes=image:{batch}x3x480x480
"""
TRT_8 = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v8401] # ./tensorrt/bin/trtexec --loadEngine=yolov7-fp16-1x8x8.engine --batch=8
[09/11/2022-22:54:32] [I] === Performance summary ===
[09/11/2022-22:54:32] [I] Throughput: 1004.27 qps
[09/11/2022-22:54:32] [I] Latency: min = 1.17474 ms, max = 4.4541 ms, mean = 1.20348 ms, median = 1.1897 ms, percentile(99%) = 1.50061 ms
[09/11/2022-22:54:32] [I] End-to-End Host Latency: min = 1.2 ms, max = 4.4541 ms, mean = 1.9 ms, median = 1.8 ms, percentile(99%) = 2.1 ms
[09/11/2022-22:54:32] [I] GPU Compute Time: min = 0.965637 ms, max = 4.24448 ms, mean = 0.993252 ms, median = 0.97998 ms, percentile(99%) = 1.29016 ms
[09/11/2022-22:54:32] [I] Total Host Walltime: 3.0022 s
&&&& PASSED TensorRT.trtexec [TensorRT v8401] # ./tensorrt/bin/trtexec --loadEngine=yolov7-fp16-1x8x8.engine --batch=8
"""
TRT_10 = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # trtexec --onnx=enet.onnx --optShapes=image:16x3x480x480
[10/02/2026-07:32:12] [I] GPU Compute Time: min = 215.734 ms, max = 285.356 ms, mean = 250.922 ms, median = 251.714 ms, percentile(90%) = 275.455 ms, percentile(95%) = 285.356 ms, percentile(99%) = 285.356 ms
&&&& PASSED TensorRT.trtexec [TensorRT v100300] # trtexec --onnx=enet.onnx --optShapes=image:16x3x480x480
"""
LOGS = {
    "7.x": (TRT_7.format(batch=4), 4, 40.5553, 46.219),
    "8.x": (TRT_8, 8, 0.993252, 1.29016),
    "10.x": (TRT_10, 16, 250.922, 285.356),
}


@pytest.mark.parametrize("version", LOGS)
def test_trtexec_of_every_version_is_read(version: str, tmp_path: Path) -> None:
    text, batch, mean, p99 = LOGS[version]
    path = tmp_path / "t4.log"
    path.write_text(text)
    assert trtexec.is_log(text)
    (timed,) = trtexec.read(path)
    assert (timed.tool, timed.batch_size, timed.contradictions) == ("trtexec", batch, ())
    assert timed.share.mean_ms == trtexec.compute_times(text, path)["mean"] == mean
    assert trtexec.compute_times(text, path)["p99"] == p99


def test_trtexec_without_command_line_has_no_batch_size(tmp_path: Path) -> None:
    path = tmp_path / "t4.log"
    path.write_text("\n".join(TRT_7.splitlines()[1:-1]))
    (timed,) = trtexec.read(path)
    assert timed.batch_size == 0
    assert "the command line is not in the log" in timed.batch_size_source


@pytest.mark.parametrize("cut", ["mean: 40.5553", "percentile: 46.219"])
def test_trtexec_cut_short_is_refused(cut: str, tmp_path: Path) -> None:
    path = tmp_path / "t4.log"
    text = TRT_7.format(batch=1)
    path.write_text(text[: text.rindex(cut)] + "\n&&&& PASSED TensorRT.trtexec # trtexec\n")
    with pytest.raises(InputError, match=r"below GPU Compute\. Save all output of trtexec"):
        trtexec.read(path)


def test_trtexec_mean_above_max_contradicts(tmp_path: Path) -> None:
    path = tmp_path / "t4.log"
    path.write_text(TRT_10.replace("mean = 250.922", "mean = 150.922"))
    assert trtexec.read(path)[0].contradictions == ("the mean GPU compute time is not between min and max",)


LINES = {
    "June 2022": ("throughput (1000*batchsize/NPU_compute_time): 512.5", 512.5, 2.5),
    "September 2022": ("throughput 1000*batchsize(16)/NPU_compute_time.mean(2.5): 6400.0", 6400.0, 2.5),
    "June 2023": (
        "throughput 1000*batchsize.mean(1)/NPU_compute_time.mean(2.4560000896453857): 407.16610891670894",
        407.16610891670894,
        2.4560000896453857,
    ),
}


@pytest.mark.parametrize("version", LINES)
def test_console_of_every_version_is_read(version: str, tmp_path: Path) -> None:
    line, rate, mean = LINES[version]
    path = tmp_path / "console.txt"
    path.write_text(
        "[INFO] acl init success\n[INFO] output path:./out/2022_07_11-15_53_11\n"
        "[INFO] get filesperbatch files0 size:1536 tensor0size:24576 filesperbatch:16 runcount:32\n"
        "\rInference Processing:  50%|█████     | 16/32 [00:00<00:00, 10.73it/s]\n"
        "[INFO] NPU_compute_time (ms): min = 2.4, max = 2.6, mean = 2.5, median = 2.5, percentile(99%) = 2.6\n"
        f"[INFO] {line}\n",
        encoding="utf-8",
    )
    found = console.read(path)
    assert found.batches == ((16, 32),)
    assert found.outputs == ("./out/2022_07_11-15_53_11",)
    (claim,) = found.claims
    assert (claim.rate, claim.mean_ms) == (rate, mean)
    assert found.is_of("whatever", mean)
    assert found.is_of("2022_07_11-15_53_11", 99.0)
    assert not found.is_of("another", 99.0)


def test_console_of_several_devices_is_read(tmp_path: Path) -> None:
    path = tmp_path / "console.txt"
    path.write_text(
        "[INFO] multidevice run end qsize:4 result:1\n"
        "i:0 device_1 throughput:281.38893494131406 start_time:1676875630.804429 end_time:1676875630.8303885\n"
        "i:1 device_3 throughput:276.5 start_time:1676875630.8 end_time:1676875630.9\n"
        "[INFO] summary throughput:557.9376050278543\n"
    )
    found = console.read(path)
    assert list(found.devices) == ["1", "3"]
    assert found.devices["1"].rate == 281.38893494131406
    assert found.devices["3"].ended == 1676875630.9


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("i:{0} device_{0} throughput:2.4 start_time:{1}.5 end_time:{2}.25", 8.75),
        ("[INFO] i:{0} device_{0} throughput:2.4                 start_time:{1}.5 end_time:{2}.25", 8.75),
        ("[INFO] NPU_compute_time (ms): min = 1.0", None),
    ],
)
def test_seconds_by_the_clock_are_of_all_devices(line: str, seconds: float | None, tmp_path: Path) -> None:
    text = "\n".join([line.format(0, 1795612620, 1795612625), line.format(1, 1795612623, 1795612629)])
    (tmp_path / "console.txt").write_text(text)
    assert console.read(tmp_path / "console.txt").seconds == seconds


@pytest.mark.parametrize(
    "text",
    [
        "[ERROR] acl open device 0 failed\n[INFO] get filesperbatch ...\n",
        "[INFO] get filesperbatch x\n[ERROR] save out files error array shape:(1, 349184, 2) filesinfo:[['a']] "
        "files_count_perbatch:16 ndata.shape0:1\n",
    ],
)
def test_console_of_failed_run_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "console.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="the run failed: "):
        console.read(path)


def test_eval_log_is_read_and_contradictions_refused(tmp_path: Path) -> None:
    path = tmp_path / "eval_log.txt"
    path.write_text("BS 1\nmiou: 54.115%\nBS 16\nmiou: 54.115%\n")
    assert eval_log.read(path) == {1: 54.115, 16: 54.115}
    path.write_text("loading…\r\nBS 4\r\nmiou: 54.11 %\r\n".replace("\r\n", "\n"))
    assert eval_log.read(path) == {4: 54.11}
    path.write_text("BS 1\nmiou: 54.1%\nBS 1\nmiou: 54.2%\n")
    with pytest.raises(InputError, match="two different values of miou for batch 1"):
        eval_log.read(path)


SAMPLES = "".join(f"Sample: {n}, validation pixAcc: 90.146, mIoU: {60 + n / 10:.3f}\n" for n in range(1, 41))
#: Logs that claim an mIoU: name, text, and the figure in percent by batch size (0: not named) or words of the refusal.
CLAIMS: dict[str, tuple[str, str, dict[int, float] | str]] = {
    "the genuine script": ("out.txt", SAMPLES, {0: 64.0}),
    "with Python's logging": ("out.txt", "2022-07-11 15:53:11,1 seg INFO: " + SAMPLES.splitlines()[0], {0: 60.1}),
    "under the guide's line": ("out.txt", f"BS 1\n{SAMPLES}BS 16\n{SAMPLES}", {1: 64.0, 16: 64.0}),
    "batch size in the name": ("eval_bs16.log", SAMPLES, {16: 64.0}),
    "both forms": ("out.txt", f"BS 1\n{SAMPLES}BS 1\nmiou: 64.0%\n", {1: 64.0}),
    "two figures": ("out.txt", f"BS 1\n{SAMPLES}BS 1\nmiou: 64.5%\n", "two different values of miou for batch 1"),
    "other spaces, and words after": ("out.txt", "Sample:1 ,validation pixAcc:90.1,\tmIoU:68.9 done", {0: 68.9}),
    "in quotes": ("out.txt", 'log: "Sample: 1, validation pixAcc: 90.1, mIoU: 68.9"', {0: 68.9}),
    "batch16 in the name": ("eval_batch16.log", SAMPLES, {16: 64.0}),
    "no batch size in the name": ("jobs2024.log", SAMPLES, {0: 64.0}),
    "another name": ("evaluation.log", "mIoU of the model 68.897\n", "claims an mIoU in an unknown form"),
    "over 100 %": ("out.txt", "Sample: 1, validation pixAcc: 90.1, mIoU: 168.9", "miou=168.9 %, expected 0..100 %"),
    "not a number": ("out.txt", "Sample: 1, validation pixAcc: nan, mIoU: nan", "expected a finite number"),
    "another form": ("eval_log.txt", "mean IoU of the model is 68.897\n", "claims an mIoU in an unknown form"),
}


@pytest.mark.parametrize("form", CLAIMS)
def test_claimed_miou_of_every_form(form: str, tmp_path: Path) -> None:
    name, text, expected = CLAIMS[form]
    path = tmp_path / name
    path.write_text(text)
    assert eval_log.is_log(text, name)
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            eval_log.read(path)
    else:
        assert eval_log.read(path) == expected


RUN = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v8401] # trtexec {options}
{more}
[09/11/2022-22:54:32] [I] GPU Compute Time: min = 1 ms, max = 9 ms, mean = {mean} ms, median = 2 ms, percentile(99%) = 8 ms
&&&& {end} TensorRT.trtexec [TensorRT v8401] # trtexec {options}
"""


def trt_run(options: str = "--shapes=image:4x3x480x480", mean: int = 2, end: str = "PASSED", more: str = "") -> str:
    return RUN.format(options=options, mean=mean, end=end, more=more)


FAILED_RUN = "&&&& RUNNING TensorRT.trtexec # trtexec --batch=64\n&&&& FAILED TensorRT.trtexec # trtexec --batch=64\n"
KILLED_RUN = trt_run(mean=7).rpartition("&&&&")[0]
BUILT = (
    "&&&& RUNNING TensorRT.trtexec # trtexec --skipInference\n&&&& PASSED TensorRT.trtexec # trtexec --skipInference\n"
)
#: Logs of trtexec, and batch size and mean in ms of each run that passed.
RUNS: dict[str, tuple[bytes, list[tuple[int, float]]]] = {
    "several": ((trt_run() + trt_run("--shapes=image:8x3x480x480", 3)).encode(), [(4, 2), (8, 3)]),
    "failed before passed": ((FAILED_RUN + trt_run()).encode(), [(4, 2)]),
    "failed with times before passed": ((trt_run("--batch=64", 5, "FAILED") + trt_run()).encode(), [(4, 2)]),
    "failed before passed, version 10": (
        (trt_run("--batch=64", 5, "FAILED") + trt_run()).encode().replace(b"v8401]", b"v100300] [b26]"),
        [(4, 2)],
    ),
    "killed before passed": ((KILLED_RUN + trt_run()).encode(), [(4, 2)]),
    "killed after passed": ((trt_run() + KILLED_RUN).encode(), [(4, 2)]),
    "built before passed": ((BUILT + trt_run()).encode(), [(4, 2)]),
    "another percentile": (trt_run().encode().replace(b"99%", b"90%"), [(4, 2)]),
    "optShapes first": (trt_run("--optShapes=image:16x3x8x8 --shapes=image:4x3x8x8").encode(), [(4, 2)]),
    "optShapes last": (
        trt_run("--shapes=image:4x3x8x8 --minShapes=image:1x3x8x8 --optShapes=image:16x3x8x8").encode(),
        [(4, 2)],
    ),
    "quoted": (trt_run("--shapes='image':4x3x8x8").encode(), [(4, 2)]),
    "a static engine": (
        trt_run("--loadEngine=e", more="[09/11/2022-22:54:30] [I] Input inference shape: image=8x3x480x480").encode(),
        [(8, 2)],
    ),
    "the tensor that was filled": (
        trt_run(more="[I] Input binding for image with dimensions 8x3x480x480 and type FP32 is created.").encode(),
        [(8, 2)],
    ),
    "UTF-16": (trt_run().encode("utf-16"), [(4, 2)]),
    "UTF-8 with a mark": (trt_run().encode("utf-8-sig"), [(4, 2)]),
}


@pytest.mark.parametrize("form", RUNS)
def test_trtexec_is_read_run_by_run(form: str, tmp_path: Path) -> None:
    data, expected = RUNS[form]
    (tmp_path / "t4.log").write_bytes(data)
    logs = results_folder.scan(tmp_path).logs
    assert [(each.batch_size, each.share.mean_ms) for each in logs] == expected
