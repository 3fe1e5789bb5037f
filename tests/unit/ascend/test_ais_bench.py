"""ais_bench: the guide's command line, and failures in one line."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

from enet.ascend import ais_bench
from enet.ascend.ais_bench import FolderRun
from enet.ascend.tool import ToolFailed
from enet.errors import BackendUnavailable, InputError

RUN = FolderRun(
    model=Path("enet_citys_bs16.om"), inputs=Path("prep_data/bin"), outputs=Path("results") / "bs16", batch_size=16
)


def front_end(folder: Path, patch: pytest.MonkeyPatch, program: str) -> None:
    """Install a stand-in of ais_bench, whose command line is a program."""
    (folder / "ais_bench" / "infer").mkdir(parents=True)
    for name, text in {"ais_bench/infer/__init__": "", "ais_bench/__main__": program, "aclruntime": ""}.items():
        (folder / f"{name}.py").write_text(text)
    patch.setenv("PYTHONPATH", str(folder))
    patch.syspath_prepend(folder)


def options(run: FolderRun) -> dict[str, str]:
    words = ais_bench.command(run)
    assert words[:3] == [sys.executable, "-m", "ais_bench"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_command_is_that_of_the_guide() -> None:
    assert options(RUN) == {
        "--model": "enet_citys_bs16.om",
        "--input": "prep_data/bin",
        "--output": "results",
        "--output_dirname": "bs16",
        "--outfmt": "BIN",
        "--batchsize": "16",
        "--device": "0",
        "--warmup_count": "1",
        "--display_all_summary": "1",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"devices": (0, 1, 2)}, {"--device": "0,1,2"}),
        ({"dynamic_batch": True}, {"--dymBatch": "16", "--batchsize": "16"}),
        ({"outfmt": "NPY"}, {"--outfmt": "NPY"}),
    ],
)
def test_command_changed_run_adds_options(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert options(FolderRun(**{**vars(RUN), **changes})).items() >= expected.items()


@pytest.mark.parametrize(
    ("console", "reason"),
    [
        ("[INFO] acl init success\n[ERROR] acl open device 0 failed\nRuntimeError\n", "acl open device 0 failed"),
        ("[ERROR] arg0 tensorsize: 16 filesize: 5 not match\n", "arg0 tensorsize: 16 filesize: 5 not match"),
        (
            "Traceback (most recent call last):\nRuntimeError: SetDevice failed.ret=507033\n",
            "SetDevice failed.ret=507033",
        ),
        ("", "no output"),
    ],
)
def test_infer_failure_gives_reason_and_keeps_console(
    console: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end(tmp_path, monkeypatch, f"import sys\nsys.stdout.write({console!r})\nsys.exit(1)\n")
    run = FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": tmp_path / "out" / "bs16"})
    with pytest.raises(ToolFailed) as caught:
        ais_bench.infer(run)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "out" / "bs16_console.txt").read_text() == console


def test_infer_without_summary_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 is not enough."""
    front_end(tmp_path, monkeypatch, "print('[INFO] done')\n")
    with pytest.raises(ToolFailed, match="ais_bench"):
        ais_bench.infer(FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": tmp_path / "out" / "bs16"}))


#: Writes a summary, and one output that shows how it was called, as either generation names them.
WRITES = """
import sys, pathlib
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if sys.argv[1:] == ["--help"]:
    print({help!r})
    sys.exit()
parent = pathlib.Path(options["--output"])
if parent.stat().st_mode & 0o027:
    print(f"[ERROR] The file {{parent}} is group writable, or is others writable, as export file(or directory)")
    sys.exit(1)
run = parent / options["--output_dirname"]
devices = options["--device"].split(",")
names = [{name} for i, d in enumerate(devices)] if len(devices) > 1 else [""]
for name in names:
    (run / name).mkdir(parents=True, exist_ok=True)
    (run / name / "image_0.bin").write_text(str(sys.argv))
    summary = (run / name).with_name(f"{{name or run.name}}_summary.json")
    summary.write_text(str(run))
print(f"[INFO] output path:{{run}}")
"""
OLD, NEW = (
    WRITES.format(help="--device", name='f"device{d}"'),
    WRITES.format(help="--divide_input", name='f"device{d}_{i}"'),
)


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
@pytest.mark.parametrize("parent", ["fresh", "open to others", "link"])
def test_infer_gives_ais_bench_a_folder_that_it_accepts(
    umask: int, parent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results and paths in them are the same, wherever it had to write."""
    front_end(tmp_path, monkeypatch, NEW)
    folder, mode = tmp_path / "results", 0o755
    if parent != "fresh":
        real = tmp_path / "elsewhere" if parent == "link" else folder
        real.mkdir()
        real.chmod(mode)
        if parent == "link":
            folder.symlink_to(real)
    before = os.umask(umask)
    try:
        written = ais_bench.infer(FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": folder / "bs16"}))
    finally:
        os.umask(before)
    assert written == [folder / "bs16_summary.json"]
    assert written[0].read_text() == str(folder / "bs16")
    assert (folder / "bs16_console.txt").read_text() == f"[INFO] output path:{folder / 'bs16'}\n"
    assert sorted(path.name for path in folder.iterdir()) == ["bs16", "bs16_console.txt", "bs16_summary.json"]
    assert [path.name for path in (folder / "bs16").iterdir()] == ["image_0.bin"]
    assert stat.S_IMODE((folder / "bs16").stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE(folder.stat().st_mode) == (0o750 & ~umask if parent == "fresh" else mode)


@pytest.mark.parametrize(
    ("program", "names", "divides"), [(OLD, ["device0", "device3"], False), (NEW, ["device0_0", "device3_1"], True)]
)
def test_infer_on_several_devices_knows_both_generations(
    program: str, names: list[str], divides: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end(tmp_path, monkeypatch, program)
    outputs = tmp_path / "results" / "bs16"
    run = FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": outputs, "devices": (0, 3)})
    for _ in range(2):  # the second time over the results of the first
        assert ais_bench.infer(run) == [outputs / f"{name}_summary.json" for name in names]
    assert ("'--divide_input', '1'" in (outputs / names[0] / "image_0.bin").read_text()) == divides


def test_infer_summary_of_an_earlier_run_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front_end(tmp_path, monkeypatch, NEW)
    run = FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": tmp_path / "results" / "bs16", "devices": (0, 1)})
    ais_bench.infer(run)
    (tmp_path / "ais_bench" / "__main__.py").write_text("print('[ERROR] subprocess run failed error_callback:gone')\n")
    with pytest.raises(ToolFailed, match="subprocess run failed error_callback:gone"):
        ais_bench.infer(run)


@pytest.mark.parametrize(("mode", "advice"), [(0o640, "Check npu-smi info"), (0o664, "chmod go-w")])
def test_open_session_failure_names_permissions_if_they_may_be_the_reason(
    mode: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise ValueError("The path is illegal. Please check the error log for more detail.")

    for name in ("ais_bench", "ais_bench.infer", "ais_bench.infer.interface"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules["ais_bench.infer.interface"], "InferSession", refuses, raising=False)
    monkeypatch.setattr(ais_bench, "require", lambda: None)
    (tmp_path / "enet.om").touch()
    (tmp_path / "enet.om").chmod(mode)
    with pytest.raises(
        InputError, match=rf"enet\.om: device 0 cannot load it \(The path is illegal\..*\)\. .*{advice}"
    ):
        ais_bench.open_session(tmp_path / "enet.om", 0)


def test_require_of_the_namesake_says_which_package_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not imported to find out."""
    (tmp_path / "ais_bench").mkdir()
    (tmp_path / "ais_bench" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "aclruntime.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        BackendUnavailable, match=r"no ais_bench\.infer: it is not the vendor's ais_bench\. Remove it\."
    ):
        ais_bench.require()
    info = tmp_path / "ais_bench_benchmark-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ais-bench-benchmark\nVersion: 3.1\n")
    with pytest.raises(BackendUnavailable) as caught:
        ais_bench.require()
    assert "ais_bench is ais-bench-benchmark 3.1, which evaluates language models" in str(caught.value)
    assert "pip uninstall ais-bench-benchmark. Install both wheels of ais_bench" in str(caught.value)


#: Installed module: its files, and words of the refusal.
IMPORTS = {
    "a folder without the package": ({"ais_bench/infer/notes.txt": ""}, "no ais_bench.infer"),
    "no interface": ({"ais_bench/infer/__init__.py": ""}, "cannot be imported (No module named"),
    "a library of CANN missing": (
        {
            "ais_bench/infer/__init__.py": "",
            "ais_bench/infer/interface.py": "raise ImportError('libascendcl.so: cannot')",
        },
        "cannot be imported (libascendcl.so: cannot); install CANN and run: source",
    ),
    "another's __init__": (
        {"ais_bench/__init__.py": "import opencompass", "ais_bench/infer/__init__.py": ""},
        "cannot be imported (No module named 'opencompass')",
    ),
}


@pytest.mark.parametrize("what", IMPORTS)
def test_open_session_that_cannot_import_is_unavailable(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, words = IMPORTS[what]
    for name, text in {**files, "aclruntime.py": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("ais_bench", "ais_bench.infer", "ais_bench.infer.interface"):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))  # so that it is gone again afterwards
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(BackendUnavailable) as caught:
        ais_bench.open_session(tmp_path / "enet.om", 0)
    assert words in str(caught.value)


def test_infer_without_a_library_says_what_to_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "libascendcl.so: cannot open shared object file: No such file or directory"
    front_end(tmp_path, monkeypatch, f"raise ImportError({said!r})")
    with pytest.raises(BackendUnavailable, match=r"library libascendcl\.so is not found; .*set_env\.sh"):
        ais_bench.infer(FolderRun(**{**vars(RUN), "inputs": tmp_path, "outputs": tmp_path / "out" / "bs16"}))


def test_require_without_packages_names_both() -> None:
    with pytest.raises(BackendUnavailable, match="ais_bench and aclruntime not installed"):
        ais_bench.require()
