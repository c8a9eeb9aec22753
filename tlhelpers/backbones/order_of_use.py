"""Where in a SavedModel's function each variable is used, and which outputs depend on it."""

from graphlib import CycleError, TopologicalSorter
from math import inf

import tensorflow as tf

from .saved_function import captured_as

Known = dict[str, tuple[float, frozenset[int]]]
NEVER = -inf  # length of the way to what does not depend on the input


def places_of_use(
    traces: list[tf.types.experimental.ConcreteFunction], variables: list[tf.Variable]
) -> list[float] | None:
    """Return the place of each variable: where the input meets it; inf for one it never meets.

    The order of a module's list of variables, and of their names, may be any (`Conv_1` is the
    last layer of MobileNetV2). A variable's place is the length of the longest way from the input
    to the first operation that takes both, in inference mode's function, the last of the traces.
    None where that is not known: without a trace, or with loops of TensorFlow 1 in the graph.
    """
    place: dict[int, float] = {}
    for function in traces[-1:]:
        graph = function.graph.as_graph_def()
        known: Known = {tensor.op.name: (0, frozenset()) for tensor in function.graph.inputs}
        for outer, inner in function.graph.captures:
            known[inner.op.name] = (NEVER, frozenset([id(outer)]))
        try:
            _walk(graph.node, known, _library(graph), place)
        except CycleError:
            return None
        return [place.get(id(captured_as(variable)), inf) for variable in variables]
    return None


def used_by(
    traces: list[tf.types.experimental.ConcreteFunction],
    variables: list[tf.Variable],
    output_key: str | None = None,
) -> set[int]:
    """Return the ids of those variables that an output, or any of them, depends on.

    In any of the traces; without one, all.
    """
    used: set[int] = set()
    for function in traces:
        used |= _captures(function, _chosen(function.structured_outputs, output_key))
    return {id(v) for v in variables if not traces or id(captured_as(v)) in used}


def _chosen(outputs, key):
    """A flat list: which of a function's outputs are those of the key, or of all without it."""
    keyed = isinstance(outputs, dict) and key in outputs
    names = sorted(outputs) if keyed else [key]  # in TensorFlow's order
    parts = [outputs[name] if keyed else outputs for name in names]
    return [
        name == key
        for name, part in zip(names, parts, strict=True)
        for _ in tf.nest.flatten(part, expand_composites=True)
    ]


def _captures(function, chosen):
    """Ids of what a function captures and the chosen ones of its outputs depend on."""
    graph = function.graph.as_graph_def()
    wanted = [t.name for t, keep in zip(function.outputs, chosen, strict=True) if keep]
    reached = _reached(graph.node, wanted, _library(graph))
    return {id(outer) for outer, inner in function.graph.captures if inner.op.name in reached}


def _library(graph):
    return {callee.signature.name: callee for callee in graph.library.function}


def _callee(node, library):
    return library.get(node.attr["f"].func.name) if "f" in node.attr else None


def _reached(nodes, outputs, library):
    """Names of all nodes, and of a function's arguments, that some outputs depend on."""
    named, left = {node.name: node for node in nodes}, list(outputs)
    seen, found = set(), set()
    while left:
        source = left.pop()
        if source in seen or source.startswith("^"):
            continue
        seen.add(source)
        name, *place = source.split(":")  # "node:2", or in a function "node:output:2"
        found.add(name)
        node = named.get(name)
        callee = node and _callee(node, library)
        if callee:
            at = callee.signature.output_arg[int(place[-1]) if place else 0]
            inside = _reached(callee.node_def, [callee.ret[at.name]], library)
            takes = [argument.name for argument in callee.signature.input_arg]
            left += [each for each, arg in zip(node.input, takes, strict=False) if arg in inside]
        elif node:
            left += node.input
    return found


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
        callee = _callee(nodes[name], library)
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
