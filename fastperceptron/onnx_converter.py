"""PerceptronClassifier as a step of pipelines that skl2onnx exports."""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.estimator.classifier import PerceptronClassifier
from fastperceptron.export.kinds import kind_of
from fastperceptron.export.onnx_graph import OPSET, as_tensor, labels_for_onnx, nodes_of

OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False]}


def register_onnx_converter() -> None:
    """Let skl2onnx export pipelines that contain a `PerceptronClassifier`.

    Call it once in a process before ``skl2onnx.to_onnx(pipeline, ...)``; another call changes nothing. The options
    "zipmap" and "nocl" are those that skl2onnx has for its own classifiers, as are the types of labels: int64 for whole
    numbers and booleans, and text. The classifier computes in float64, the other steps of a pipeline in the type of
    their inputs: float64 inputs give what the pipeline itself gives. They need ``zipmap=False``, as they do for all
    classifiers, since ONNX's ZipMap takes float32 only.

    Raises
    ------
    ModuleNotFoundError
        If skl2onnx is not installed.
    """
    try:
        from skl2onnx import update_registered_converter
    except ModuleNotFoundError as error:
        message = "register_onnx_converter needs skl2onnx: pip install skl2onnx 'fastperceptron[onnx]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    name = "FastperceptronPerceptronClassifier"
    update_registered_converter(PerceptronClassifier, name, _set_types, _convert, options=OPTIONS)


def _set_types(operator: Any) -> None:
    """Set the types and shapes of the outputs."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType, guess_tensor_type

    labels, model = _labels(operator, operator.scope_inst), operator.raw_operator.model_
    n_rows = operator.inputs[0].get_first_dimension()
    kind = Int64TensorType if labels.dtype == np.int64 else StringTensorType
    operator.outputs[0].type = kind([n_rows])
    operator.outputs[1].type = guess_tensor_type(operator.inputs[0].type)
    operator.outputs[1].type.shape = [n_rows, len(model.classes)]


def _convert(scope: Any, operator: Any, container: Any) -> None:
    if container.target_opset < OPSET:
        raise ValueError(
            f"PerceptronClassifier needs target_opset={OPSET} or more, but it is {container.target_opset}."
        )
    from onnx import TensorProto
    from skl2onnx.common.data_types import DoubleTensorType

    model = operator.raw_operator.model_
    names = [operator.inputs[0].full_name, *(output.full_name for output in operator.outputs)]
    ends = dict(zip(("rows", "label", "probabilities"), names, strict=True))
    dtype = TensorProto.DOUBLE if isinstance(operator.outputs[1].type, DoubleTensorType) else TensorProto.FLOAT
    labels = _labels(operator, scope)
    for node in nodes_of(
        model.weights, model.bias, labels, kind_of(model), ends, scope.get_unique_variable_name, dtype
    ):
        inputs = [each if isinstance(each, str) else _constant(each, scope, container) for each in node.inputs]
        name = scope.get_unique_operator_name(node.operator)
        container.add_node(node.operator, inputs, [node.output], op_version=OPSET, name=name, **node.attributes)


def _constant(values: Array, scope: Any, container: Any) -> str:
    name: str = scope.get_unique_variable_name("constant")
    container.initializers.append(as_tensor(name, values))
    return name


def _labels(operator: Any, scope: Any) -> Array:
    """Return the labels as skl2onnx has them: int64 or text."""
    classes: Array = operator.raw_operator.model_.classes
    if scope.get_options(operator.raw_operator, {"nocl": False})["nocl"]:
        return np.arange(len(classes))
    if classes.dtype.kind == "f" and (classes != classes.astype(np.int64)).any():
        raise ValueError(
            f"skl2onnx has labels that are whole numbers or text, but {classes.tolist()} are fractions: export "
            "`classifier.model_.to_onnx()`, or name the classes by text."
        )
    return labels_for_onnx(classes.astype(np.int64) if classes.dtype.kind in "fb" else classes)
