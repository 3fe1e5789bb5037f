"""Find a network's weights in a checkpoint, and say in one line what does not fit.

Training code saves a state dict alone or inside dictionaries, beside optimisers and metrics, with prefixes of the
modules around the network. Nothing of this is listed here: the place and the prefix are those with which most keys are
the network's. ``docs/checkpoints.md`` says what is accepted.
"""

from __future__ import annotations

import functools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from enet.deliverable import VARIANTS
from enet.errors import InputError, format_list, printable
from enet.model.architectures import build
from enet.model.weights_file import read_content

#: The architecture by the key of the classifier, whose shape gives the number of outputs.
CLASSIFIERS = {"fullconv.weight": "ascend", "transposed_conv.weight": "paper"}

#: Levels of dictionaries in which a state dict is looked for, as in ``{"state": {"model": {"net": …}}}``.
DEPTH = 3
#: Names in keys, at any place, that wrappers of modules add: torch.compile, FSDP, activation checkpoints.
WRAPPERS = re.compile(r"\b(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
#: Older names in public checkpoints: davidtvs/PyTorch-ENet's, for the activation that ends a block.
RENAMED = {"out_prelu": "out_activation"}
#: Keys that no network in evaluation mode uses: a counter that old versions of PyTorch lack, and what averaging
#: (``torch.optim.swa_utils``) and profiling (``thop``, ``ptflops``) add.
COUNTERS = re.compile(
    r"(^|\.)(num_batches_tracked|n_averaged|total_ops|total_params|__flops__|__params__|__batch_counter__)$"
)
#: Modules for training alone, which may be beside a network that has none of this name.
BESIDE = re.compile(r"^(criterion|loss\w*|aux\w*|metrics?|\w+_metrics?|(train|val|test)_\w+)\.")
#: Names of averaged weights. They are taken if there are no others, since those are what was trained.
AVERAGED = re.compile(r"(?i)(?<![a-z])(ema|swa)(?![a-z])|averag|shadow|teacher")
#: Names under which networks are usually saved.
MAIN = re.compile(r"(^|\.)(state_dict|model_state_dict|model|net|network)$")
#: Least share of keys in common with a known network, of all keys of both, for a checkpoint of an ENet.
RELATED = 0.5

State = dict[str, Tensor]


def read(path: Path) -> State:
    """Read the weights in a checkpoint file, with the keys of the known ENet that they fit best.

    Raises:
        InputError: the file cannot be read, is not a checkpoint, would run code, or holds several networks.
    """
    return likeliest(path, read_content(path))


def load(path: Path, variant: str, outputs: int) -> nn.Module:
    """Build a network in evaluation mode with the checkpoint's weights.

    Raises:
        InputError: see ``read`` and ``fit``.
    """
    content, expected = read_content(path), shapes(variant, outputs)
    state = choose(path, content, expected)
    return fit(path, likeliest(path, content) if differences(state, expected) else state, variant, outputs)


def fit(path: Path, state: Mapping[str, Tensor], variant: str, outputs: int) -> nn.Module:
    """Build a network in evaluation mode with the weights of a state dict.

    Args:
        path: the state dict's file, for messages.
    Raises:
        InputError: keys are missing, unexpected or of a wrong shape; or a weight is not finite.
    """
    network = build(variant, outputs)
    if problems := differences(state, network.state_dict()):
        raise InputError(f"weights {path}: {mismatch((variant, outputs), state, problems)}")
    return fill(path, state, network)


def fit_module(path: Path, network: nn.Module, name: str) -> nn.Module:
    """Load a checkpoint into a network of the user's own code.

    Args:
        name: of the network, for messages.
    Raises:
        InputError: see ``read`` and ``fit``.
    """
    expected = network.state_dict()
    state = choose(path, read_content(path), expected)
    if problems := differences(state, expected):
        share = likeness(state, expected)
        seems = f"{share:.0%} of the keys are the same" if share else "no key is the same"
        raise InputError(f"weights {path}: do not fit {name}: {seems}; {describe(problems)}")
    return fill(path, state, network)


def fill(path: Path, state: Mapping[str, Tensor], network: nn.Module) -> nn.Module:
    """Load a state dict whose keys and shapes fit, in evaluation mode, once its values are sound."""
    expected = {key: value for key, value in network.state_dict().items() if not COUNTERS.search(key)}
    used = {key: state[key] for key in expected}
    kinds, right = ({key: (v.layout, v.is_floating_point()) for key, v in each.items()} for each in (used, expected))
    if odd := [key for key in expected if kinds[key] != right[key]]:
        raise InputError(f"weights {path}: not plain tensors of floating-point numbers: {format_list(odd)}")
    broken = [key for key, value in used.items() if not torch.isfinite(value.to(expected[key].dtype)).all()]
    if broken:
        raise InputError(f"weights {path}: not finite: {format_list(broken)}. The checkpoint is damaged")
    network.load_state_dict({**network.state_dict(), **used})
    return network.eval()


def reorder(network: nn.Module, outputs: Sequence[int]) -> nn.Module:
    """Give a variant's outputs another order: a permutation of its classifier's kernels."""
    state = network.state_dict()
    (key,) = (key for key in CLASSIFIERS if key in state)
    network.load_state_dict({**state, key: state[key][:, list(outputs)]})
    return network


def guess_variant(state: Mapping[str, Tensor]) -> tuple[str, int] | None:
    """Guess the variant and the number of outputs from a state dict; None if it is not of an ENet.

    Pooling has no weights, so a checkpoint that was trained with another shortcut pooling has the keys of ``ascend``.
    """
    best = max(VARIANTS, key=lambda variant: likeness(state, shapes(variant)))
    if likeness(state, shapes(best)) < RELATED:
        return None
    outputs = [int(state[key].shape[1]) for key in CLASSIFIERS if key in state and state[key].ndim == 4]
    return (best, outputs[0]) if outputs else None


def likeliest(path: Path, content: Any) -> State:
    """The state dict in a file's content that fits any known ENet best."""
    found = [(choose(path, content, shapes(variant)), shapes(variant)) for variant in VARIANTS]
    return max(found, key=lambda pair: likeness(*pair))[0]


def shapes(variant: str, outputs: int = 1) -> Mapping[str, Tensor]:
    """The state dict of a variant, without memory for its values."""
    return shapes_by(build, variant, outputs)


@functools.cache
def shapes_by(build: Callable[[str, int], nn.Module], variant: str, outputs: int) -> Mapping[str, Tensor]:
    """The same, once for each builder: the self-test exchanges it."""
    with torch.device("meta"):
        return build(variant, outputs).state_dict()


def likeness(state: Iterable[str], expected: Iterable[str]) -> float:
    """Share of the keys that both have, of the keys that either has; in 0..1."""
    theirs = {key for key in expected if not COUNTERS.search(key)}
    ours = {key for key in state if key in theirs or not is_beside(key)}
    return len(ours & theirs) / max(1, len(ours | theirs))


def is_beside(key: str) -> bool:
    """Whether a key that is not the network's may be beside it."""
    return bool(COUNTERS.search(key) or BESIDE.search(key))


def choose(path: Path, content: Any, expected: Mapping[str, Tensor]) -> State:
    """Find the state dict that fits a network best in the content of a file; its keys lose their prefix.

    Raises:
        InputError: there are no tensors with names, or several networks that fit equally.
    """
    found = dict(state_dicts(content))
    if not found:
        raise InputError(f"weights {path}: {lacks_tensors(content)}")
    if empty := [place for place, state in found.items() if any(value.is_meta for value in state.values())]:
        raise InputError(f"weights {path}: {empty[0] or 'the state dict'} has no values (device meta). Save it again")
    wanted = {key for key in expected if not COUNTERS.search(key)}
    counts = {(place, prefix): n for place, state in found.items() for prefix, n in prefixes(state, wanted).items()}
    likely = [at for at, count in counts.items() if count == max(counts.values())]
    states = {at: stripped(found[at[0]], at[1], wanted) for at in likely}
    fitting = {at: sum(has_shape(state, key, expected) for key in wanted) for at, state in states.items()}
    most = max(fitting.values(), default=0)
    if most < RELATED * len(wanted):  # another network, which the message is about
        return next(iter(states.values()), max(found.values(), key=len))
    best = {at: state for at, state in states.items() if fitting[at] == most}
    for (place, _), count in counts.items():  # one that is called the network is not passed over without a word
        if MAIN.search(place) and count >= RELATED * len(wanted) and place not in {at[0] for at in best}:
            lacking = f"{place} does not fit in every key, but {next(iter(best))[0] or 'the rest of the file'} does"
            raise InputError(f"weights {path}: {lacking}. Save the one that is meant alone, with torch.save")
    trained = {at: state for at, state in best.items() if not AVERAGED.search(".".join(at))} or best
    (used, state), *others = trained.items()
    names = [" ".join(filter(None, at)) or "the file's own" for at in (used, *(at for at in best if at != used))]
    if any(not same(state, other) for _, other in others):
        advice = "Save the one that is meant alone, with torch.save"
        raise InputError(f"weights {path}: holds {len(trained)} networks that fit: {format_list(names)}. {advice}")
    if any(not same(state, other) for other in best.values()):
        advice = "For averaged weights, save them alone with torch.save"
        tell(f"weights {path}: holds {format_list(names)}; {names[0]} is used. {advice}")
    return state


def has_shape(state: Mapping[str, Tensor], key: str, expected: Mapping[str, Tensor]) -> bool:
    return key in state and state[key].shape == expected[key].shape


@functools.cache
def tell(sentence: str) -> None:
    """Print a note, once in a process."""
    print(printable(f"enet: {sentence}"), file=sys.stderr)


def same(first: State, second: State) -> bool:
    pairs = [(first[key], second[key]) for key in first] if first.keys() == second.keys() else []
    is_same = all(a.dtype == b.dtype and a.layout == b.layout == torch.strided and torch.equal(a, b) for a, b in pairs)
    return first is second or (bool(pairs) and is_same)


def state_dicts(content: Any, place: str = "", depth: int = DEPTH) -> Iterator[tuple[str, State]]:
    """Every dictionary with tensors by name in a file's content, and its place there, such as ``model.net``."""
    if not isinstance(content, Mapping | list | tuple):
        return
    items = list(content.items() if isinstance(content, Mapping) else enumerate(content))
    tensors = {WRAPPERS.sub("", key): as_tensor(value) for key, value in items if isinstance(key, str)}
    if state := {key: value for key, value in tensors.items() if value is not None}:
        yield place, state
    if depth:
        for key, value in items:
            yield from state_dicts(value, f"{place}.{key}".lstrip("."), depth - 1)


def as_tensor(value: Any) -> Tensor | None:
    """A tensor, or an array of numbers as one; None for anything else."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return torch.from_numpy(value)
    return value if isinstance(value, Tensor) else None


def prefixes(state: Iterable[str], wanted: set[str]) -> Counter[str]:
    """How many keys are the network's behind each prefix, which is empty or ends in a point."""
    splits = ((key[:at], key[at:]) for key in state for at in (0, *(point.end() for point in re.finditer(r"\.", key))))
    return Counter(prefix for prefix, key in splits if present_name(key, wanted) in wanted)


def stripped(state: State, prefix: str, wanted: set[str]) -> State:
    """The entries behind a prefix, by their present names; what is beside the prefix is not the network's."""
    entries = ((key.removeprefix(prefix), value) for key, value in state.items() if key.startswith(prefix))
    return {present_name(key, wanted): value for key, value in entries}


def present_name(key: str, wanted: set[str]) -> str:
    """A key by its present name, unless it is the network's as it is."""
    return key if key in wanted else ".".join(RENAMED.get(name, name) for name in key.split("."))


def lacks_tensors(content: Any) -> str:
    """Why a file's content is no checkpoint."""
    if not isinstance(content, Mapping) or not content:
        return f"content of type {type(content).__name__}, expected a state dict. Save network.state_dict()"
    return f"not tensors: {format_list(list(content))}. Save network.state_dict()"


def differences(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Keys that are missing, unexpected or of a wrong shape; empty if a state dict fits."""
    theirs = {key: value for key, value in expected.items() if not COUNTERS.search(key)}
    ours = {key: value for key, value in state.items() if key in theirs or not is_beside(key)}
    pairs = {key: (list(ours[key].shape), list(theirs[key].shape)) for key in theirs if key in ours}
    found = {
        "missing": [key for key in theirs if key not in ours],
        "unexpected": [key for key in ours if key not in theirs],
        "of a wrong shape": [f"{key} {seen} for {right}" for key, (seen, right) in pairs.items() if seen != right],
    }
    return {what: keys for what, keys in found.items() if keys}


def describe(problems: Mapping[str, list[str]]) -> str:
    """Count the differences, and name the first of each kind."""
    parts = [
        f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} {what} ({format_list(keys, first=3)})"
        for what, keys in problems.items()
    ]
    return ", ".join(parts)


def mismatch(wanted: tuple[str, int], state: Mapping[str, Tensor], problems: Mapping[str, list[str]]) -> str:
    """Say in one line which network a checkpoint is of, by the share of its keys, and what to do."""
    near = max(VARIANTS, key=lambda name: likeness(state, shapes(name)))
    text, code = "do not fit '{}' with {} outputs: ".format(*wanted), "give its code by [network] module"
    if (share := likeness(state, shapes(near))) < RELATED:
        most = f"{share:.0%} of the keys are of '{near}'" if share else "not one key is the same"
        return f"{text}no ENet that is known here ({', '.join(VARIANTS)}): {most}. For another architecture, {code}"
    guess = guess_variant(state) or (near, wanted[1])
    if guess == wanted:
        advice = "Save the whole state dict" if list(problems) == ["missing"] else f"If it is meant so, {code}"
        return f"{text}it is this network, but with {describe(problems)}. {advice}"
    others = differences(state, shapes(*guess))
    seems = "it is another ENet, '{}' with {} outputs".format(*guess) + (
        f", but with {describe(others)}" if others else ""
    )
    keys = (f'variant = "{guess[0]}"', f"outputs = {guess[1]}")
    changes = [key for key, old, new in zip(keys, wanted, guess, strict=True) if old != new]
    option = ", or --variant of enet pth2onnx" if guess[0] != wanted[0] else ""
    return f"{text}{seems}. Set {' and '.join(changes)} in the deliverable{option}"
