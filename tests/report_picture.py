"""The picture of the report in the README: ``python -m tests.report_picture`` runs the acceptance and takes it.

The picture remembers the page of one made-up run. ``tests/unit/report/test_picture.py`` fails once that page has
another text or look, which is when the picture has to be taken again.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image, PngImagePlugin

from enet import report
from enet.storage.files import write_bytes
from tests.suite.acceptance import ROOT, run_pytest
from tests.unit.report.runs import failed

PICTURE = ROOT / "docs" / "report.png"
#: Name of the text in the picture that holds ``page_sha256``.
KEY = "page"
#: Pixels.
WIDTH, HEIGHT = 1200, 1100


def page_sha256() -> str:
    """SHA-256 of the made-up run's page, without its white space."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        report.write(failed(Path("evidence")), page)
        return hashlib.sha256("".join(page.read_text(encoding="utf-8").split()).encode()).hexdigest()


def take() -> None:
    """Accept the included deliverable, open the report in Chromium and keep its top as the picture."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "report.html"
        done = run_pytest("-m", "accuracy", "tests/acceptance", "--evidence", folder, "--html-report", page_file)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(page_file.as_uri())
            page.evaluate("all('header dt').find(e => e.textContent == 'device').parentNode.remove()")  # whose it is
            screen = Image.open(io.BytesIO(page.screenshot()))
            browser.close()
    buffer, text = io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_text(KEY, page_sha256())
    screen.convert("RGB").quantize(256).save(buffer, "PNG", optimize=True, pnginfo=text)
    write_bytes(PICTURE, buffer.getvalue())


if __name__ == "__main__":
    take()
