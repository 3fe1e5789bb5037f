"""ais_bench's driver: the guide's command line, what it reads back, and failures in a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enet.ascend import ais_bench
from enet.ascend.ais_bench import AisBenchRun
from enet.ascend.tool import ToolFailed
from enet.errors import BackendUnavailable

RUN = AisBenchRun(
    model=Path("enet_citys_bs16.om"),
    inputs=Path("prep_data/bin"),
    output=Path("results"),
    dirname="bs16",
    batch_size=16,
)


def options(run: AisBenchRun) -> dict[str, str]:
    words = ais_bench.command(run)
    assert words[:3] == [sys.executable, "-m", "ais_bench"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_the_guides_command() -> None:
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
        ({"loop": 20}, {"--loop": "20"}),
        ({"outfmt": "NPY", "warmup": 5}, {"--outfmt": "NPY", "--warmup_count": "5"}),
    ],
)
def test_options(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert options(AisBenchRun(**{**vars(RUN), **changes})).items() >= expected.items()


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ("[INFO] acl init success\n[ERROR] acl open device 0 failed\nRuntimeError\n", "acl open device 0 failed"),
        ("[ERROR] arg0 tensorsize: 16 filesize: 5 not match\n", "arg0 tensorsize: 16 filesize: 5 not match"),
        (
            "Traceback (most recent call last):\nRuntimeError: SetDevice failed.ret=507033\n",
            "SetDevice failed.ret=507033",
        ),
        ("", "it printed nothing"),
    ],
)
def test_failures(console: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told in its own words, the console kept."""
    (tmp_path / "ais_bench.py").write_text(f"import sys\nsys.stdout.write({console!r})\nsys.exit(1)\n")
    (tmp_path / "aclruntime.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    run = AisBenchRun(**{**vars(RUN), "inputs": tmp_path, "output": tmp_path / "out"})
    with pytest.raises(ToolFailed) as caught:
        ais_bench.infer(run)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "out" / "bs16_console.txt").read_text() == console


def test_success_without_a_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exit code of 0 is not enough."""
    (tmp_path / "ais_bench.py").write_text("print('[INFO] done')\n")
    (tmp_path / "aclruntime.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ToolFailed, match="ais_bench"):
        ais_bench.infer(AisBenchRun(**{**vars(RUN), "inputs": tmp_path, "output": tmp_path / "out"}))


def test_what_is_missing() -> None:
    with pytest.raises(BackendUnavailable, match="ais_bench and aclruntime not installed"):
        ais_bench.require()
