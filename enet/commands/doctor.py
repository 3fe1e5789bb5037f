"""Show which backends can run here and what the others lack, OpenCV, the decoder of PNGs, and the cores in use."""

from argparse import Namespace
from importlib import import_module
from typing import Any

from enet import backends, datasets, opencv
from enet.commands.common import print_table
from enet.errors import EnetError, folded
from enet.host import cores_in_words
from enet.options import AddOption

EXAMPLE = "enet doctor"


def add_options(add: AddOption) -> None:
    add("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    states: dict[str, dict[str, Any]] = {}
    lines = []
    for name in backends.BACKENDS:
        try:
            states[name] = {"ready": True, "versions": dict(backends.get(name).versions())}
        except EnetError as error:
            states[name] = {"ready": False, "missing": str(error)}
    states["opencv"] = opencv_state()
    for name, state in states.items():
        found = ", ".join(f"{library} {n}" for library, n in state.get("versions", {}).items())
        lines += row(name, "ready" if state["ready"] else "missing", state.get("missing", found))
        lines += row("", "warning", state["warning"]) if "warning" in state else []
    others = {"png": datasets.png.serving(), "cores": cores_in_words()}
    for name, found in others.items():
        lines += row(name, "", found)
    return print_table(lines, {**states, **others}, args)


def row(name: str, state: str, text: str) -> list[str]:
    """Lines of the table; the text goes on below itself."""
    first = f"{name:<13}{state:<9}"
    return folded(text, len(first), first=first)


def opencv_state() -> dict[str, Any]:
    """Whether OpenCV can be imported, which distribution of it, and what repairs several."""
    problem = opencv.problem()
    warning = {"warning": problem} if problem else {}
    try:
        import_module("cv2")
    except ImportError as error:
        advice = "pip install --force-reinstall --no-deps opencv-python-headless, which needs no graphics libraries"
        return {"ready": False, "missing": f"{error}. Try: {advice}", **warning}
    return {"ready": True, "versions": opencv.serving(), **warning}
