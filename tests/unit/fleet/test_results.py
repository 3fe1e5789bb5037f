"""What came of a run: kept if nothing has changed, else made again; and the page of all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enet import fleet, report
from enet.errors import InputError
from enet.fleet import results
from enet.fleet.plan import Entry, Run
from enet.fleet.results import Result
from enet.selftest.tiny import data_set, write
from enet.storage.store import Store

TABLE = {
    "schema": report.SCHEMA,
    "run": "r",
    "delivered": [],
    "deliverable": "d",
    "began": "2026-01-01T00:00:00+00:00",
    "accepted": True,
    "conclusion": "ACCEPTED (accuracy): all 2 gates passed",
    "scope": "accuracy",
    "verdicts": [],
    "recorded_figures": [],
}


def evidence(accepted: bool = True) -> dict[str, bytes]:
    return {"verdicts.json": json.dumps(report.signed(TABLE | {"accepted": accepted})).encode()}


def run(name: str = "one", **more: object) -> Run:
    return Run(name=name, entry=Entry(deliverable=("scenes",), **more), environment=None)  # type: ignore[arg-type]


def test_save_and_keep(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    assert results.save(folder, "key", 0, evidence(), "…") == Result(code=0, sentence="(accuracy): all 2 gates passed")
    found = results.earlier(folder, "key")
    assert found == Result(code=0, sentence="(accuracy): all 2 gates passed", is_earlier=True)


@pytest.mark.parametrize(
    ("digest", "exit_code", "files"),
    [
        ("another", 0, evidence()),
        (None, 0, evidence()),
        ("key", 1, evidence()),  # accepted, but something failed after that
        ("key", 2, evidence()),
        ("key", 0, {}),
        ("key", 0, {"verdicts.json": json.dumps(TABLE).encode()}),  # not signed
    ],
)
def test_anything_else_is_made_again(
    digest: str | None, exit_code: int, files: dict[str, bytes], tmp_path: Path
) -> None:
    results.save(tmp_path / "one", "key", exit_code, files, "why")
    assert results.earlier(tmp_path / "one", digest) is None


def test_save_replaces_the_whole_folder(tmp_path: Path) -> None:
    results.save(tmp_path / "one", "key", 0, evidence() | {"pictures/a.png": b"x"}, "")
    assert (tmp_path / "one/pictures/a.png").read_bytes() == b"x"
    found = results.save(tmp_path / "one", None, 2, {}, "= head =\n!!!! Exit: data set: nothing there !!!!\n= end =\n")
    assert found == Result(code=2, sentence="data set: nothing there")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one", "printed.txt", "run.fleet"]


def test_key_depends_on_entry_and_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"1")
    plain = results.key(run(), store)
    assert plain == results.key(run(), store)
    keys = {plain, results.key(run(limit=1), store), results.key(run("two"), store)}
    keys |= {results.key(run(weights=str(weights)), store)}
    weights.write_bytes(b"2")
    keys |= {results.key(run(weights=str(weights)), store)}
    assert len(keys) == 5
    assert None not in keys
    assert results.key(run(weights=str(tmp_path / "none.pth")), store) is None


def test_key_depends_on_golden_logits_calibration_images_libraries_and_the_suites_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    spec, golden = tmp_path / "tiny.toml", tmp_path / "golden.json"
    spec.write_text(spec.read_text().replace("[dataset]", 'golden = "golden.json"\n[dataset]'))
    golden.write_text("1")
    data_set(tmp_path / "data", split="train")
    entry = Entry(deliverable=(str(spec),), data_root=str(tmp_path / "data"), precision="int8")
    one, store = Run(name="one", entry=entry, environment=None), Store(tmp_path / "cache")
    keys = [results.key(one, store)]
    golden.write_text("2")
    keys.append(results.key(one, store))
    image = next((tmp_path / "data").rglob("train/*/*_leftImg8bit.png"))
    image.write_bytes(image.read_bytes())
    keys.append(results.key(one, store))
    monkeypatch.setattr(results, "environment_state", lambda python: "numpy==0")
    keys.append(results.key(one, store))
    assert len({*keys}) == 4
    assert None not in keys
    package = Path(report.__file__).parents[1]
    assert {package / "deliverable/baselines.toml", package / "model/golden/paper.json"} <= {*results.code(package)}


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_evidence_of_a_fleet_is_never_replaced(kind: str, tmp_path: Path) -> None:
    data, one = tmp_path / "data", tmp_path / "one"
    data.mkdir()
    (data / "a.png").write_text("mine")
    if kind == "file":
        one.write_text("")
    elif kind == "folder":
        data.rename(one)
    else:
        one.symlink_to(data)
    with pytest.raises(InputError, match=r"one: no evidence of a fleet, and would be replaced"):
        results.save(one, "key", 0, evidence(), "")
    with pytest.raises(InputError, match="would be replaced"):
        next(fleet.run_all(tmp_path, [run()], "local"))
    assert kind == "file" or (one / "a.png").read_text() == "mine"


def test_page_shows_every_run(tmp_path: Path) -> None:
    runs = [run("one"), run("two"), run("three")]
    found = {"one": Result(code=0, sentence="fine"), "two": Result(code=2, sentence="<b> | ::error::")}
    runs.append(run("a #1"))
    (tmp_path / "a #1").mkdir()
    (tmp_path / "a #1" / "report.html").write_text("")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "report.html").write_text("")
    fleet.write(tmp_path, runs, found)
    page, markdown = ((tmp_path / name).read_text() for name in ("fleet.html", "fleet.md"))
    assert "&lt;b&gt; | ::error::" in page
    assert '<a href="one/report.html">one</a>' in page
    assert 'href="a%20%231/report.html"' in page
    assert page.count("<tr>") == 5
    assert markdown.startswith("## 4 runs: 1 ACCEPTED, 3 NOT MEASURED\n")
    assert "| NOT MEASURED | three | scenes | onnxruntime | any | node | not measured yet |" in markdown
    assert "\\<b\\> \\| : :error: :" in markdown
    assert fleet.table(runs, found)["runs"][0]["verdict"] == "ACCEPTED"
