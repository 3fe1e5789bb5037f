"""atc: command lines, and each of its known failures in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enet.ascend import atc, tool
from enet.ascend.atc import Conversion, Message
from enet.errors import BackendUnavailable, InputError
from tests.unit.executables import executable, only

START = "ATC start working now, please wait for a moment.\n"
FAILED = f"{START}ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"


def conversion(output: Path = Path("enet_citys_bs1"), **changes: Any) -> Conversion:
    known: dict[str, Any] = {
        "model": Path("enet_citys.onnx"),
        "output": output,
        "soc_version": "Ascend310P3",
        "shape": (3, 480, 480),
        "batch_sizes": (1,),
    }
    return Conversion(**{**known, **changes})


def test_command_is_that_of_the_guide() -> None:
    guide = (
        "atc --framework=5 --model=./enet_citys.onnx --output=./enet_citys_bs1 --input_format=NCHW "
        '--input_shape="image:1,3,480,480" --log=info --soc_version=Ascend310P3'
    )
    words = [word.replace("./", "").replace('"', "") for word in guide.split()]
    assert atc.command(conversion(log="info")) == words


OPTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "several batch sizes": (
        {"batch_sizes": (1, 4, 16)},
        {"--input_shape=image:-1,3,480,480", "--dynamic_batch_size=1,4,16"},
    ),
    "precision": ({"precision_mode": "allow_mix_precision"}, {"--precision_mode=allow_mix_precision"}),
    "AIPP": ({"aipp": Path("aipp.cfg")}, {"--insert_op_conf=aipp.cfg", "--input_shape=image:1,3,480,480"}),
    "chosen outputs": ({"out_nodes": ("Conv_1:0", "Split_2:1")}, {"--out_nodes=Conv_1:0;Split_2:1"}),
    "another input": ({"input_name": "x", "batch_sizes": (32,)}, {"--input_shape=x:32,3,480,480"}),
}


@pytest.mark.parametrize("what", OPTIONS)
def test_command_changed_conversion_adds_options(what: str) -> None:
    changes, expected = OPTIONS[what]
    words = atc.command(conversion(**changes))
    assert expected <= set(words)
    assert len(words) == len({word.partition("=")[0] for word in words})


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "suffix": ({"output": Path("x.om")}, "x.om: expected a name without .om"),
    "precision": ({"precision_mode": "fp16"}, "precision_mode='fp16', expected one of force_fp16"),
    "no batch size": ({"batch_sizes": ()}, "batch sizes none, expected one, or 2 to 100 different ones"),
    "equal ones": ({"batch_sizes": (4, 4)}, "2 to 100 different ones"),
    "too many": ({"batch_sizes": tuple(range(1, 102))}, "2 to 100 different ones"),
    "too large": ({"batch_sizes": (1, 2049)}, "in 1..2048"),
}


@pytest.mark.parametrize("what", WRONG)
def test_conversion_that_atc_rejects_gives_error(what: str) -> None:
    changes, message = WRONG[what]
    with pytest.raises(InputError) as caught:
        conversion(**changes)
    assert message in str(caught.value)


#: What the tool printed, and the message that is in it.
TEXTS: dict[str, tuple[str, Message]] = {
    "no parser": (
        FAILED + "E19010: No parser is registered for Op [Conv_52, optype [ai.onnx::11::Convx]].\n"
        "        Solution: Check the version of the installation package and reinstall the package. For details, see the "
        "operator specifications.\n"
        "        TraceBack (most recent call last):\n"
        "        No parser is registered for Op [Conv_112, optype [ai.onnx::11::Convx]].\n"
        "        Model parse to graph failed, graph name:tdnnx.[FUNC:ModelParseToGraph][FILE:onnx_parser.cc][LINE:905]\n",
        Message(
            "E19010",
            "No parser is registered for Op [Conv_52, optype [ai.onnx::11::Convx]].",
            "",
            "Check the version of the installation package and reinstall the package. For details, see the operator "
            "specifications.",
        ),
    ),
    "no kernel": (
        FAILED + "EZ3003: No supported Ops kernel and engine are found for [AddDsl], optype [AddDsl].\n"
        "        Possible Cause: The operator is not supported by the system. Therefore, no hit is found in any operator "
        "information library.\n"
        "        Solution: 1. Check that the OPP component is installed properly. 2. Submit an issue to request for the "
        "support of this operator type.\n"
        "        TraceBack (most recent call last):\n"
        "        build graph failed, graph id:0, ret:-1[FUNC:BuildModel][FILE:ge_generator.cc][LINE:148\n",
        Message(
            "EZ3003",
            "No supported Ops kernel and engine are found for [AddDsl], optype [AddDsl].",
            "The operator is not supported by the system. Therefore, no hit is found in any operator information library.",
            "1. Check that the OPP component is installed properly. 2. Submit an issue to request for the support of this "
            "operator type.",
        ),
    ),
    "kernel unsupported": (
        FAILED + "EZ3002: Optype [Convx] of Ops kernel [AICORE] is unsupported.\n",
        Message("EZ3002", "Optype [Convx] of Ops kernel [AICORE] is unsupported."),
    ),
    "no IR": (
        FAILED + "EZ0501: IR for Op [Conv_52, optype [Conv]], is not registered.\n",
        Message("EZ0501", "IR for Op [Conv_52, optype [Conv]], is not registered."),
    ),
    "empty model": (
        FAILED
        + "E10054: The requied parameter [--model] for ATC is empty. Another possible reason is that the value of some "
        'parameter is not enclosed by quotation marks ("").\n',
        Message(
            "E10054",
            "The requied parameter [--model] for ATC is empty. Another possible reason is that the value of some parameter "
            'is not enclosed by quotation marks ("").',
        ),
    ),
    "no framework": (
        FAILED
        + "E10007: [--framework] is required. The value must be [0(Caffe) or 1(MindSpore) or 3(TensorFlow) or 5(Onnx)].\n",
        Message(
            "E10007",
            "[--framework] is required. The value must be [0(Caffe) or 1(MindSpore) or 3(TensorFlow) or 5(Onnx)].",
        ),
    ),
    "CANN 8, process and time": (
        FAILED
        + "E10007: [PID: 10490] 2025-03-18-09:02:18.501.341 [--framework] is required. The value must be [0(Caffe) or "
        "1(MindSpore) or 3(TensorFlow) or 5(Onnx)].\n",
        Message(
            "E10007",
            "[--framework] is required. The value must be [0(Caffe) or 1(MindSpore) or 3(TensorFlow) or 5(Onnx)].",
        ),
    ),
    "dynamic axis": (
        FAILED
        + "E10001: Value [-1] for parameter [input_2] is invalid. Reason: maybe you should set input_shape to specify its "
        "shape.\n",
        Message(
            "E10001",
            "Value [-1] for parameter [input_2] is invalid. Reason: maybe you should set input_shape to specify its shape.",
        ),
    ),
    "python of the tool": (
        FAILED + "E40000: Failed to import te.platform.log_util.\n",
        Message("E40000", "Failed to import te.platform.log_util."),
    ),
    "python of the tool, CANN 8": (
        FAILED
        + "EC0010: [PID: 129520] 2025-07-08-10:25:28.680.962 Failed to import Python module [ModuleNotFoundError: No module "
        "named 'decorator'.].\n",
        Message("EC0010", "Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.]."),
    ),
    "internal": (
        FAILED + "E19999: Internal Error!\n        An unknown error occurred. Please check the log.\n",
        Message("E19999", "Internal Error! An unknown error occurred. Please check the log."),
    ),
    "log, of 2021": (
        START + "E10010: invalid value for --log:verbose, only support debug, info, warning, error, null\n"
        "ATC run failed, Please check the detail log, Try 'atc --help' for more information\n",
        Message("E10010", "invalid value for --log:verbose, only support debug, info, warning, error, null"),
    ),
    "brackets dropped, of 2026": (
        FAILED + "E10410: File enet.onnx does not exist.\n",
        Message("E10410", "File enet.onnx does not exist."),
    ),
    "CANN 9, name before the code": (
        FAILED
        + "[PID: 8818] 2026-06-08-19:41:31.081.721 Unsupported_Operator(EZ3002): Optype [TransData] of Ops kernel "
        "[DNN_VM_HOST_CPU_OP_STORE] is unsupported. Reason: Transdata op, groups should be greater than 1, but now is 1.\n"
        "        Possible Cause: The operator type is unsupported in the operator information library due to specification "
        "mismatch.\n"
        "        Solution: Submit an issue to request for support at https://gitee.com/ascend, or remove this type of "
        "operators from your model.\n"
        "        TraceBack (most recent call last):\n"
        "        Optype [TransData] of Ops kernel [aicpu_ascend_kernel] is unsupported.\n",
        Message(
            "EZ3002",
            "Optype [TransData] of Ops kernel [DNN_VM_HOST_CPU_OP_STORE] is unsupported. Reason: Transdata op, groups "
            "should be greater than 1, but now is 1.",
            "The operator type is unsupported in the operator information library due to specification mismatch.",
            "Submit an issue to request for support at https://gitee.com/ascend, or remove this type of operators from your "
            "model.",
        ),
    ),
    "CANN 9, no time": (
        FAILED + "[PID: 1571259] Unsupported_Operator(EZ3002): Optype [ChunkGatedDeltaRule] is unsupported.\n",
        Message("EZ3002", "Optype [ChunkGatedDeltaRule] is unsupported."),
    ),
    "CANN 8, inner error of two lines": (
        FAILED
        + "E19999: Inner Error!\nE19999: [PID: 62] 2026-10-07-20:48:26.590.568 [Call][PreRun] Failed, graph_id:151.\n"
        "TraceBack (most recent call last):\n"
        "[Compile][Graph] Compile graph failed.\n",
        Message("E19999", "[Call][PreRun] Failed, graph_id:151."),
    ),
    "no colon": (
        FAILED
        + "EZ9999: Inner Error!\nEZ9999  The error from device(2), serial number is 17, there is an aicore error.\n",
        Message("EZ9999", "The error from device(2), serial number is 17, there is an aicore error."),
    ),
    "no colon, one space": (
        FAILED + "EZ9999: Inner Error!\nEZ9999 The error from device(2), serial number is 17.\n",
        Message("EZ9999", "The error from device(2), serial number is 17."),
    ),
    "code again after process and time": (
        FAILED
        + "E19999: Inner Error!\nE19999[PID: 62] 2025-12-07-20:48:26.590.568 (E19999):  [Call][PreRun] Failed.\n",
        Message("E19999", "[Call][PreRun] Failed."),
    ),
    "CANN 9, name of two words, other time": (
        FAILED
        + "[PID:8818] 2026-06-08 19:41:31.081 Invalid Argument(E10001): Value bad.\n        Solution: Give another.\n",
        Message("E10001", "Value bad.", "", "Give another."),
    ),
}


@pytest.mark.parametrize("what", TEXTS)
def test_parse_messages_finds_code_cause_and_solution(what: str) -> None:
    text, expected = TEXTS[what]
    assert atc.parse_messages(text) == [expected]


@pytest.mark.parametrize("what", TEXTS)
def test_convert_failure_gives_one_line_error(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, expected = TEXTS[what]
    (tmp_path / "said").write_text(text)
    executable(tmp_path / "bin", "atc", f"cat {tmp_path / 'said'}; exit 255")
    only(tmp_path / "bin", monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(tool.ToolFailed) as caught:
        atc.convert(conversion(tmp_path / "out" / "enet"))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"atc: {expected.code}: {expected.text}"[:60])
    assert "(exit code 255)" in message
    for part in (expected.cause, expected.solution):
        assert part in message
    assert "TraceBack" not in message
    kept = Path(message.rpartition("Full output: ")[2])
    assert kept.read_text() == text
    assert list((tmp_path / "out").iterdir()) == []


AMCT = (
    "[ERROR][ProcessScale][52] Not support scale greater than 1 / FLT_EPSILON.\n"
    "[ERROR] AMCT(21177,atc.bin):2023-04-14-14:43:17[utils_acl.cpp:133]input image size[1579014] is not equal to model input "
    "size[3158028]\n"
    "[ERROR] AMCT(21177,atc.bin):2023-04-14-14:43:17[sample_process.cpp:234]memcpy device buffer failed\n"
    "[ERROR] AMCT(21177,atc.bin):2023-04-14-14:43:17[quantize_api.cpp:376]Do Calibration failed.\n"
)
LOGGED = (
    "Not support scale greater than 1 / FLT_EPSILON., input image size[1579014] is not equal to model input size[3158028], "
    "memcpy device buffer failed and 1 more"
)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (START + AMCT + FAILED.removeprefix(START), LOGGED),
        (
            f"{AMCT}{FAILED}EZ9999: Inner Error!\nEZ9999  Aicore kernel execute failed, device_id=0\n",
            f"EZ9999: Aicore kernel execute failed, device_id=0; {LOGGED}",
        ),
        (TEXTS["no kernel"][0] + AMCT, str(TEXTS["no kernel"][1])),
    ],
)
def test_failure_reason_has_the_logged_cause_if_the_message_has_none(said: str, reason: str) -> None:
    assert atc.failure_reason(said) == reason


SUCCESS = f"{START}...\nATC run success, welcome to the next use.\n"
WARNED = (
    SUCCESS
    + "W11001: Op [Slice_30] does not hit the high-priority operator information library, which might result in compromised "
    "performance.\n"
)
WRITE = 'for word; do case $word in --output=*) name=${word#--output=};; esac; done; printf "$0" > "${name}%s"'


def run(folder: Path, patch: pytest.MonkeyPatch, said: str, then: str) -> tuple[Path, list[atc.Message]]:
    folder.mkdir(exist_ok=True)
    (folder / "said").write_text(said)
    executable(folder / "bin", "atc", f"cat {folder / 'said'}; {then}")
    only(folder / "bin", patch)
    patch.setattr("tempfile.tempdir", str(folder))
    return atc.convert(conversion(folder / "out" / "enet"))


NAMED = "[PID: 77] 2026-06-08-19:41:31.081.721 Operator_Warning(W11001): Op"


@pytest.mark.parametrize("said", [WARNED, WARNED.replace("W11001: Op", NAMED)])
@pytest.mark.parametrize("suffix", [".om", "_linux_x86_64.om", "_linux_aarch64.om"])
def test_convert_success_gives_om_and_warnings(
    suffix: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    om, (warning,) = run(tmp_path, monkeypatch, said, WRITE % suffix)
    assert om == tmp_path / "out" / f"enet{suffix}"
    assert om.read_text().endswith("atc")
    assert (warning.code, warning.text[:14]) == ("W11001", "Op [Slice_30] ")
    assert [path.name for path in om.parent.iterdir()] == [om.name]


@pytest.mark.parametrize(
    ("said", "then", "reason"),
    [
        (SUCCESS, "exit 0", "it reported success, but wrote no .om"),
        (SUCCESS, 'touch "$name.om"; exit 0', "it reported success, but wrote no .om"),
        (START, WRITE % ".om", "ATC start working now"),
        ("", "exit 255", "no output"),
        ("Segmentation fault", "exit 139", "Segmentation fault (exit code 139)"),
        (SUCCESS, f"{WRITE % '.om'}; exit 1", "(exit code 1)"),
    ],
)
def test_convert_without_result_keeps_older_file(
    said: str, then: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = tmp_path / "out" / "enet.ascend.om"
    stale.parent.mkdir()
    stale.write_text("of an earlier run")
    with pytest.raises(tool.ToolFailed) as caught:
        run(tmp_path, monkeypatch, said, then)
    assert reason in str(caught.value)
    assert stale.read_text() == "of an earlier run"


def test_convert_missing_tool_or_library_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(tmp_path / "bin", monkeypatch)
    with pytest.raises(BackendUnavailable) as caught:
        atc.convert(conversion(tmp_path / "enet"))
    assert str(caught.value).startswith("atc: not found on the PATH; install CANN and run: source /usr/local/Ascend/")
    said = "/x/bin/atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file: No such"
    executable(tmp_path / "bin", "atc", f"echo '{said} file or directory' >&2; exit 127")
    with pytest.raises(
        BackendUnavailable, match=r"atc: library libascend_hal\.so is not found; install the NPU's driver"
    ):
        atc.convert(conversion(tmp_path / "enet"))
    (tmp_path / "bin" / "atc").write_bytes(b"\x7fELF no program")
    with pytest.raises(BackendUnavailable, match=r"atc: cannot be run \(Exec format error\)"):
        atc.convert(conversion(tmp_path / "enet"))


def test_convert_output_that_is_not_utf8_gives_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "bin", "atc", r"printf 'E10041: Failed to load \377\376\000 the model\n'; exit 255")
    only(tmp_path / "bin", monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(tool.ToolFailed, match="E10041: Failed to load"):
        atc.convert(conversion(tmp_path / "enet"))


@pytest.mark.parametrize(
    ("present", "hint"),
    [
        ((), "install CANN and run: source {cann} (before CANN 8.5: {toolkit})"),
        (("ascend-toolkit",), "run: source {toolkit}"),
        (("cann",), "run: source {cann}"),
        (("cann", "ascend-toolkit"), "run: source {cann}"),
        (("cann", "elsewhere"), "run: source {elsewhere}"),
    ],
)
def test_require_names_the_set_env_that_is_here(
    present: tuple[str, ...], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in present:
        (tmp_path / name).mkdir()
        (tmp_path / name / "set_env.sh").touch()
    for name in tool.ROOTS:
        monkeypatch.delenv(name, raising=False)
    if "elsewhere" in present:
        monkeypatch.setenv("ASCEND_HOME_PATH", str(tmp_path / "elsewhere" / "latest"))
    monkeypatch.setattr(tool, "ASCEND", tmp_path)
    monkeypatch.setattr(tool, "HOMES", (tmp_path / "cann", tmp_path / "ascend-toolkit"))
    only(tmp_path / "bin", monkeypatch)
    with pytest.raises(BackendUnavailable) as caught:
        tool.require("atc")
    folders = {"cann": "cann", "toolkit": "ascend-toolkit", "elsewhere": "elsewhere"}
    paths = {name: tmp_path / folder / "set_env.sh" for name, folder in folders.items()}
    assert str(caught.value) == f"atc: not found on the PATH; {hint.format(**paths)}"


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("x86_64-linux/ascend_toolkit_install.info", "package_name=Ascend-cann-toolkit\nversion=5.1.RC2\n", "5.1.RC2"),
        ("ascend_toolkit_install.info", "version=8.0.RC1\n", "8.0.RC1"),
        ("version.cfg", "# info\ntoolkit_running_version=[1.84.T11.0.B118:6.0.RC1]\n", "6.0.RC1"),
        ("version.cfg", "nothing\n", None),
    ],
)
def test_cann_version_reads_known_files(
    file: str, text: str, version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    monkeypatch.setenv("ASCEND_TOOLKIT_HOME", str(tmp_path))
    monkeypatch.setattr(tool, "HOMES", ())
    assert tool.cann_version() == version
