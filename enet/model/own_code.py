"""Networks of the user's own code: ``[network] module = "my_enet.py:build"``.

The code runs only if the user trusts it. Its errors, and outputs that are no logits, become one line with the file and
line of the user's code.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enet.deliverable import Deliverable
from enet.errors import EnetError, InputError, format_list
from enet.model.checkpoint import fit_module


def load(deliverable: Deliverable, weights: Path, order: Sequence[int] | None) -> nn.Module:
    """Build the network by the user's code, with the checkpoint's weights, in evaluation mode.

    Args:
        order: as for ``OwnNetwork``.
    Raises:
        InputError: the code is not trusted, fails, or builds no network; or the checkpoint does not fit.
    """
    path, name = deliverable.code
    if not path.is_file():
        raise InputError(f"[network] module: {path}: no such file. Correct the path")
    outputs = deliverable.network.outputs
    with one_line_errors(path):
        build = import_callable(path, name)
        takes_outputs = "outputs" in inspect.signature(build).parameters
        network = build(outputs=outputs) if takes_outputs else build()
    if not isinstance(network, nn.Module):
        raise InputError(f"{path}: {name} returned {type(network).__name__}, expected a torch.nn.Module")
    return OwnNetwork(fit_module(weights, network, f"{path.name}:{name}"), outputs, path, order).eval()


def import_callable(path: Path, name: str) -> Callable[..., Any]:
    """Run the user's file, whose folder is searched for its imports, and return what it calls ``name``."""
    spec = importlib.util.spec_from_file_location(f"own_code_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"[network] module: {path}: not a Python file. Correct the path")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    sys.path.insert(0, str(path.parent))
    cached, sys.pycache_prefix = sys.pycache_prefix, tempfile.mkdtemp()  # a __pycache__ beside it may be of other code
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        shutil.rmtree(sys.pycache_prefix, ignore_errors=True)
        sys.pycache_prefix = cached
    found = getattr(module, name, None)
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InputError(f"{path}: has no function or class {name!r}. It has: {format_list(names) or 'none'}")
    return found


@contextlib.contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Turn an exception of the user's code into an ``InputError`` with the last line of theirs that it came through."""
    try:
        yield
    except EnetError:
        raise
    except (Exception, SystemExit) as error:  # a script that parses the command line ends the process
        frames = traceback.extract_tb(error.__traceback__)
        lines = [
            f"{frame.filename}:{frame.lineno}" for frame in frames if Path(frame.filename).is_relative_to(path.parent)
        ]
        if isinstance(error, SyntaxError) and error.filename:
            lines.append(f"{error.filename}:{error.lineno}")
        reason = (str(error).strip().splitlines() or ["no reason given"])[0][:200]
        raise InputError(f"{lines[-1] if lines else path}: {type(error).__name__}: {reason}") from error


class OwnNetwork(nn.Module):
    """A network of the user's code. It may return logits alone, first in a tuple or list, or under "out".

    Args:
        path: of the code, for messages.
        order: of the outputs, those of the classes first; None: as they are.
    """

    def __init__(self, network: nn.Module, outputs: int, path: Path, order: Sequence[int] | None = None) -> None:
        super().__init__()
        self.network, self.outputs, self.path = network, outputs, path
        self.order = None if order is None else list(order)

    def forward(self, x: Tensor) -> Tensor:
        with one_line_errors(self.path):
            result = self.network(x)
        if isinstance(result, Mapping):
            result = result.get("out", result)
        elif isinstance(result, tuple | list) and result:
            result = result[0]
        if not isinstance(result, Tensor) or not result.is_floating_point():
            seen = f"{type(result).__name__} with {format_list(list(result))}" if isinstance(result, Mapping) else None
            kind = seen or (str(result.dtype) if isinstance(result, Tensor) else type(result).__name__)
            raise InputError(f"{self.path}: the network returned {kind}, expected logits, {RULE}")
        if not torch._C._get_tracing_state():  # the tracer's sides are tensors
            expected = [x.shape[0], self.outputs, *x.shape[2:]]
            if list(result.shape) != expected:
                problem = f"logits of shape {list(result.shape)} for images of {list(x.shape)}, expected {expected}"
                raise InputError(f"{self.path}: the network returned {problem}")
        return result if self.order is None else result[:, self.order]


RULE = "alone, first in a tuple or list, or under 'out'"
