"""Labelled rows with what a model predicts for them, block by block: scores are computed from these."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastperceptron import prediction
from fastperceptron.checks import Array, as_numpy, check_finite, column_names, is_collection
from fastperceptron.data.dataset import Dataset, no_labels
from fastperceptron.data.labels import codes_of
from fastperceptron.data.sources import dataset
from fastperceptron.data.sparse_input import as_matrix_or_csr
from fastperceptron.model import Perceptron

MOST_ROWS = 1 << 16  # what a prediction takes of memory does not grow with the blocks of a data set


class Compared(NamedTuple):
    """Some rows with what the model predicts; all in float64, also of float32 rows."""

    z: Array  # (n,) or (n, n_classes)
    p: Array  # (n, n_classes)
    logs: Array  # (n, n_classes): log(p), also where p is 0
    codes: Array  # (n,): the class number of each label
    is_right: Array  # (n,) bool
    weights: Array  # (n,)


def as_perceptron(model: Any) -> Perceptron:
    """Return a classifier's model, or a model as it is."""
    model = model.model_ if hasattr(type(model), "model_") else model
    if not isinstance(model, Perceptron):
        raise TypeError(f"model must be a Perceptron or a PerceptronClassifier, but is a {type(model).__name__}.")
    return model


def as_dataset(model: Perceptron, data: Any) -> Dataset:
    """Return a data set with labels and the model's features."""
    for part in data if isinstance(data, tuple) else (data,):
        if is_collection(part):
            raise TypeError("data is a collection of Dask: pass what fastperceptron.dataset(...) returns of it.")
    if isinstance(data, tuple):
        is_frame = bool(data) and column_names(data[0]) is not None
        X = (as_matrix_or_csr(model.aligned(data[0])),) if is_frame else data[:1]
        data = dataset(X + tuple(as_numpy(part, "y") for part in data[1:]))
    elif not isinstance(data, Dataset):
        data = dataset(data, target=model.target_name)
    aligned: Dataset = model.aligned(data, has_labels=True)
    return aligned


def compared_blocks(model: Perceptron, data: Dataset) -> Iterator[Compared]:
    """Yield all rows once, in order, up to MOST_ROWS at a time.

    It raises ValueError if there are no labels, or one is not a class of the model.
    """
    first_row = 0
    for block in data.blocks():
        if block.y is None:
            raise no_labels()
        codes = codes_of(block.y, len(block.X), model.classes, first_row)
        for start in range(0, len(block.X), MOST_ROWS):
            part = slice(start, start + MOST_ROWS)
            X = block.X[part]
            X = X.astype(np.float64, copy=False) if X.dtype.kind == "f" else X
            try:
                z, p = model.decision_function(X), model.predict_proba(X)
            except ValueError:
                if isinstance(X, np.ndarray):
                    check_finite(X, first_row + start)  # names the row among all
                raise
            weights = np.ones(len(X)) if block.weights is None else block.weights[part]
            logs = model.log_probabilities_of(z)
            yield Compared(z, p, logs, codes[part], prediction.class_numbers(z) == codes[part], weights)
        first_row += len(block.X)


def no_weight() -> ValueError:
    """Return the error for rows of which none counts."""
    return ValueError("all weights are zero: at least one row must count.")
