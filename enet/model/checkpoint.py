"""Read a checkpoint as people have them, and say in a few lines what doesn't fit.

Accepted: a plain state dict, or one under ``state_dict``; keys with or without the ``module.`` that data-parallel
training adds; the zip and the legacy format of ``torch.save``. Files are read with ``weights_only=True``: a pickle
that wants to run code is refused, not run.
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

#: The classifier's key tells a checkpoint's family; its shape, the number of outputs.
CLASSIFIERS = {"fullconv.weight": "ascend", "transposed_conv.weight": "paper"}


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint file, its keys without ``module.``.

    Raises:
        InputError: the file can't be read, isn't a checkpoint, or would run code.
    """
    try:
        require_plain_file(path)
        with path.open("rb"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a pickle's protocol is unusual
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        if error.errno == errno.EINVAL:  # torch seeks before the start of a cut file
            raise InputError(f"weights {path}: not a torch checkpoint (cut short)") from error
        raise InputError(f"weights {path}: {error.strerror or error}. Give a checkpoint with --weights") from error
    except pickle.UnpicklingError as error:
        found = re.search(r"(?i)unsupported (?:global:? )?global:? (\S+)", str(error))
        if found is None:
            raise InputError(f"weights {path}: not a torch checkpoint (no readable pickle)") from error
        why = found[1]
        raise InputError(
            f"weights {path}: holds more than tensors ({why}) and was not loaded, since reading it could run code. "
            "Save it again as torch.save(network.state_dict(), path)"
        ) from error
    except (
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        AssertionError,
        struct.error,
    ) as error:
        raise InputError(f"weights {path}: not a torch checkpoint ({first_line(str(error))})") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"weights {path}: holds a {type(content).__name__}, but should hold a state dict")
    wrong = [key for key, value in content.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if wrong:
        raise InputError(f"weights {path}: not tensors: {format_list(wrong)}. Save network.state_dict() alone")
    return {key.removeprefix("module."): value for key, value in content.items()}


def first_line(text: str) -> str:
    """The first line, cut to a readable length."""
    return (text.strip().splitlines() or ["no reason given"])[0][:160]


def likely(state: Mapping[str, Tensor]) -> tuple[str, int] | None:
    """The variant and number of outputs that a state dict seems to be of; None if it is no ENet.

    An ``ascend`` checkpoint and one trained with another shortcut pooling have the same keys: pooling has no weights.
    """
    for key, family in CLASSIFIERS.items():
        if key in state and state[key].ndim == 4:
            variant = "tramac" if family == "ascend" and "initial.act.weight" in state else family
            return variant, int(state[key].shape[1])
    return None


def load(path: Path, variant: str, outputs: int) -> nn.Module:
    """A network in evaluation mode with the checkpoint's weights.

    Raises:
        InputError: as ``read`` and ``fit``.
    """
    return fit(path, read(path), variant, outputs)


def fit(path: Path, state: Mapping[str, Tensor], variant: str, outputs: int) -> nn.Module:
    """A network in evaluation mode with the weights of a state dict, every key present and of the right shape.

    Args:
        path: where the state dict is from, for errors.
    Raises:
        InputError: keys are missing, unexpected or wrongly shaped; or a weight isn't finite.
    """
    network = build(variant, outputs)
    expected = network.state_dict()
    problems = {
        "missing": [key for key in expected if key not in state],
        "unexpected": [key for key in state if key not in expected],
        "wrong shape": [
            f"{key} {list(state[key].shape)} for {list(value.shape)}"
            for key, value in expected.items()
            if key in state and state[key].shape != value.shape
        ],
    }
    if any(problems.values()):
        raise InputError(mismatch(path, variant, outputs, state, problems))
    odd = [
        key
        for key, value in state.items()
        if value.layout != torch.strided or value.is_floating_point() != expected[key].is_floating_point()
    ]
    if odd:
        raise InputError(f"weights {path}: not plain tensors of floating-point numbers: {format_list(odd)}")
    broken = [key for key, value in state.items() if not torch.isfinite(value.to(expected[key].dtype)).all()]
    if broken:
        raise InputError(f"weights {path}: not finite: {format_list(broken)}. The checkpoint is damaged")
    network.load_state_dict(state)
    return network


def mismatch(
    path: Path, variant: str, outputs: int, state: Mapping[str, Tensor], problems: Mapping[str, list[str]]
) -> str:
    """A few lines: what the checkpoint seems to be, and how it differs from what was asked for."""
    guess = likely(state)
    if guess is None:
        seems = f"this is no ENet that is known here ({', '.join(VARIANTS)})"
    elif guess == (variant, outputs):
        seems = "it seems to be that network, but damaged"
    else:
        seems = f"it seems to be '{guess[0]}' with {guess[1]} outputs: say so in the deliverable, or with --variant"
    lines = [f"weights {path}: do not fit '{variant}' with {outputs} outputs; {seems}"]
    lines += [f"  {len(keys)} {what}: {format_list(keys, first=3)}" for what, keys in problems.items() if keys]
    return "\n".join(lines)
