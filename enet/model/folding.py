"""Folding of batch normalisation into the layer before it, in a network that ``torch.fx`` has traced.

Folding is in float64, so that its error is below the rounding of float32.
"""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
from torch import fx, nn


def fold_batch_norms(traced: fx.GraphModule) -> fx.GraphModule:
    """Fold each batch normalisation after a convolution or the first block; remove dropout."""
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op != "call_module":
            continue
        module, source = modules[node.target], node.args[0]
        if isinstance(module, nn.Dropout2d):
            node.replace_all_uses_with(source)
            traced.graph.erase_node(node)
        elif isinstance(module, nn.BatchNorm2d) and (block := first_block(node, modules)):
            join_first_block(traced, node, modules, block)
        elif isinstance(module, nn.BatchNorm2d) and source.op == "call_module" and len(source.users) == 1:
            conv = modules[source.target]
            if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
                layers = copy.deepcopy(conv).double(), copy.deepcopy(module).double()
                is_transposed = isinstance(conv, nn.ConvTranspose2d)
                folded = torch.nn.utils.fusion.fuse_conv_bn_eval(*layers, transpose=is_transposed)
                traced.add_submodule(source.target, folded)
                modules[source.target] = folded
                node.replace_all_uses_with(source)
                traced.graph.erase_node(node)
    return traced


def folded_if_traceable(network: nn.Module) -> fx.GraphModule | None:
    """The network in float32 with its batch normalisations folded; None for own code that ``torch.fx`` cannot trace."""
    try:
        folded = fold_batch_norms(fx.symbolic_trace(network)).float()
        folded.recompile()
    except Exception:  # own code may raise anything
        return None
    return folded


def first_block(norm: fx.Node, modules: dict[str, Any]) -> tuple[fx.Node, fx.Node, fx.Node] | None:
    """Concatenation, convolution and pool, if the batch normalisation follows ``cat(conv(x), pool(x))``."""
    joined = norm.args[0]
    if not (isinstance(joined, fx.Node) and getattr(joined.target, "__name__", "") == "cat"):
        return None
    parts: Any = joined.args[0]
    kinds = [type(modules.get(str(part.target))) for part in parts]
    return (joined, *parts) if kinds == [nn.Conv2d, nn.MaxPool2d] else None


def join_first_block(
    traced: fx.GraphModule, node: fx.Node, modules: dict[str, Any], block: tuple[fx.Node, ...]
) -> None:
    """Replace ``norm(cat(conv(x), pool(x)))`` by ``filled(x) + placed(pool(x))``.

    ``filled`` is the normalised convolution; in its pooled channels it has only the shift. ``placed`` scales the pooled
    channels and moves them to their positions.
    """
    joined, conv_node, pool_node = block
    conv, norm = modules[str(conv_node.target)], modules[str(node.target)]
    own, colours = conv.out_channels, norm.num_features - conv.out_channels
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    filled = nn.Conv2d(conv.in_channels, norm.num_features, conv.kernel_size, conv.stride, conv.padding).double()
    placed = nn.Conv2d(colours, norm.num_features, 1, bias=False).double()
    with torch.no_grad():
        filled.weight.zero_()
        filled.weight[:own] = conv.weight.double() * scale[:own].reshape(-1, 1, 1, 1)
        filled.bias = nn.Parameter(norm.bias.double() - norm.running_mean.double() * scale)
        placed.weight.zero_()
        placed.weight[own:, :, 0, 0] = torch.diag(scale[own:])
    terms = []
    with traced.graph.inserting_before(node):
        for name, module, x in (("filled", filled, conv_node.args[0]), ("placed", placed, pool_node)):
            traced.add_submodule(f"{node.target}_{name}", module)
            modules[f"{node.target}_{name}"] = module
            terms.append(traced.graph.call_module(f"{node.target}_{name}", (x,)))
        node.replace_all_uses_with(traced.graph.call_function(operator.add, tuple(terms)))
    for each in (node, joined, conv_node):
        traced.graph.erase_node(each)
