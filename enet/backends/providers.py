"""ONNX Runtime's execution providers: their names, the packages that bring them, and what ran where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from enet.errors import BackendUnavailable, unknown_name_error

ENDING, CPU = "ExecutionProvider", "CPUExecutionProvider"

#: Packages of ONNX Runtime with more than the CPU's provider, by the provider's short name, as PyPI names them.
PACKAGES = {
    "CANN": "onnxruntime-cann",
    "CUDA": "onnxruntime-gpu",
    "DML": "onnxruntime-directml",
    "MIGraphX": "onnxruntime-migraphx",
    "OpenVINO": "onnxruntime-openvino",
    "QNN": "onnxruntime-qnn",
    "ROCM": "onnxruntime-rocm",
    "Tensorrt": "onnxruntime-gpu",
}


def full_name(name: str) -> str:
    """A provider's name as ONNX Runtime writes it.

    Raises:
        InputError: there is no such provider.
        BackendUnavailable: this package of ONNX Runtime does not have it; the message names the one that does.
    """
    known = {each.removesuffix(ENDING).lower(): each for each in onnxruntime.get_all_providers()}
    found = known.get(name.removesuffix(ENDING).lower())
    if found is None:
        raise unknown_name_error("--provider", name, [each.removesuffix(ENDING) for each in known.values()])
    if found not in onnxruntime.get_available_providers():
        package = PACKAGES.get(found.removesuffix(ENDING))
        advice = f"Install {package} in place of onnxruntime" if package else "No package of PyPI brings it"
        raise BackendUnavailable(f"--provider {name}: this onnxruntime does not have {found}. {advice}")
    return found


def options_of(name: str, stated: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The options that a deliverable states for a provider, under its short or whole name in any case."""
    short = name.removesuffix(ENDING).lower()
    return {k: v for key, each in stated.items() if key.removesuffix(ENDING).lower() == short for k, v in each.items()}


def nodes_by_provider(profile: Path) -> Counter[str]:
    """Number of operators that each provider ran, from the file that a session's profiling wrote."""
    events = json.loads(profile.read_text(encoding="utf-8"))
    kernels = [each for each in events if each.get("cat") == "Node" and each["name"].endswith("_kernel_time")]
    return Counter(each["args"]["provider"] for each in kernels)
