"""Which of OpenCV's distributions serves: all of them write the same folder ``cv2``, so the last one installed does."""

from __future__ import annotations

import contextlib
import re
from importlib import metadata, util
from pathlib import Path

#: The first that is installed is kept: windows are asked for on purpose, and so are the contributed modules.
DISTRIBUTIONS = ("opencv-contrib-python", "opencv-python", "opencv-contrib-python-headless", "opencv-python-headless")


def serving() -> dict[str, str]:
    """Return name and version of the distribution whose files are in ``cv2``; of a system's package, "opencv"."""
    facts = dict(re.findall(r'^(\w+) = "?([^"\n]*)', version_file(), re.MULTILINE))
    if not facts:
        return {"opencv": "unknown"}
    contrib = "contrib-" if facts.get("contrib") == "True" else ""
    headless = "-headless" if facts.get("headless") == "True" else ""
    return {f"opencv-{contrib}python{headless}": facts.get("opencv_version", "unknown")}


def version_file() -> str:
    """The text of ``cv2/version.py``, which a wheel of OpenCV has; empty if there is none."""
    spec = util.find_spec("cv2")
    if spec is None or spec.origin is None:
        return ""
    try:
        return Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return ""


def problem() -> str:
    """One line that names distributions which overwrite each other, and repairs that; empty if there is one at most."""
    installed = {}
    for name in DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    if len(installed) < 2:
        return ""
    (name, version), *_ = installed.items()
    repair = f"pip uninstall -y {' '.join(installed)} && pip install --no-deps {name}=={version}"
    served = " ".join(*serving().items())
    return f"{' and '.join(installed)} overwrite each other's files; {served} serves. Repair: {repair}"
