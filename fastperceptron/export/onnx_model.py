"""A model as an ONNX file, made by the helpers of the package onnx."""

import json
import os
from typing import Any

import numpy as np

from fastperceptron.atomic import local_path, write_atomically
from fastperceptron.checks import choice
from fastperceptron.export.kinds import kind_of
from fastperceptron.export.onnx_graph import OPSET, as_tensor, labels_for_onnx, nodes_of

ENDS = {"rows": "X", "label": "label", "probabilities": "probabilities"}


def to_onnx(model: Any, path: str | os.PathLike[str] | None, dtype: Any) -> Any:
    """Return the ModelProto, and write it to a path; see `Exports.to_onnx`."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        message = "to_onnx needs the package onnx: pip install 'fastperceptron[onnx]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(_dtype_name(dtype)))
    labels = labels_for_onnx(model.classes)
    nodes: list[Any] = []
    constants: list[Any] = []
    for node in nodes_of(model.weights, model.bias, labels, kind_of(model), ENDS, lambda name: name, kind):
        own = {place: each for place, each in enumerate(node.inputs) if not isinstance(each, str)}
        own = {place: as_tensor(f"{node.output} constant {place}", each) for place, each in own.items()}
        constants += own.values()
        inputs = [own[place].name if place in own else each for place, each in enumerate(node.inputs)]
        nodes.append(helper.make_node(node.operator, inputs, [node.output], node.output, **node.attributes))
    label_type = onnx.TensorProto.STRING if labels.dtype.kind in "UO" else helper.np_dtype_to_tensor_dtype(labels.dtype)
    graph = helper.make_graph(
        nodes,
        "Perceptron",
        [helper.make_tensor_value_info("X", kind, ["n_rows", model.n_features])],
        [
            helper.make_tensor_value_info("label", label_type, ["n_rows"]),
            helper.make_tensor_value_info("probabilities", kind, ["n_rows", len(labels)]),
        ],
        constants,
    )
    opset = helper.make_opsetid("", OPSET)
    made = helper.make_model(graph, opset_imports=[opset], producer_name="fastperceptron")
    made.ir_version = helper.find_min_ir_version_for([opset])
    named = {"feature_names": model.feature_names, "target_name": model.target_name}
    helper.set_model_props(made, {name: json.dumps(value) for name, value in named.items() if value is not None})
    onnx.checker.check_model(made)
    if path is not None:
        write_atomically(local_path(path), made.SerializeToString())
    return made


def _dtype_name(dtype: Any) -> str:
    try:
        name = np.dtype(dtype).name if dtype is not None else None
    except TypeError:
        name = dtype
    return choice(name, ("float64", "float32"), "dtype")
