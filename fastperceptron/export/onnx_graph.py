"""The operators of ONNX that compute labels and probabilities as a `Perceptron` does, in float64.

Each is valid in opset 13 and all later ones: the largest z is gathered by its position, because the arguments of
ReduceMax changed in opset 18. Sigmoids are made of Exp, because Sigmoid of onnxruntime 1.32 is 0 below z = -37 in
float64, where several classes need the ratios. A whole model (onnx_model.py) and a step of a pipeline
(onnx_converter.py) are this graph.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.export.kinds import TAIL, Kind

OPSET = 13


class Node(NamedTuple):
    """One operator: its inputs are names of other outputs, or constants."""

    operator: str
    inputs: tuple[Any, ...]  # str, or arrays
    output: str
    attributes: dict[str, Any]


def nodes_of(
    weights: Array, bias: Any, classes: Array, kind: Kind, ends: dict[str, str], name: Callable[[str], str], dtype: int
) -> Iterator[Node]:
    """Yield the nodes in order.

    ends : the names of "rows", "label" and "probabilities" outside
    name : gives an unused name for an output inside
    dtype : ONNX's number of the type of the probabilities
    """
    double, int64, flat = 11, 7, np.array([-1])  # ONNX's numbers of float64 and int64
    inside = dict(ends)

    def node(operator: str, inputs: tuple[Any, ...], output: str, **attributes: Any) -> Node:
        known = tuple(inside[each] if isinstance(each, str) else each for each in inputs)
        if output not in inside:
            inside[output] = name(output)
        return Node(operator, known, inside[output], attributes)

    yield node("Cast", ("rows",), "x", to=double)
    yield node("MatMul", ("x", np.atleast_2d(weights).T), "wx")
    yield node("Add", ("wx", np.atleast_1d(bias)), "z")
    if kind == "sigmoid":
        yield node("Greater", ("z", np.zeros(1)), "is_second")
        yield node("Cast", ("is_second",), "place", to=int64)
        yield node("Neg", ("z",), "minus_z")
        yield node("Concat", ("minus_z", "z"), "decisions", axis=1)
    else:
        yield node("ArgMax", ("z",), "place", axis=1, keepdims=1)
    if kind == "one_vs_rest":
        yield node("GatherElements", ("z", "place"), "top", axis=1)
        yield node("Add", ("top", np.array([TAIL])), "above_tail")
        yield node("Min", ("above_tail", np.zeros(1)), "shift")
        yield node("Sub", ("z", "shift"), "decisions")
    if kind != "softmax":
        yield node("Neg", ("decisions",), "exponents")
        yield node("Exp", ("exponents",), "powers")
        yield node("Add", ("powers", np.ones(1)), "divisors")
        yield node("Div", (np.ones(1), "divisors"), "p" if kind == "sigmoid" else "sigmoids")
    if kind == "one_vs_rest":
        yield node("ReduceSum", ("sigmoids", np.array([1])), "total", keepdims=1)
        yield node("Div", ("sigmoids", "total"), "p")
    if kind == "softmax":
        yield node("Softmax", ("z",), "p", axis=1)
    yield node("Reshape", ("place", flat), "best")
    yield node("Gather", (classes, "best"), "label", axis=0)
    yield node("Cast", ("p",), "probabilities", to=dtype)


def as_tensor(name: str, values: Array) -> Any:
    """Return an array as a constant of ONNX: numbers in their dtype, strings as UTF-8."""
    from onnx import TensorProto, helper, numpy_helper

    if values.dtype.kind in "UO":
        encoded = [text.encode() for text in values.tolist()]
        return helper.make_tensor(name, TensorProto.STRING, values.shape, encoded)
    return numpy_helper.from_array(np.ascontiguousarray(values), name)


def labels_for_onnx(classes: Array) -> Array:
    """Return classes as ONNX has them: whole numbers as int64, anything else as it is.

    It raises ValueError if a number does not fit, or text cannot be encoded.
    """
    if classes.dtype.kind in "iu":
        if int(classes.max()) > np.iinfo(np.int64).max:
            raise ValueError(f"ONNX has labels of type int64, which cannot hold {classes.max()}: name classes by text.")
        return classes.astype(np.int64)
    for label in classes.tolist() if classes.dtype.kind in "UO" else ():
        if any("\ud800" <= letter <= "\udfff" for letter in label):
            raise ValueError(f"the label {label!r} holds a lone surrogate, which ONNX cannot hold: rename the class.")
    return classes
