"""What neurons say of rows, block by block: decision values, probabilities and mean costs.

One neuron tells two classes apart: its weights have shape (n_features,). For more classes there is one neuron a class,
as rows of weights of shape (n_classes, n_features). Single-threaded: each block is read from memory once.
"""

import numpy as np

from fastperceptron.checks import Array, check_finite
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.kernels import dot_products, prediction as kernels
from fastperceptron.kernels.rows import padded_size


def padded(weights: Array, bias: float | Array) -> Array:
    """Return weights and bias as the kernels take them: (..., padded_size(n_features)), zeros behind the bias."""
    n_features = weights.shape[-1]
    result = np.zeros((*weights.shape[:-1], padded_size(n_features)))
    result[..., :n_features] = weights
    result[..., n_features] = bias
    return result


def decision_values(rows: ArrayRows, weights: Array) -> Array:
    """Return z = weights . x + bias in float64, of shape (n_rows,) or (n_rows, n_classes).

    Parameters
    ----------
    rows : ArrayRows
    weights : ndarray
        As `padded` returns them.

    Raises
    ------
    ValueError
        If a row is not finite, or so large that the terms of its z overflow in both directions.
    """
    z = np.empty((rows.n_rows, *weights.shape[:-1]))
    for place, block in rows.blocks():
        if weights.ndim == 1:
            dot_products.decision_values(block, weights, z[place])
        else:
            dot_products.class_decision_values(block, 0, weights, z[place])
        if not kernels.all_finite(z[place].reshape(-1)):
            _check_cause(block, z[place], place.start)
    return z


def probabilities(rows: ArrayRows, weights: Array) -> Array:
    """Return the probability of each class, of shape (n_rows, n_classes).

    One neuron gives sigmoid(-z) and sigmoid(z). Of several, each sigmoid is divided by the row's sum, which is exact
    where all of them underflow: they are taken relative to the largest.

    Raises
    ------
    ValueError
        As `decision_values`.
    """
    n_classes = 2 if weights.ndim == 1 else len(weights)
    result, scratch = np.empty((rows.n_rows, n_classes)), np.empty(kernels.PREDICTION_TILE)
    for place, block in rows.blocks():
        if weights.ndim == 1:
            are_finite = kernels.probabilities(block, weights, result[place], scratch)
        else:
            are_finite = kernels.class_probabilities(block, weights, result[place])
        if not are_finite:
            _check_cause(block, result[place], place.start)
    return result


def largest(z: Array) -> Array:
    """Return the class number of the largest z of each row, the first of equal ones."""
    numbers = np.empty(len(z), np.intp)
    kernels.largest_of_rows(z, numbers)
    return numbers


def mean_cost(rows: ArrayRows, codes: Array, weights: Array, loss: str) -> float:
    """Return the mean over rows of the cost; of several neurons, of the sum of their costs, each one-vs-rest."""
    total_cost = kernels.total_cost_kernel(loss)
    total, scratch = 0.0, np.empty(2 * kernels.PREDICTION_TILE)
    for place, block in rows.blocks():
        check_finite(block, place.start)
        if weights.ndim == 1:
            total += total_cost(block, codes[place], weights, scratch)
            continue
        for number, neuron in enumerate(weights):
            targets = read_only((codes[place] == number).view(np.uint8))
            total += total_cost(block, targets, neuron, scratch)
    return float(total / rows.n_rows)


def _check_cause(block: Array, values: Array, first_row: int) -> None:
    """Raise if z is not finite because a row is not, or if it is NaN; infinite z of finite rows are right."""
    check_finite(block, first_row)
    is_undefined = np.isnan(values).reshape(len(values), -1).any(axis=1)
    if is_undefined.any():
        row = first_row + int(is_undefined.argmax())
        raise ValueError(
            f"X is finite, but so large in row {row} that weights . x overflows in both directions. "
            "Scale the columns of X, or drop the row."
        )
