"""The README's picture shows the report as it is."""

from __future__ import annotations

from PIL import Image

from tests.report_picture import KEY, PICTURE, page_sha256


def test_picture_is_of_this_report() -> None:
    with Image.open(PICTURE) as picture:
        assert picture.info.get(KEY) == page_sha256(), "the report looks different: run python -m tests.report_picture"
