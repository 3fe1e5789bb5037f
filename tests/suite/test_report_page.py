"""The report of a real run in a browser: the evidence's numbers, a slider that moves, nothing loaded, accessible."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.suite.acceptance import run_pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
    pytest.mark.skipif(not importlib.util.find_spec("axe_playwright_python"), reason="no Playwright and axe-core"),
]

#: So that the browser itself asks nothing of a network.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")

#: Milliseconds after which the browser counts as hanging.
HANG_TIMEOUT = 300_000


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


@pytest.fixture(params=[("light", 1200), ("dark", 768), ("light", 390)], ids=lambda p: f"{p[0]}-{p[1]}")
def page(request: pytest.FixtureRequest, browser: Browser, folder: Path) -> Iterator[Page]:
    """The report, opened; whatever it says on the console or asks for is kept on the page as ``told``."""
    scheme, width = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(HANG_TIMEOUT)
    told: list[str] = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda asked: told.append(asked.url) if not asked.url.startswith(("data:", "file:")) else None)
    page.goto((folder / "report.html").as_uri())
    page.wait_for_selector("#chart-confusion svg")
    yield page
    page.close()
    assert not told


def test_numbers_are_the_evidence_s(page: Page, folder: Path) -> None:
    verdicts = json.loads((folder / "evidence" / "verdicts.json").read_text())
    assert page.locator("header p").first.inner_text() == f"{verdicts['conclusion']}."
    assert page.locator("h1").inner_text() == "small may ship, as far as accuracy goes."
    rows = page.locator("#gates-table tbody tr")
    assert rows.count() == len(verdicts["verdicts"])
    for number, verdict in enumerate(verdicts["verdicts"]):
        text = rows.nth(number).inner_text()
        assert verdict["test"] in text
        assert verdict["sentence"] in text
        assert "pass" in text
    evidence = json.loads((folder / "evidence" / "accuracy-small-onnxruntime-bs1.json").read_text())
    shown = page.evaluate("specs['chart-classes'].data.values.filter(v => v.run == 'artifact').map(v => v['IoU in %'])")
    wanted = [None if iou is None else 100 * iou for iou in evidence["iou_per_class"].values()]
    assert shown == pytest.approx(wanted)
    pixels = page.evaluate("specs['chart-confusion'].data.values.map(v => v.pixels)")
    assert pixels == [count for row in evidence["confusion_matrix"] for count in row]
    bars = page.locator("#chart-classes svg path[aria-roledescription='bar']")
    assert bars.count() == 2 * sum(iou is not None for iou in wanted)
    assert page.get_by_text(evidence["provenance"]["artifact_sha256"]).count() == 1


def test_what_ci_reads(folder: Path) -> None:
    """JUnit has a case a gate, its numbers as properties; the summary has a row each."""
    verdicts = json.loads((folder / "evidence" / "verdicts.json").read_text())["verdicts"]
    cases = {case.get("name"): case for case in ElementTree.parse(folder / "junit.xml").iter("testcase")}
    for verdict in verdicts:
        properties = {each.get("name"): each.get("value") for each in cases[verdict["test"]].iter("property")}
        assert (properties["gate"], properties["outcome"]) == (verdict["gate"], "PASS")
        assert {name: float(properties[name] or "nan") for name in verdict["numbers"]} == verdict["numbers"]
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


def test_fits_the_screen_and_is_accessible(page: Page) -> None:

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    response = Axe().run(page).response
    assert len(response["passes"]) > 20
    found = [each for each in response["violations"] if each["impact"] in ("serious", "critical")]
    assert not [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def test_every_comparison_is_shown(page: Page, folder: Path) -> None:
    """A row of the parity table for each piece of evidence."""
    rows = page.locator("section[aria-labelledby=parity] tbody tr").all_inner_texts()
    kinds = [json.loads(path.read_text()).get("kind") for path in (folder / "evidence").glob("*.json")]
    assert len(rows) == kinds.count("parity") + kinds.count("difference")
    assert any(row.startswith("batch parity") and "onnxruntime batch 4" in row for row in rows)


def test_printed_nothing_is_cut_off(page: Page) -> None:
    """On A4: charts shrink to the paper, controls that paper hasn't are left out."""
    page.set_viewport_size({"width": 718, "height": 1000})
    page.emulate_media(media="print")
    cut_off = (
        "[...document.querySelectorAll('figure svg')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    )
    assert page.evaluate(f"{cut_off}.length") == 0
    assert not page.locator(".picture input").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
