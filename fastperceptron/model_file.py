"""What a model file holds: the tensors and the description of a `Perceptron` (storage.py says how they are stored)."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from fastperceptron.history import History
from fastperceptron.storage import load_tensors, not_a_model, save_tensors

Model = TypeVar("Model")
_HISTORY_NUMBERS = ("n_steps", "n_drawn", "epoch_seed")


def write_model(path: str | os.PathLike[str], model: Any) -> None:
    """Write a `Perceptron`."""
    tensors = {"weights": model.weights, "bias": np.atleast_1d(model.bias)}
    tensors |= {"history.costs": model.history.costs, "history.steps": model.history.steps}
    if model.history._unfinished_step is not None:
        tensors["history.pending"] = model.history._unfinished_step
    described: dict[str, Any] = {name: getattr(model.history, name) for name in _HISTORY_NUMBERS}
    described["feature_names"] = None if model.feature_names is None else list(model.feature_names)
    described["target_name"], described["activation"] = model.target_name, model.activation
    if model.first_column is not None:
        described["first_column"] = model.first_column
    if model.classes.dtype.kind in "UO":
        described["classes"], described["classes_dtype"] = model.classes.tolist(), model.classes.dtype.str
    else:
        tensors["classes"] = model.classes
    save_tensors(path, tensors, described)


def read_model(path: str | os.PathLike[str], make: Callable[..., Model]) -> Model:
    """Return what `make` makes of a file; raise ValueError that names the file if something is missing or wrong."""
    tensors, described = load_tensors(path)
    try:
        if "classes" in described:
            classes = np.array(described["classes"], described.get("classes_dtype"))
            if not all(isinstance(label, str) for label in described["classes"]):
                raise TypeError(f"{described['classes']} are not all text")
        else:
            classes = tensors["classes"]
        numbers = {name: described[name] for name in _HISTORY_NUMBERS}
        history = History(tensors["history.costs"], tensors["history.steps"], **numbers)
        if "history.pending" in tensors:
            history._keep(tensors["history.pending"])
        weights, bias = tensors["weights"], tensors["bias"]
        # The one bias of two classes is stored as an array of one.
        bias = bias if weights.ndim == 2 else bias.reshape(())
        # Files that were written before there was softmax say neither.
        target, activation = described.get("target_name"), described.get("activation", "sigmoid")
        names, first = described["feature_names"], described.get("first_column")
        others = {"target_name": target, "first_column": first, "activation": activation}
        return make(weights, bias, classes, names, history, **others)
    except Exception as error:  # whatever the file holds in place of these, it is not a model
        raise not_a_model(path, error) from error
