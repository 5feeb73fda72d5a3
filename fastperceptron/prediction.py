"""Decision values, probabilities and mean costs of rows, block by block.

One neuron separates two classes: its weights have shape (n_features,). More classes take one neuron per class, as rows
of weights of shape (n_classes, n_features), each with its sigmoid, or all with softmax. Single-threaded: each block is
read from memory once.
"""

import functools
import itertools

import numpy as np

from fastperceptron.checks import Array, check_finite
from fastperceptron.data.arrays import ArrayRows, Rows, read_only
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.functional import log_loss
from fastperceptron.kernels import dot_products, prediction as kernels, sparse_prediction
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.vectors import LANES

LARGEST = np.finfo(np.float64).max


def padded(weights: Array, bias: float | Array) -> Array:
    """Return weights, then bias, then zeros, as the kernels take them: of shape (..., padded_size(n_features))."""
    n_features = weights.shape[-1]
    result = np.zeros((*weights.shape[:-1], padded_size(n_features)))
    result[..., :n_features] = weights
    result[..., n_features] = bias
    return result


def decision_values(rows: Rows, weights: Array) -> Array:
    """Return z = weights . x + bias in float64, of shape (n_rows,) or (n_rows, n_classes); `padded` made the weights.

    It raises ValueError if a row is not finite, or so large that the terms of its z overflow in both directions.
    """
    if isinstance(rows, SparseRows):
        return _sparse_decision_values(rows, weights)
    z = np.empty((rows.n_rows, *weights.shape[:-1]))
    for place, block in rows.blocks():
        if weights.ndim == 1:
            dot_products.decision_values(block, weights, z[place])
        else:
            dot_products.class_decision_values(block, 0, weights, z[place])
        if not kernels.all_finite(z[place].reshape(-1)):
            _check_cause(block, z[place], place.start)
    return z


def _sparse_decision_values(rows: SparseRows, weights: Array) -> Array:
    """Return z with the bits that the same rows have when they are dense."""
    z = np.empty((rows.n_rows, *weights.shape[:-1]))
    lanes, arrays = np.empty((LANES, *z.shape[1:])), (rows.indptr, rows.indices, rows.values)
    if weights.ndim == 1:
        sparse_prediction.sparse_decision_values(arrays, rows.n_features, weights, lanes, z)
    else:
        neighbours = np.ascontiguousarray(weights.T)
        sparse_prediction.sparse_class_decision_values(arrays, rows.n_features, neighbours, lanes, z)
    if not kernels.all_finite(z.reshape(-1)):
        rows.check_finite()
        _check_defined(z, 0)
    return z


def probabilities(rows: Rows, weights: Array, dtype: type = np.float64, is_softmax: bool = False) -> Array:
    """Return the probability of each class, of shape (n_rows, n_classes): computed in float64, then rounded to `dtype`.

    One neuron gives sigmoid(-z) and sigmoid(z). The sigmoids of several, or with softmax exp(z), are divided by the
    row's sum; they are computed relative to the largest, so that this is exact even where all of them underflow. Where
    rounding would make another class as probable as that of the largest z, this one gets the next number above: the
    first of the most probable classes is always the one that `class_numbers` gives. Raises as `decision_values`.
    """
    n_classes = 2 if weights.ndim == 1 else len(weights)
    result: Array = np.empty((rows.n_rows, n_classes), dtype)
    eps = float(np.finfo(dtype).eps)
    if isinstance(rows, SparseRows):
        z = _sparse_decision_values(rows, weights)
        if z.ndim == 1:
            kernels.write_pairs(z, result.reshape(-1), 0.5 - 0.25 * eps)
        else:
            kernels.write_shares(z, result, np.empty(rows.n_rows, np.intp), (eps, is_softmax))
        return result
    scratch = np.empty((kernels.PREDICTION_TILE, *weights.shape[:-1]))
    best = np.empty(kernels.PREDICTION_TILE, np.intp)
    for place, block in rows.blocks():
        if weights.ndim == 1:
            are_finite = kernels.probabilities(block, weights, result[place], scratch, eps)
        else:
            are_finite = kernels.class_probabilities(block, weights, result[place], scratch, best, (eps, is_softmax))
        if not are_finite:
            _check_cause(block, result[place], place.start)
    return result


def log_probabilities(z: Array, dtype: type = np.float64, is_softmax: bool = False) -> Array:
    """Return log(p) of each class, of shape (n_rows, n_classes), from z as `decision_values` returns it.

    One neuron gives s(-z) and s(z), where s(z) = log(sigmoid(z)) = -log_loss(z, 1). Several give s(z_k) minus the log
    of the sum of all exp(s(z_j)). With d_j = s(z_j) - s(largest z) <= 0 this is d_k - log(1 + the sum of the other
    exp(d_j)), in which nothing cancels. Of softmax, s(z) is z.
    """
    logs = -np.stack([log_loss(z, 0), log_loss(z, 1)], axis=1) if z.ndim == 1 else _log_shares(z, is_softmax)
    with np.errstate(over="ignore"):
        rounded: Array = logs.astype(dtype, copy=False) + dtype(0)  # -0.0 + 0.0 is 0.0
    return rounded


def _log_shares(z: Array, is_softmax: bool) -> Array:
    z = np.clip(z, -LARGEST, LARGEST)  # differences of infinities would be NaN
    rows, best = np.arange(len(z)), largest(z)
    if is_softmax:
        with np.errstate(over="ignore"):
            d = np.maximum(z - z[rows, best][:, None], -LARGEST)
    else:
        # s(z) = min(z, 0) - log(1 + exp(-|z|)): each part is subtracted by itself, since one may be much the larger.
        linear, rest = np.minimum(z, 0), log_loss(np.abs(z), 1)
        d = linear - linear[rows, best][:, None] - (rest - rest[rows, best][:, None])
    others = d.copy()
    others[rows, best] = -LARGEST
    logs: Array = d - log_loss(-functools.reduce(_log_of_sum, others.T), 1)[:, None]
    return logs


def log_odds(logs: Array) -> Array:
    """Return log(p / (1 - p)) of each class from the logarithms of the probabilities: both (n_rows, n_classes).

    log(1 - p) is that of the sum of the other classes' probabilities, in which nothing cancels.
    """
    logs = np.maximum(logs, -LARGEST)  # differences of infinities would be NaN
    before = list(itertools.accumulate(logs.T[:-1], _log_of_sum))
    after = list(itertools.accumulate(logs.T[:0:-1], _log_of_sum))[::-1]
    between = [_log_of_sum(*each) for each in zip(before, after[1:], strict=False)]
    odds: Array = logs - np.stack([after[0], *between, before[-1]], axis=1)
    return odds


def _log_of_sum(a: Array, b: Array) -> Array:
    """Return log(exp(a) + exp(b)), with the same bits on any machine: those of np.logaddexp depend on libm."""
    result: Array = np.maximum(a, b) + log_loss(np.abs(a - b), 1)
    return result


def largest(z: Array) -> Array:
    """Return the class number of the largest z of each row; of equal ones, the first."""
    numbers = np.empty(len(z), np.intp)
    kernels.largest_of_rows(z, numbers)
    return numbers


def class_numbers(z: Array) -> Array:
    """Return the predicted class of each row: of two the second if z > 0, of more the first with the largest z."""
    return (z > 0).astype(np.intp) if z.ndim == 1 else largest(z)


def mean_cost(rows: Rows, codes: Array, weights: Array, loss: str, is_softmax: bool = False) -> float:
    """Return the mean cost over the rows; the cost of a row is summed over the neurons, each one-vs-rest.

    The log loss of softmax is -log of the probability of the row's class, its squared error the sum over the classes.
    """
    if is_softmax:
        return _mean_cost_of_softmax(rows, codes, weights, loss)
    total_cost = kernels.total_cost_kernel(loss)
    total, scratch = 0.0, np.empty(2 * kernels.PREDICTION_TILE)
    if isinstance(rows, SparseRows):
        # z as rows of one feature, whose weight is 1.
        z, one = _sparse_decision_values(rows, weights), padded(np.ones(1), 0.0)
        if z.ndim == 1:
            return mean_cost(ArrayRows(z[:, None]), codes, one, loss)
        own = [read_only((codes == number).view(np.uint8)) for number in range(len(weights))]
        return sum(mean_cost(ArrayRows(z[:, k, None]), own[k], one, loss) for k in range(len(weights)))
    for place, block in rows.blocks():
        check_finite(block, place.start)
        if weights.ndim == 1:
            total += total_cost(block, codes[place], weights, scratch)
            continue
        for number, neuron in enumerate(weights):
            targets = read_only((codes[place] == number).view(np.uint8))
            total += total_cost(block, targets, neuron, scratch)
    return float(total / rows.n_rows)


def _mean_cost_of_softmax(rows: Rows, codes: Array, weights: Array, loss: str) -> float:
    if loss == "log_loss":
        logs = log_probabilities(decision_values(rows, weights), is_softmax=True)
        return float(sum_in_order(-logs[np.arange(rows.n_rows), codes]) / rows.n_rows)
    errors = probabilities(rows, weights, is_softmax=True)
    errors[np.arange(rows.n_rows), codes] -= 1.0
    return float(sum_in_order((errors**2).reshape(-1)) / rows.n_rows)


def _check_cause(block: Array, values: Array, first_row: int) -> None:
    """Raise ValueError if a row is not finite, or a value is NaN; the infinite z of a finite row is correct."""
    check_finite(block, first_row)
    _check_defined(values, first_row)


def _check_defined(values: Array, first_row: int) -> None:
    """Raise ValueError if a value of a finite row is NaN."""
    is_undefined = np.isnan(values).reshape(len(values), -1).any(axis=1)
    if is_undefined.any():
        row = first_row + int(is_undefined.argmax())
        raise ValueError(
            f"X is finite, but so large in row {row} that weights . x overflows in both directions. "
            "Scale the columns of X, or drop the row."
        )
