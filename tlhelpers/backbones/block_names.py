"""Blocks of a pretrained network: read from the names of its weights, in the order of use."""

import re
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

import tensorflow as tf

from ..runtime.checks import whole_number
from .saved_function import captured_as

# up to the first number, where the 2 of "conv2d" is none: block_1_expand_BN, conv2_block1_1_conv
_NUMBERED = re.compile(r"(.*?(?:(?<!onv)\d+[a-z]?|(?<=onv)\d+(?!d)))(?=_|$)")
_ROLE = re.compile(
    r"(?<=.)_(bn|batchnorm|norm|conv|dwconv|depthwise|project|expand)$", re.IGNORECASE
)


def name_blocks(names: list[str]) -> list[str]:
    """Return the block of each weight, from the weights' names.

    A block is what comes up to the first number: `block_1` of `block_1_expand_BN/gamma`,
    `transformer/layer_0` of `transformer/layer_0/attention/kernel`; without a number it is the
    first part of the name, without its role: `stem` of `stem_bn/gamma`. Parts that all names begin
    with are left out.

    Parameters
    ----------
    names : list of str
        Names such as `block1/conv/kernel:0`.

    Returns
    -------
    list of str
        One block a name.

    Examples
    --------
    >>> name_blocks(["net/stem_conv/kernel", "net/block1a_bn/gamma", "net/block1b_conv/kernel"])
    ['stem', 'block1a', 'block1b']
    """
    start = len(common_prefix(names))
    return [_block(name[start:].split(":")[0].split("/")) for name in names]


def common_prefix(names: list[str]) -> str:
    """Return what all names begin with, as `resnet_v2_50/`, if two parts are left of each."""
    prefix = ""
    while names:
        rest = [name[len(prefix) :].split("/") for name in names]
        if not all(len(path) > 2 and path[0] == rest[0][0] for path in rest):
            break
        prefix += rest[0][0] + "/"
    return prefix


def _block(path):
    folders = path[:-1] or path
    for depth, part in enumerate(folders):
        numbered = _NUMBERED.match(re.sub(r"^bn_", "", part, flags=re.IGNORECASE))
        if numbered:
            return "/".join([*folders[:depth], numbered[1]])
    first = folders[0]
    while _ROLE.search(first):
        first = _ROLE.sub("", first)
    return first


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
) -> list[int]:
    """Return the indices of the variables in the order in which the input meets them.

    The order of a module's list of variables, and of their names, may be any (`Conv_1` is the
    last layer of MobileNetV2). A variable's place is the length of the longest way from the input
    to the first operation that takes both; equal places keep the given order. A graph with loops
    of TensorFlow 1 in it is not ordered.

    Parameters
    ----------
    function : ConcreteFunction
        The module's function in inference mode.
    variables : list of tf.Variable
    """
    graph = function.graph.as_graph_def()
    library = {callee.signature.name: callee for callee in graph.library.function}
    index = {id(captured_as(variable)): i for i, variable in enumerate(variables)}
    known = {tensor.op.name: (0, frozenset()) for tensor in function.graph.inputs}
    for outer, inner in function.graph.captures:
        own = {index[id(outer)]} if id(outer) in index else ()
        known[inner.op.name] = (None, frozenset(own))
    place = {}
    try:
        _walk(graph.node, known, library, place)
    except CycleError:
        return list(range(len(variables)))
    return sorted(range(len(variables)), key=lambda i: place.get(i, float("inf")))


def _walk(nodes, known, library, place):
    """Fill `place`: variable -> length of way; `known`: node -> (length or None, its variables)."""
    nodes = {node.name: node for node in nodes}
    inputs = {
        name: [source.split(":")[0] for source in node.input if not source.startswith("^")]
        for name, node in nodes.items()
    }
    for name in TopologicalSorter(inputs).static_order():
        if name in known:
            continue
        given = [known[source] for source in inputs.get(name, ()) if source in known]
        lengths = [length for length, _ in given if length is not None]
        held = frozenset().union(*(variables for _, variables in given))
        if not lengths:
            known[name] = (None, held)  # does not depend on the input: a variable's value, say
            continue
        length = max(lengths) + 1
        attributes = nodes[name].attr
        callee = library.get(attributes["f"].func.name) if "f" in attributes else None
        if callee is None:
            for variable in held:
                place[variable] = min(length, place.get(variable, length))
        else:
            arguments = [argument.name for argument in callee.signature.input_arg]
            inside = _walk(
                callee.node_def, dict(zip(arguments, given, strict=True)), library, place
            )
            results = [
                inside.get(source.split(":")[0], (None,))[0] for source in callee.ret.values()
            ]
            length = max([length, *(result for result in results if result is not None)])
        known[name] = (length, frozenset())
    return known
