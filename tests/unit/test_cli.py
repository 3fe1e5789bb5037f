"""The program as a whole: help, examples, completion, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from enet import __version__, cli
from enet.commands import COMMANDS
from tests.unit.recipes import enet

ROOT = Path(__file__).resolve().parents[2]


def test_help_imports_no_heavy_package() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "enet.cli", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"doctor", "evaluate", "pth2onnx", "preprocess", "infer", "postprocess"} <= set(done.stdout.split())
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "enet.deliverable" in imported
    assert not {"torch", "onnx", "onnxruntime", "cv2", "numpy", "PIL"} & imported


def test_commands_have_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    parser = cli.build_parser()
    for name in COMMANDS:
        with pytest.raises(SystemExit) as done:
            enet(name, "--help")
        assert done.value.code == 0
        example = capsys.readouterr().out.partition("example:\n  enet ")[2].strip()
        assert example.startswith(name)
        for words in example.removeprefix("enet ").split(" && enet "):
            assert parser.parse_args(words.split()).run is COMMANDS[name].run


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_script_has_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        enet("--print-completion", shell)
    assert done.value.code == 0
    script = capsys.readouterr().out
    assert all(name in script for name in (*COMMANDS, "--artifact-cache"))


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        enet("--version")
    assert done.value.code == 0
    assert capsys.readouterr().out == f"enet {__version__}\n"


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"accept"}))  # which writes verdicts.json
def test_commands_have_a_json_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        enet(name, "--help")
    assert stopped.value.code == 0
    assert "--json" in capsys.readouterr().out


#: Environments whose own encoding lacks characters of the help, tables and names.
LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252:strict"},
}


@pytest.mark.parametrize("locale", LOCALES)
def test_text_is_utf8_in_every_locale(locale: str, tmp_path: Path) -> None:
    """The help, then an error about a name that is no UTF-8; started as a module."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **LOCALES[locale]}
    for words, code, text in (
        (["bench", "--help"], 0, "N[,N…]"),
        (["report", b"\xe9\xff", "--html", "x"], 2, "\\udce9"),
    ):
        command = [sys.executable, "-m", "enet", *words]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, check=False)
        assert (done.returncode, text in (done.stdout + done.stderr).decode("utf-8")) == (code, True), done.stderr
        assert done.stdout.startswith(b"usage: enet bench") or done.stderr.count(b"\n") == 1


def test_json_on_standard_output_is_there_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert enet("scenes", "--images", 1, "--save-path", "data", "--json", "-") == 0
    output, errors = capsys.readouterr()
    assert json.loads(output)["folder"] == "data"
    assert "data" in errors
    assert sys.stdout is not sys.stderr


def test_interrupt_gives_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(COMMANDS["doctor"], "run", interrupted)
    assert enet("doctor") == 130
    assert capsys.readouterr().err == "enet: interrupted\n"


def test_closed_pipe_is_not_an_error() -> None:
    command = f"{sys.executable} -m enet.cli deliverables show cityscapes | head -c 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{", "")
