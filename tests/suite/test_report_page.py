"""The report of a real run in a browser: the evidence's numbers, a slider that moves, nothing loaded, accessible."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from enet import report
from enet.report import Contents
from tests.suite.acceptance import run_pytest
from tests.unit.report.runs import accuracy, contents, parity, percent, timed, verdict

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
    pytest.mark.skipif(not importlib.util.find_spec("axe_playwright_python"), reason="no Playwright and axe-core"),
]

#: So that the browser itself asks nothing of a network.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")

#: Milliseconds after which the browser counts as hanging.
HANG_TIMEOUT = 300_000

#: What sticks out of the page.
CUT_OFF = "all('figure svg, td, th, pre').filter(e => e.getBoundingClientRect().right > innerWidth + 1)"


@pytest.fixture(scope="module")
def folder(small: Path, scenes: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An accepted run, with its report."""
    folder = tmp_path_factory.mktemp("report")
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", cache]
    reports = ["--html-report", folder / "report.html", "--markdown-summary", folder / "summary.md"]
    outputs = ["--evidence", folder / "evidence", *reports, "--junit-xml", folder / "junit.xml"]
    done = run_pytest("-m", "accuracy", "tests/acceptance", *inputs, *outputs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"report: {folder / 'report.html'}" in done.stdout
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), timeout=HANG_TIMEOUT)
        yield browser
        browser.close()


ROW = {"name": "BGR input", "ran": "artifact", "miou_before": 0.1, "miou_after": 0.6, "images": 8, "seconds": 0.2}


def failed(folder: Path) -> Contents:
    """A run with everything that a page can show of one that failed."""
    where: dict[str, Any] = {"argv": ("pytest", "-m", "accuracy or perf")}
    fast, slow = timed((5.0, 5.1, 4.9), batch=16, **where), timed((1.0, 1.2), **where)
    rate = {"unit": "x", "low": 1.2, "numbers": {"baseline": 825.0}}
    found: dict[str, Any] = {
        "artifact": "onnxruntime",
        "cause": "BGR",
        "sentence": "it is BGR",
        "facts": ["so"],
        "rows": [ROW],
    }
    return contents(
        percent("reference_miou", 69.0),
        percent("miou", 60.0, in_words="onnxruntime, bs1", numbers={"difference_low": -9.5, "difference_high": -8.0}),
        percent("miou", 69.0, in_words="onnxruntime, bs16"),
        percent("miou", 69.25, in_words="onnxruntime, bs4"),
        verdict("throughput", "FAIL", in_words="bs1", measured=1.1, margin=-0.1, batch_size=1, **rate),
        verdict("throughput", "PASS", in_words="bs16", measured=3.9, margin=2.7, batch_size=16, **rate),
        verdict("agreement", "NO EVIDENCE", sentence="; ".join(["one image is missing"] * 9)),
        verdict("model_directory", "INFO"),
        folder=folder,
        recorded_figures=(verdict("recorded", "INFO"),),
        accuracies=(accuracy(SOUND, backend="pytorch", **where), accuracy(FAULTY, **where)),
        throughputs=(slow, fast),
        parities=(parity(0, 3), parity(0, 0), parity(comparison="padded tail", missing_reason="no outputs")),
        diagnosis={**found, "layers": {"sentence": "all layers agree", "first": None}},
    )


SOUND = [[90, 10, 0], [0, 100, 0], [0, 0, 100]]
FAULTY = [[40, 0, 60], [0, 94, 6], [0, 0, 100]]


@pytest.fixture(scope="module")
def pages(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The accepted run's report, that of a failed one, and a comparison."""
    made = tmp_path_factory.mktemp("pages")
    run = failed(made)
    report.write(run, made / "failed.html")
    report.compare(replace(run, verdicts=run.verdicts[:4]), run, made / "compared.html")
    return {"accepted": folder / "report.html", **{name: made / f"{name}.html" for name in ("failed", "compared")}}


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    """Opens a page by name; what any of them says on the console or asks a network for fails the test."""
    told: list[str] = []
    found: list[Page] = []

    def open_page(name: str, scheme: Literal["light", "dark"] = "light", width: int = 1440) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(HANG_TIMEOUT)
        page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on(
            "request", lambda asked: told.append(asked.url) if not asked.url.startswith(("data:", "file:")) else None
        )
        page.goto(pages[name].as_uri())
        found.append(page)
        return page

    yield open_page
    for page in found:
        page.close()
    assert not told


@pytest.fixture
def page(opened: Callable[..., Page]) -> Page:
    return opened("accepted")


def test_numbers_are_the_evidence_s(page: Page, folder: Path) -> None:
    verdicts = json.loads((folder / "evidence" / "verdicts.json").read_text())
    assert page.locator("header p").first.inner_text() == f"{verdicts['conclusion']}."
    assert page.locator("h1").inner_text() == "small may ship, as far as accuracy goes."
    gates = {verdict["gate"] for verdict in verdicts["verdicts"]}
    assert page.locator("#gates-table tbody").count() == len(gates)  # all passed: one row a gate
    text = " ".join((page.locator("#gates-table").text_content() or "").split())
    for each in verdicts["verdicts"]:
        assert each["test"] in text
        assert each["sentence"].partition("; ")[0] in text
    evidence = json.loads((folder / "evidence" / "accuracy-small-onnxruntime-bs1.json").read_text())
    table = page.locator("section[aria-labelledby=accuracy] table").first
    shown = dict(row.split("\t")[::2] for row in table.locator("tbody tr").all_inner_texts())
    wanted = {name: "-" if iou is None else f"{100 * iou:.2f}" for name, iou in evidence["iou_per_class"].items()}
    assert shown == wanted
    matrix = evidence["confusion_matrix"]
    tips = page.locator(".matrix tbody td").evaluate_all("cells => cells.map(cell => cell.title)")
    pixels = [int(tip.split()[-2].replace(",", "")) for tip in tips]
    assert pixels == [count for row in matrix for count in row]
    assert page.locator("#chart-miou .point").count() == len([v for v in verdicts["verdicts"] if "miou" in v["gate"]])
    assert page.get_by_text(evidence["provenance"]["artifact_sha256"]).count() == 1


def test_passes_are_collapsed_and_failures_come_first(opened: Callable[..., Page]) -> None:
    page = opened("failed")
    outcomes = page.locator("#gates-table tbody").evaluate_all("all => all.map(each => each.dataset.group)")
    assert outcomes == ["FAIL", "FAIL", "NO EVIDENCE", "INFO", "PASS", "PASS", "PASS"]
    family = page.locator("#gates-table tbody", has=page.get_by_role("button", name="mIoU, 2 cases"))
    member = family.get_by_text("test_miou[onnxruntime, bs4]")
    assert not member.is_visible()
    family.get_by_role("button").click()
    assert member.is_visible()
    assert page.get_by_text("test_miou[onnxruntime, bs1]").is_visible()
    assert page.get_by_text("and 8 more").is_visible()


def test_box_says_why_and_what_next(opened: Callable[..., Page]) -> None:
    box = opened("failed").locator(".box")
    text = box.inner_text()
    for words in (
        "Diagnosis of onnxruntime",
        "Likely cause: BGR",
        "It is BGR.",
        "so",
        "All layers agree.",
        "run the same again",
    ):
        assert words in text
    assert box.locator(".command code").inner_text() == "pytest -m 'accuracy or perf'"
    box.get_by_role("button", name="Copy").click()
    assert box.get_by_role("button").inner_text() in ("Copied", "Selected")
    assert opened("accepted").locator(".box").count() == 0


def test_filter_and_sort(opened: Callable[..., Page]) -> None:
    page = opened("failed")
    groups = page.locator("#gates-table tbody")
    page.get_by_role("searchbox").fill("bs1 throughput")
    assert [text.split()[1] for text in groups.filter(visible=True).all_inner_texts()] == ["fail", "pass"]
    assert page.locator("output").inner_text() == "6 of 8 hidden"
    page.get_by_label("1 no evidence").uncheck()
    page.get_by_role("searchbox").fill("")
    assert page.locator("output").inner_text() == "1 of 8 hidden"
    margin = page.locator("#gates-table").get_by_role("button", name="margin")
    column = "all => all.map(each => each.rows[0].cells[4].dataset.sort)"
    margin.click()
    assert groups.evaluate_all(column) == ["-8.0", "-0.1", "0.75", "1.0", "2.7", "", ""]
    margin.click()
    assert groups.evaluate_all(column) == ["2.7", "1.0", "0.75", "-0.1", "-8.0", "", ""]
    assert page.locator("#gates-table th[aria-sort=descending]").inner_text() == "margin"
    classes = page.locator("section[aria-labelledby=accuracy] table").first
    names = "rows => rows.map(row => row.cells[0].textContent)"
    assert classes.locator("tbody tr").evaluate_all(names) == ["road", "car", "sky"]
    classes.get_by_role("button", name="class").click()
    assert classes.locator("tbody tr").evaluate_all(names) == ["car", "road", "sky"]


def test_comparison_can_be_reduced_to_what_changed(opened: Callable[..., Page]) -> None:
    page = opened("compared")
    assert page.locator("h1").inner_text() == "mine: 4 of 8 outcomes changed, 0 more values moved"
    page.get_by_label("4 unchanged").uncheck()
    rows = page.locator("section[aria-labelledby=gates] tbody tr").filter(visible=True)
    assert all("not run →" in text for text in rows.all_inner_texts())
    assert rows.count() == 4


def test_what_ci_reads(folder: Path) -> None:
    """JUnit has a case a gate, its numbers as properties; the summary has a row each."""
    verdicts = json.loads((folder / "evidence" / "verdicts.json").read_text())["verdicts"]
    cases = {case.get("name"): case for case in ElementTree.parse(folder / "junit.xml").iter("testcase")}
    for row in verdicts:
        properties = {each.get("name"): each.get("value") for each in cases[row["test"]].iter("property")}
        assert (properties["gate"], properties["outcome"]) == (row["gate"], "PASS")
        assert {name: float(properties[name] or "nan") for name in row["numbers"]} == row["numbers"]
    summary = (folder / "summary.md").read_text()
    assert summary.startswith("## small may ship, as far as accuracy goes.")
    assert summary.count("| ✓ pass |") == len(verdicts)


def test_slider_and_choice(page: Page) -> None:
    picture = page.locator(".picture").first
    over, slider = picture.locator(".over"), picture.locator("input")
    before, source = over.evaluate("e => e.style.clipPath"), over.get_attribute("src")
    slider.focus()
    page.keyboard.press("Home")
    assert over.evaluate("e => getComputedStyle(e).clipPath") == "inset(0px 100% 0px 0px)" != before
    page.keyboard.press("End")
    assert over.evaluate("e => getComputedStyle(e).clipPath") in ("inset(0px)", "inset(0px 0% 0px 0px)")
    picture.locator("select").select_option("error")
    assert over.get_attribute("src") != source
    assert over.get_attribute("alt") == "error map"


SCREENS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1440), ("dark", 820), ("light", 390))


@pytest.mark.parametrize("name", ["accepted", "failed", "compared"])
def test_fits_every_screen(name: str, opened: Callable[..., Page]) -> None:
    """Nothing is cut off, and tables stack on the narrowest."""
    page = opened(name)
    for _, width in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(f"{CUT_OFF}.length") == 0
        display = page.locator("table.sortable tbody td").first.evaluate("e => getComputedStyle(e).display")
        assert (display == "table-cell") == (width > 640)


@pytest.mark.parametrize(("name", "screen"), [("accepted", 0), ("failed", 1), ("failed", 2), ("compared", 1)])
def test_is_accessible(name: str, screen: int, opened: Callable[..., Page]) -> None:
    response = Axe().run(opened(name, *SCREENS[screen])).response
    assert len(response["passes"]) > 20
    found = [each for each in response["violations"] if each["impact"] in ("serious", "critical")]
    assert not [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def test_every_comparison_is_shown(page: Page, folder: Path) -> None:
    """A row of the parity table or a line below it for each piece of evidence."""
    section = page.locator("section[aria-labelledby=parity]")
    lines = section.locator("tbody tr, li").all_text_contents()
    kinds = [json.loads(path.read_text()).get("kind") for path in (folder / "evidence").glob("*.json")]
    assert len(lines) == kinds.count("parity") + kinds.count("difference")
    assert any(line.startswith("batch parity") and "onnxruntime batch 4" in line for line in lines)


@pytest.mark.parametrize("name", ["accepted", "failed", "compared"])
def test_printed_nothing_is_cut_off(name: str, opened: Callable[..., Page]) -> None:
    """On A4, even from a dark screen: all fits the paper, on white; controls that paper has not are left out."""
    page = opened(name, "dark", 718)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(f"{CUT_OFF}.length") == 0
    for control in page.locator(".picture input, .filter, .copy").all():
        assert not control.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
