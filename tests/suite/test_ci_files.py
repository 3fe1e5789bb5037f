"""What the repository gives to others' CI runs in a repository that is not this one: its shell steps, and the hook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

import enet
from enet.selftest import tiny

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "ci" / "action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text(encoding="utf-8"))[".enet-accept"]
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[0]

#: How GitHub runs a step with ``shell: bash``; GitLab's runner sets the same options.
BASH = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]
#: One pip line: the constraints of the same checkout that is installed.
PIP = re.compile(r'python -m pip install -q -c "?(\S+)/constraints\.txt"? "\1\$(EXTRAS|ENET_EXTRAS)"')


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of somebody who has a deliverable: mine.toml, weights, and data in a folder with a space."""
    tiny.write(tmp_path)
    (tmp_path / "data").rename(tmp_path / "my data")
    (tmp_path / "tiny.toml").rename(tmp_path / "mine.toml")
    return tmp_path


def shell(script: str, repository: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a step there, with this environment's ``enet`` on the PATH, of the code beside this test."""
    place = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    (repository / "step.sh").write_text(script)
    command = [*BASH, str(repository / "step.sh")]
    environment = {**os.environ, **place, **variables}
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def step(name: str) -> dict[str, Any]:
    (found,) = (each for each in ACTION["runs"]["steps"] if each.get("name") == name)
    return dict(found)


def test_steps_install_what_their_reference_pins() -> None:
    clone, line = GITLAB["before_script"]
    for each in (step("Install")["run"], line):
        assert PIP.fullmatch(each.replace('"./', '"')), each
    assert clone.endswith(" .enet-source")
    assert (ROOT / "ci" / ".." / "constraints.txt").is_file()


def test_action_declares_what_its_steps_use() -> None:
    used = set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", (ROOT / "ci" / "action.yml").read_text(encoding="utf-8")))
    assert used == set(ACTION["inputs"])
    scripts = [each for each in ACTION["runs"]["steps"] if "run" in each]
    assert all(each["shell"] == "bash" and "${{" not in each["run"] for each in scripts)  # no text becomes code
    (upload,) = (each for each in ACTION["runs"]["steps"] if "upload-artifact" in each.get("uses", ""))
    assert upload["if"] == "always()"
    assert upload["with"]["include-hidden-files"]


def test_action_annotates_what_did_not_pass_and_keeps_the_exit_code(repository: Path) -> None:
    summary = repository / "summary.md"
    done = shell(
        step("Accept")["run"],
        repository,
        ARGUMENTS='--deliverable mine.toml\n  --data-root "my data" --limit 2 -k reference\n',
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_ACTIONS="true",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert errors[0].startswith("::error title=tiny::NOT ACCEPTED")
    assert any(re.match(r"::error title=\S.* mIoU.*::measured .*, limit .*", line) for line in errors)
    assert "NOT ACCEPTED" in summary.read_text(encoding="utf-8")
    kept = next(each for each in ACTION["runs"]["steps"] if "upload-artifact" in each.get("uses", ""))["with"]["path"]
    assert all((repository / path).exists() for path in kept.split())


@pytest.mark.parametrize("script", [step("Accept")["run"], "\n".join(GITLAB["script"])], ids=["github", "gitlab"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", []),
        ("--look", ["--look"]),
        ("-m perf\n --data-root 'my data'\n", ["-m", "perf", "--data-root", "my data"]),
        ('-k "a or b" $(touch x) *', ["-k", "a or b", "$(touch", "x)", "*"]),
        ('--data-root "my data', None),
    ],
)
def test_arguments_are_split_but_not_expanded(
    script: str, arguments: str, words: list[str] | None, tmp_path: Path
) -> None:
    """What cannot be split ends the job before anything is judged."""
    script = script.replace("enet accept", "printf '%s\\n'")
    done = shell(script, tmp_path, ARGUMENTS=arguments, ENET_ARGUMENTS=arguments, GITHUB_STEP_SUMMARY="s")
    own = done.stdout.splitlines()[4 if "--markdown-summary" not in script else 6 :]
    assert (own if done.returncode == 0 else None) == words
    assert not (tmp_path / "x").exists()


def test_gitlab_job_ends_with_the_conclusion(repository: Path) -> None:
    arguments = "--deliverable mine.toml --data-root 'my data' -k 'no test'"
    done = shell("\n".join(GITLAB["script"]), repository, ENET_ARGUMENTS=arguments)
    assert done.returncode != 0, done.stdout + done.stderr
    assert not any(line.startswith("::") for line in done.stdout.splitlines())
    assert all((repository / path).exists() for path in GITLAB["artifacts"]["paths"])
    assert ElementTree.parse(repository / GITLAB["artifacts"]["reports"]["junit"]).getroot().tag == "testsuites"
    assert not json.loads((repository / ".enet/evidence/verdicts.json").read_text(encoding="utf-8"))["accepted"]


def test_hook_finds_mistakes_in_every_file(repository: Path) -> None:
    (repository / "deliverables").mkdir()
    good, bad, worse = (repository / "deliverables" / f"{name}.toml" for name in ("good", "bad", "worse"))
    shutil.move(repository / "mine.toml", good)
    shutil.move(repository / "tiny.pth", good.parent)
    text = good.read_text(encoding="utf-8")
    bad.write_text(text.replace("batch_sizes = [1, 2]", "batch_sizes = [0]"), encoding="utf-8")
    worse.write_text(text.replace("outputs = 19", "outputs = 2"), encoding="utf-8")
    names = [f"deliverables/{path.name}" for path in (good, bad, worse)]
    assert all(re.search(HOOK["files"], name) for name in names)
    assert not re.search(HOOK["files"], "pyproject.toml")
    done = shell(f"{HOOK['entry']} {' '.join(names)}", repository)
    assert done.returncode == 2
    assert done.stdout == "deliverables/good.toml: tiny: no errors\n"
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [
        " deliverables/bad.toml",
        " deliverables/worse.toml",
    ]


# GitLab has a tag of its own.
yaml.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node), yaml.SafeLoader)
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


def test_examples_in_the_docs_use_what_the_files_offer() -> None:
    workflow, gitlab, hooks = EXAMPLES
    (used,) = (
        each for each in workflow["jobs"]["accept"]["steps"] if each.get("uses", "").startswith("OWNER/enet/ci@")
    )
    assert set(used["with"]) <= set(ACTION["inputs"])
    assert gitlab["include"][0]["file"] == "ci/gitlab.yml"
    job = gitlab["accept"]
    assert job["extends"] == ".enet-accept"
    assert set(job["variables"]) <= set(GITLAB["variables"])
    assert job["before_script"][-1] == [".enet-accept", "before_script"]
    (hook,) = hooks["repos"][0]["hooks"]
    assert hook["id"] == HOOK["id"]
    versions = {hooks["repos"][0]["rev"], gitlab["include"][0]["ref"], job["variables"]["ENET_REF"]}
    assert versions == {used["uses"].partition("@")[2]} == {f"v{enet.__version__}"}
