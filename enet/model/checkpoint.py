"""Read checkpoints, and report in a few lines what does not fit the network.

Accepted: a plain state dict, or one under ``state_dict``; keys with or without the ``module.`` that data-parallel
training adds; the zip and the legacy format of ``torch.save``. Files are read with ``weights_only=True``, which never
runs code from a pickle.
"""

from __future__ import annotations

import errno
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from enet.deliverable import VARIANTS
from enet.errors import InputError, format_list
from enet.model.architectures import build
from enet.storage.files import require_plain_file

#: Exceptions of ``torch.load`` for a file that is not a checkpoint, other than those with a message of their own.
#: RuntimeError includes NotImplementedError and RecursionError; ValueError, UnicodeDecodeError.
LOAD_ERRORS = (RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError, AssertionError, struct.error)
#: The architecture by the key of the classifier, whose shape gives the number of outputs.
CLASSIFIERS = {"fullconv.weight": "ascend", "transposed_conv.weight": "paper"}


def read(path: Path) -> dict[str, Tensor]:
    """Read the state dict in a checkpoint file; its keys lose the prefix ``module.``.

    Raises:
        InputError: the file cannot be read, is not a checkpoint, or would run code.
    """
    try:
        require_plain_file(path)
        with path.open("rb"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the protocol of the pickle
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        if error.errno == errno.EINVAL:  # torch seeks before the start of a cut file
            raise InputError(f"weights {path}: not a torch checkpoint (cut short)") from error
        raise InputError(f"weights {path}: {error.strerror or error}. Give a checkpoint with --weights") from error
    except pickle.UnpicklingError as error:
        found = re.search(r"(?i)unsupported (?:global:? )?global:? (\S+)", str(error))
        if found is None:
            raise InputError(f"weights {path}: not a torch checkpoint (no readable pickle)") from error
        problem = f"has more than tensors ({found[1]}) and was not loaded, because reading it could run code"
        advice = "Save it again as torch.save(network.state_dict(), path)"
        raise InputError(f"weights {path}: {problem}. {advice}") from error
    except LOAD_ERRORS as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0][:160]
        raise InputError(f"weights {path}: not a torch checkpoint ({reason})") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"weights {path}: content of type {type(content).__name__}, expected a state dict")
    wrong = [key for key, value in content.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if wrong:
        raise InputError(f"weights {path}: not tensors: {format_list(wrong)}. Save network.state_dict() alone")
    return {key.removeprefix("module."): value for key, value in content.items()}


def guess_variant(state: Mapping[str, Tensor]) -> tuple[str, int] | None:
    """Guess the variant and the number of outputs from a state dict; None if it is not of an ENet.

    Pooling has no weights, so a checkpoint that was trained with another shortcut pooling has the keys of ``ascend``.
    """
    for key, family in CLASSIFIERS.items():
        if key in state and state[key].ndim == 4:
            variant = "tramac" if family == "ascend" and "initial.act.weight" in state else family
            return variant, int(state[key].shape[1])
    return None


def load(path: Path, variant: str, outputs: int) -> nn.Module:
    """Build a network in evaluation mode with the checkpoint's weights.

    Raises:
        InputError: see ``read`` and ``fit``.
    """
    return fit(path, read(path), variant, outputs)


def fit(path: Path, state: Mapping[str, Tensor], variant: str, outputs: int) -> nn.Module:
    """Build a network in evaluation mode with the weights of a state dict.

    Args:
        path: the state dict's file, for messages.
    Raises:
        InputError: keys are missing, unexpected or of a wrong shape; or a weight is not finite.
    """
    network = build(variant, outputs)
    expected = network.state_dict()
    shapes = {key: (list(state[key].shape), list(value.shape)) for key, value in expected.items() if key in state}
    problems = {
        "missing": [key for key in expected if key not in state],
        "unexpected": [key for key in state if key not in expected],
        "wrong shape": [f"{key} {seen} for {right}" for key, (seen, right) in shapes.items() if seen != right],
    }
    if any(problems.values()):
        raise InputError(f"weights {path}: {mismatch((variant, outputs), state, problems)}")
    kinds, right = ({key: (v.layout, v.is_floating_point()) for key, v in each.items()} for each in (state, expected))
    if odd := [key for key in state if kinds[key] != right[key]]:
        raise InputError(f"weights {path}: not plain tensors of floating-point numbers: {format_list(odd)}")
    broken = [key for key, value in state.items() if not torch.isfinite(value.to(expected[key].dtype)).all()]
    if broken:
        raise InputError(f"weights {path}: not finite: {format_list(broken)}. The checkpoint is damaged")
    network.load_state_dict(state)
    return network


def mismatch(wanted: tuple[str, int], state: Mapping[str, Tensor], problems: Mapping[str, list[str]]) -> str:
    """Describe in a few lines the likely variant of the checkpoint, and its differences to the wanted one."""
    guess, (variant, outputs) = guess_variant(state), wanted
    if guess is None:
        seems = f"it is not a known ENet ({', '.join(VARIANTS)})"
    elif guess == wanted:
        seems = "it seems to be this network, but damaged"
    else:
        seems = f"it seems to be '{guess[0]}' with {guess[1]} outputs. Set these in the deliverable, or use --variant"
    lines = [f"do not fit '{variant}' with {outputs} outputs; {seems}"]
    lines += [f"  {len(keys)} {what}: {format_list(keys, first=3)}" for what, keys in problems.items() if keys]
    return "\n".join(lines)
