"""Blocks of a pretrained network: read from the names of its weights, in the order of use."""

import re
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import takewhile
from math import inf

import tensorflow as tf

from ..runtime.checks import whole_number
from .saved_function import captured_as

Known = dict[str, tuple[float, frozenset[int]]]
NEVER = -inf  # length of the way to what does not depend on the input

# up to the first number, where the 2 of "conv2d" is none: block_1_expand_BN, conv2_block1_1_conv
_NUMBERED = re.compile(r"(.*?(?:(?<!onv)\d+[a-z]?|(?<=onv)\d+(?!d)))(?=_|$)")
_ROLES = re.compile(
    r"(?<=.)(_(bn|batchnorm|norm|conv|dwconv|depthwise|project|expand))+$", re.IGNORECASE
)


def name_blocks(names: list[str]) -> list[str]:
    """Return the block of each weight, from the weights' names.

    A block is what comes up to the first number: `block_1` of `block_1_expand_BN/gamma`,
    `transformer/layer_0` of `transformer/layer_0/attention/kernel`; without a number it is the
    first part of the name, without its role: `stem` of `stem_bn/gamma`. Parts that all names begin
    with are left out.

    >>> name_blocks(["net/stem_conv/kernel", "net/block1a_bn/gamma", "net/block1b_conv/kernel"])
    ['stem', 'block1a', 'block1b']
    """
    start = len(common_prefix(names))
    return [_block(name[start:].split(":")[0].split("/")) for name in names]


def common_prefix(names: list[str]) -> str:
    """Return what all names begin with, as `resnet_v2_50/`, if two parts are left of each."""
    columns = zip(*(name.split("/")[:-2] for name in names), strict=False)
    return "".join(f"{column[0]}/" for column in takewhile(lambda c: len(set(c)) == 1, columns))


def _block(path):
    folders = path[:-1] or path
    for depth, part in enumerate(folders):
        numbered = _NUMBERED.match(re.sub(r"^bn_", "", part, flags=re.IGNORECASE))
        if numbered:
            return "/".join([*folders[:depth], numbered[1]])
    return _ROLES.sub("", folders[0])


def choose_blocks(
    known: list[str], blocks: Sequence[str] | str | None = None, last: int | None = None
) -> list[str]:
    """Return the known blocks that are meant: by name, or the last ones, or all."""
    if blocks is not None and last is not None:
        raise ValueError("Give names of blocks or last=, not both.")
    if last is not None:
        return known[-whole_number(last, "last", 1, len(known), f"The blocks: {known}.") :]
    chosen = known if blocks is None else [blocks] if isinstance(blocks, str) else list(blocks)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"Unknown blocks {unknown}. The blocks: {known}.")
    return chosen


def sort_by_use(
    function: tf.types.experimental.ConcreteFunction, variables: list[tf.Variable]
) -> list[tf.Variable]:
    """Return variables in the order in which the input meets them, in inference mode's function.

    The order of a module's list of variables, and of their names, may be any (`Conv_1` is the
    last layer of MobileNetV2). A variable's place is the length of the longest way from the input
    to the first operation that takes both; equal places keep the given order. A graph with loops
    of TensorFlow 1 in it is not ordered.
    """
    graph = function.graph.as_graph_def()
    library = {callee.signature.name: callee for callee in graph.library.function}
    known: Known = {tensor.op.name: (0, frozenset()) for tensor in function.graph.inputs}
    for outer, inner in function.graph.captures:
        known[inner.op.name] = (NEVER, frozenset([id(outer)]))
    place: dict[int, float] = {}
    try:
        _walk(graph.node, known, library, place)
    except CycleError:
        return variables
    return sorted(variables, key=lambda variable: place.get(id(captured_as(variable)), inf))


def _walk(nodes, known, library, place):
    """Fill `place`: id of capture -> length of way; `known`: node -> (length, its captures)."""
    nodes = {node.name: node for node in nodes}
    inputs = {
        name: [source.split(":")[0] for source in node.input if not source.startswith("^")]
        for name, node in nodes.items()
    }
    for name in TopologicalSorter(inputs).static_order():
        if name in known:
            continue
        given = [known[source] for source in inputs[name]]
        length = max((length for length, _ in given), default=NEVER) + 1
        held = frozenset().union(*(captures for _, captures in given))
        if length == NEVER:  # does not depend on the input: a variable's value, say
            known[name] = (NEVER, held)
            continue
        attributes = nodes[name].attr
        callee = library.get(attributes["f"].func.name) if "f" in attributes else None
        if callee is None:
            for capture in held:
                place[capture] = min(length, place.get(capture, inf))
        else:
            names = [argument.name for argument in callee.signature.input_arg]
            inside = dict(zip(names, given, strict=True))
            _walk(callee.node_def, inside, library, place)
            results = [inside[source.split(":")[0]][0] for source in callee.ret.values()]
            length = max([length, *results])
        known[name] = (length, frozenset())
