"""The work of the command show: the weights of a model by name, if wanted per standard deviation of their feature."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.cli.columns import rows_for
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.sparse_arrays import CsrArray
from fastperceptron.model import load

MOST_WEIGHTS = 1000  # printed per class


def weights_of(model_path: Path, source: Any = None, csv: Any = None) -> Iterator[str]:
    """Return lines with the weights by name, the largest first.

    With a table, weights are sorted, and also printed, per standard deviation of their feature in it.
    """
    model = load(model_path)
    names = model.feature_names or [f"x{number}" for number in range(model.n_features)]
    weights, biases = np.atleast_2d(model.weights), np.atleast_1d(model.bias)
    labels = [str(label) for label in (model.classes[1:] if len(weights) == 1 else model.classes).tolist()]
    columns, order = {label: weights[number] for number, label in enumerate(labels)}, np.abs(weights).max(axis=0)
    if source is None:
        yield "Sorted by |weight|, which depends on units: give a table, too, to sort by weight x standard deviation."
    else:
        deviations = _standard_deviations(model.aligned(rows_for(model, source, csv)))
        columns |= {f"{label} x sd": weights[number] * deviations for number, label in enumerate(labels)}
        order = order * deviations
        yield "Sorted by |weight x sd|, sd being the standard deviation of the feature in the table."
    several = (
        "each class: their differences count" if model.activation == "softmax" else "each class against the others"
    )
    yield f"Weights for {'class ' + labels[0] if len(labels) == 1 else several}:"
    width, wide = max(map(len, [*names, "(bias)"])) + 2, max(16, *(len(title) + 2 for title in columns))
    yield f"{'':<{width}}" + "".join(f"{title:>{wide}}" for title in columns)
    yield f"{'(bias)':<{width}}" + "".join(f"{bias:{wide}.8g}" for bias in biases)
    for number in np.argsort(-order, kind="stable")[:MOST_WEIGHTS].tolist():
        yield f"{names[number]:<{width}}" + "".join(f"{each[number]:{wide}.8g}" for each in columns.values())
    if model.n_features > MOST_WEIGHTS:
        yield f"... and {model.n_features - MOST_WEIGHTS:,} smaller ones"


def _standard_deviations(data: Dataset) -> Any:
    """Return those of the features over all rows; differences from the first row keep the digits of large values."""
    n_rows, origin, sums, squares = 0, np.zeros(1), np.zeros(1), np.zeros(1)
    for block in data.blocks():
        X = block.X.astype(np.float64)
        if n_rows == 0:
            origin = X[:1].toarray()[0] if isinstance(X, CsrArray) else X[0]
        more_sums, more_squares = _moments_about(origin, X)
        n_rows, sums, squares = n_rows + len(X), sums + more_sums, squares + more_squares
    return np.sqrt(np.maximum(squares / n_rows - (sums / n_rows) ** 2, 0.0))


def _moments_about(origin: Any, X: Any) -> tuple[Any, Any]:
    """Return the sums over rows of X - origin and of its squares, per column."""
    if not isinstance(X, CsrArray):
        return (X - origin).sum(axis=0), ((X - origin) ** 2).sum(axis=0)
    stored, size = X.data - origin[X.indices], len(origin)
    n_zeros = len(X) - np.bincount(X.indices, minlength=size)
    sums, squares = (np.bincount(X.indices, values, size) for values in (stored, stored**2))
    return sums - n_zeros * origin, squares + n_zeros * origin**2
