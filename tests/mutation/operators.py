"""Mutants of a module: one small change each, that some unit test should notice."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from types import CodeType
from typing import Any, NamedTuple, TypeAlias, TypeVar

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
#: Names that are easily confused: each becomes the other, if the module has both.
PAIRS = "any all, min max, argmin argmax, first second, low high, lower upper, ours theirs, evidence reference, "
PAIRS += "devices_before devices_after, busy_before busy_after, started ended, label_agreement image_agreement, "
PAIRS += "rows columns, mean median, minimum maximum, images images_expected, over_limit over_limit_unexcused"
SWAPS = {a: b for pair in PAIRS.split(", ") for a, b in (pair.split(), reversed(pair.split()))}
#: Parts of the syntax tree that decide nothing: types, decorators, the format of a figure in a sentence.
SKIPPED = ("annotation", "returns", "decorator_list", "format_spec", "ctx", "op", "ops", "type_params")
#: A text that is looked up or compared, not read by people.
IDENTIFIER = re.compile(r"[\w./%-]*")
#: Characters of the source that are shown before and after a change.
CONTEXT = 24

Node = TypeVar("Node", bound=ast.AST)
Place: TypeAlias = "tuple[tuple[ast.AST, ...], str, int | None, ast.AST]"


class Mutant(NamedTuple):
    """A change to a module.

    Attributes:
        name: module, place and change; does not depend on line numbers.
        code: of the whole changed module.
        function: dotted name of the function whose body is changed; empty if it is anything else.
    """

    name: str
    code: CodeType
    function: str


def mutants(source: str, path: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    tree = ast.parse(source)
    words = set(re.findall(r"\w+", source))
    for ancestors, field, index, node in places(tree, ()):
        parent = ancestors[-1]
        scope = ".".join(each.name for each in ancestors if isinstance(each, ast.FunctionDef | ast.ClassDef))
        part = shown_part(ancestors)
        for changed in alternatives(node, ancestors, words):
            before = ast.unparse(part or node)
            put(parent, field, index, ast.copy_location(changed, node))
            after = ast.unparse(part or changed)
            code = compile(ast.fix_missing_locations(tree), path, "exec")
            put(parent, field, index, node)
            name = f"{path} {scope or 'module'}: {difference(before, after)}"
            yield Mutant(name, code, changed_function((*ancestors, node)))


def changed_function(ancestors: tuple[ast.AST, ...]) -> str:
    """Dotted name of the outermost function whose body holds a place; empty if there is none."""
    names = []
    for each, inner in pairwise(ancestors):
        names += [each.name] if isinstance(each, ast.FunctionDef | ast.ClassDef) else []
        if isinstance(each, ast.FunctionDef):
            return "" if inner is each.args else ".".join(names)
    return ""


def shown_part(ancestors: tuple[ast.AST, ...]) -> ast.AST | None:
    """Return the statement around a place, or the part of it if it has a body; None if that is the place itself."""
    last = max((n for n, each in enumerate(ancestors) if isinstance(each, ast.stmt)), default=-1)
    parts = [each for each in ancestors[last:] if not hasattr(each, "body")]
    return parts[0] if parts and isinstance(parts[0], ast.expr | ast.stmt) else None


def difference(before: str, after: str) -> str:
    """Two texts as "start[old => new]end", with little of what they share.

    >>> difference("measured >= low", "measured > low")
    'measured >[= => ] low'
    """
    before, after = " ".join(before.split()), " ".join(after.split())
    start = shared(before, after)
    end = shared(before[start:][::-1], after[start:][::-1])
    left, right = before[max(0, start - CONTEXT) : start], before[len(before) - end :][:CONTEXT]
    old, new = (each[start : len(each) - end] for each in (before, after))
    return f"{left}[{shortened(old)} => {shortened(new)}]{right}"


def shared(first: str, second: str) -> int:
    """Length of the common beginning of two texts."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def shortened(text: str) -> str:
    return text if len(text) <= 2 * CONTEXT else f"{text[:CONTEXT]} ... {text[-CONTEXT:]}"


def put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def places(node: ast.AST, ancestors: tuple[ast.AST, ...]) -> Iterator[Place]:
    """Yield (ancestors, field, index, node) of every part of the tree that may change, from the outside inwards."""
    ancestors = (*ancestors, node)
    for field, value in ast.iter_fields(node):
        if field in SKIPPED:
            continue
        parts = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, part in parts:
            is_docstring = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
            is_text = isinstance(node, ast.JoinedStr) and isinstance(part, ast.Constant)
            if isinstance(part, ast.AST) and not (is_docstring or is_text or is_type(part)):
                yield ancestors, field, index, part
                yield from places(part, ancestors)


def is_type(node: ast.AST) -> bool:
    """Whether it is there for the type checker, such as ``Literal["a", "b"]`` or a ``TypeVar``."""
    if isinstance(node, ast.Subscript):
        return getattr(node.value, "id", "") in ("Literal", "NDArray", "Callable", "tuple")
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "TypeVar"


def alternatives(node: ast.AST, ancestors: tuple[ast.AST, ...], words: set[str]) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    if isinstance(node, ast.expr) and is_condition(node, ancestors[-1]):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from (ast.Name(name, ast.Load()) for name in other_names(node.id, ancestors))
    if isinstance(node, ast.Attribute) and SWAPS.get(node.attr) in words:
        yield ast.Attribute(node.value, SWAPS[node.attr], node.ctx)
    if type(node) in CHANGES:
        yield from CHANGES[type(node)](node)


def other_comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for number, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield copied(node, ops=[*node.ops[:number], other(), *node.ops[number + 1 :]])


def other_conditions(node: ast.BoolOp) -> Iterator[ast.AST]:
    """``and`` for ``or``, or the other way round; one of the conditions left out."""
    yield copied(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    for rest in without_one(node.values):
        yield copied(node, values=rest) if len(rest) > 1 else rest[0]


def other_arithmetic(node: ast.BinOp) -> Iterator[ast.AST]:
    if type(node.op) in ARITHMETIC:
        yield copied(node, op=ARITHMETIC[type(node.op)]())


def other_sign(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    value, others = node.value, list[object]()
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1]
    elif isinstance(value, float):
        others = [float(f"{value * factor:.6g}") for factor in (1.1, 0.9)] if value else [1.0]
    elif isinstance(value, str) and IDENTIFIER.fullmatch(value):
        others = [f"{value}X"]
    yield from map(ast.Constant, others)  # type: ignore[arg-type]


def other_elements(node: ast.Tuple | ast.List | ast.Set) -> Iterator[ast.AST]:
    """One element left out, if all are of one kind; the parts of a record are not."""
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and len({type(each) for each in node.elts}) == 1:
        yield from (copied(node, elts=rest) for rest in without_one(node.elts))


def other_items(node: ast.Dict) -> Iterator[ast.AST]:
    items = list(zip(node.keys, node.values, strict=True))
    yield from (copied(node, keys=[k for k, _ in rest], values=[v for _, v in rest]) for rest in without_one(items))


def other_calls(node: ast.Call) -> Iterator[ast.AST]:
    """Two arguments swapped, if they are no equals; one keyword, or one of many arguments, left out."""
    called = getattr(node.func, "id", getattr(node.func, "attr", ""))
    equals = called in ("max", "min", "maximum", "minimum", "multiply")
    if len(node.args) > 1 and not equals and not any(isinstance(a, ast.Starred | ast.Tuple) for a in node.args[:2]):
        first, second, *others = node.args
        yield copied(node, args=[second, first, *others])
    if len(node.args) > 3:
        yield from (copied(node, args=rest) for rest in without_one(node.args))
    yield from (copied(node, keywords=rest) for rest in without_one(node.keywords))


def other_returns(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def nothing(node: ast.stmt) -> Iterator[ast.AST]:
    yield ast.Pass()


CHANGES: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.Compare: other_comparisons, ast.BoolOp: other_conditions, ast.BinOp: other_arithmetic,
    ast.UnaryOp: other_sign, ast.Constant: other_constants, ast.Tuple: other_elements, ast.List: other_elements,
    ast.Set: other_elements, ast.Dict: other_items, ast.Call: other_calls, ast.Return: other_returns,
    ast.AugAssign: nothing, ast.Raise: nothing, ast.Expr: nothing, ast.Continue: nothing, ast.Break: nothing,
}  # fmt: skip


def is_condition(node: ast.expr, parent: ast.AST) -> bool:
    """Whether a part decides what runs, and is not negated anyway, as a comparison is."""
    tested = [getattr(parent, "test", None), *getattr(parent, "ifs", [])]
    single = isinstance(node, ast.Compare) and len(node.ops) == 1
    return any(node is each for each in tested) and not single and not isinstance(node, ast.UnaryOp)


def other_names(name: str, ancestors: tuple[ast.AST, ...]) -> Iterator[str]:
    """Names that are easily confused with one: its pair, and parameters of the same type."""
    functions = [each for each in ancestors if isinstance(each, ast.FunctionDef)]
    known = {n.id for f in functions for n in ast.walk(f) if isinstance(n, ast.Name)}
    parameters = {
        p.arg: ast.unparse(p.annotation).removesuffix(" | None")
        for p in chain.from_iterable((*f.args.args, *f.args.kwonlyargs) for f in functions)
        if p.annotation
    }
    others = [other for other, kind in parameters.items() if other != name and parameters.get(name) == kind]
    pair = SWAPS.get(name, "")
    if pair in ("any", "all", "min", "max") or (pair in known and pair not in others):
        others.append(pair)
    yield from others


def without_one(items: list[Any]) -> list[list[Any]]:
    return [[*items[:n], *items[n + 1 :]] for n in range(len(items))]


def copied(node: Node, **changes: object) -> Node:
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new
