"""Probabilities, largest classes and total cost of a block of rows; z is float64 (dot_products.py)."""

import functools

import numpy as np

from fastperceptron.kernels.activation import sigmoid
from fastperceptron.kernels.arithmetic import fma, sum_in_order, to_bits
from fastperceptron.kernels.dot_products import class_decision_values, tile_decision_values
from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES

# Rows whose values are kept in cache between the dot products and the vectorised loop over them.
PREDICTION_TILE = 64
# The bits of |z|, as an integer, are above these where z is infinite or NaN.
MAGNITUDE_BITS, LARGEST_BITS = np.int64(0x7FFFFFFFFFFFFFFF), np.int64(0x7FEFFFFFFFFFFFFF)
LARGEST = np.finfo(np.float64).max
# From here on down sigmoid(z) is exp(z) to the last bit.
EXPONENTIAL_TAIL = -40.0


@jit
def all_finite(values):
    """Return whether no value is infinite or NaN: integers are joined in vector code, which floats may not be."""
    signs = np.int64(0)
    for i in range(values.size):
        signs |= LARGEST_BITS - (to_bits(values[i]) & MAGNITUDE_BITS)
    return signs >= 0


@jit
def sigmoid_pair(z):
    """Return sigmoid(-z) and sigmoid(z) by one exponential and one division, with the bits of `sigmoid`."""
    e, one_plus_e = exp_nonpositive(-abs(z))
    p = 1.0 / one_plus_e
    q = e * p
    # The Newton step of `sigmoid` for both; it also corrects q, which is a product instead of a quotient.
    large, small = fma(fma(-p, e, 1.0 - p), p, p), fma(fma(-q, e, e - q), 1.0 - q, q)
    return small if z >= 0 else large, large if z >= 0 else small


@jit
def write_pairs(z, flat, below_half):
    """Write sigmoid(-z[i]) and sigmoid(z[i]) to flat[2 i] and flat[2 i + 1].

    Where z is not 0, the smaller one is at most `below_half`, so that rounding never makes both equal: the larger one
    is always that of the predicted class.

    `flat` is 1-d because LLVM makes scalar code for rows whose stride it does not know: 8.7 ns per pair against 2.6.
    """
    for i in range(z.size):
        p, q = sigmoid_pair(z[i])
        flat[2 * i] = min(p, below_half) if z[i] > 0 else p
        flat[2 * i + 1] = min(q, below_half) if z[i] < 0 else q


@jit
def probabilities(X, weights, out, scratch, eps):
    """Write sigmoid(-z) and sigmoid(z) to out[i]; return whether all z are finite.

    scratch : (PREDICTION_TILE,) float64
    eps : the relative spacing of numbers of out's dtype, which is float64 or float32
    """
    are_finite, flat, below_half = True, out.reshape(-1), 0.5 - 0.25 * eps
    for start in range(0, X.shape[0], PREDICTION_TILE):
        stop = min(start + PREDICTION_TILE, X.shape[0])
        z = scratch[: stop - start]
        tile_decision_values(X, start, weights, z)
        are_finite &= all_finite(z)
        write_pairs(z, flat[2 * start : 2 * stop], below_half)
    return are_finite


@jit
def shift_to_largest(z, best):
    """Raise each row of z so that its largest is at least EXPONENTIAL_TAIL, where ratios of sigmoids stay the same.

    The position of the largest, the first of equal ones, is written to best[i].
    """
    for i in range(z.shape[0]):
        largest, place = -LARGEST, 0
        for k in range(z.shape[1]):
            z[i, k] = -LARGEST if z[i, k] < -LARGEST else z[i, k]
            place = k if z[i, k] > largest else place
            largest = max(largest, z[i, k])
        best[i] = place
        shift = min(largest - EXPONENTIAL_TAIL, 0.0)
        for k in range(z.shape[1]):
            z[i, k] -= shift


@jit
def largest_of_rows(z, out):
    """Write the position of each row's largest, the first of equal ones: 0.8 ns per value of 4; argmax takes 4."""
    for i in range(z.shape[0]):
        largest, place = z[i, 0], 0
        for k in range(1, z.shape[1]):
            place = k if z[i, k] > largest else place
            largest = max(largest, z[i, k])
        out[i] = place


@jit
def divide_by_row_sums(values, out):
    """Write each row, divided by its sum."""
    for i in range(values.shape[0]):
        total = 0.0
        for k in range(values.shape[1]):
            total += values[i, k]
        for k in range(values.shape[1]):
            out[i, k] = values[i, k] / total


@jit
def raise_above_others(p, best, eps):
    """Raise p[i, best[i]] above the row's largest, where rounding made that another, or an earlier one as large."""
    for i in range(p.shape[0]):
        largest, n_before = p[i, best[i]], 0
        for k in range(p.shape[1]):
            n_before += (p[i, k] > largest) | ((p[i, k] == largest) & (k < best[i]))
        if n_before > 0:
            for k in range(p.shape[1]):
                largest = max(largest, p[i, k])
            p[i, best[i]] = largest + 0.75 * eps * largest  # three quarters of eps are rounded up to one unit


@jit
def set_exponentials(z, best):
    """Replace each row of z by exp(z - its largest); the position of that, the first of equal ones, is best[i]."""
    for i in range(z.shape[0]):
        row, largest, place = z[i], -LARGEST, 0
        for k in range(row.size):
            # Differences of infinities would be NaN; what is NaN stays.
            row[k] = -LARGEST if row[k] < -LARGEST else (LARGEST if row[k] > LARGEST else row[k])
            place = k if row[k] > largest else place
            largest = max(largest, row[k])
        best[i] = place
        for k in range(row.size):
            row[k] = exp_nonpositive(row[k] - largest)[0]


@jit
def write_shares(z, out, best, how):
    """Write the sigmoids, or exponentials, of all classes, divided by their sum; return whether all z are finite.

    z : (n, n_classes) float64, changed
    best : (n,) intp or longer, scratch
    how : the relative spacing of numbers of out's dtype, which is float64 or float32; and whether it is softmax
    """
    flat, (eps, is_softmax) = z.reshape(-1), how
    are_finite = all_finite(flat)
    if is_softmax:
        set_exponentials(z, best)
    else:
        shift_to_largest(z, best)
        for i in range(flat.size):
            flat[i] = sigmoid(flat[i])
    divide_by_row_sums(z, out)
    raise_above_others(out, best, eps)
    return are_finite


@jit
def class_probabilities(X, weights, out, scratch, best, how):
    """Write the sigmoids, or exponentials, of all classes, divided by their sum; return whether all z are finite.

    scratch : (PREDICTION_TILE, n_classes) float64
    best : (PREDICTION_TILE,) intp, scratch too
    how : as in `write_shares`
    """
    are_finite = True
    for start in range(0, X.shape[0], PREDICTION_TILE):
        tile = scratch[: min(PREDICTION_TILE, X.shape[0] - start)]
        class_decision_values(X, start, weights, tile)
        are_finite &= write_shares(tile, out[start : start + PREDICTION_TILE], best, how)
    return are_finite


@functools.cache
def total_cost_kernel(loss):
    """Return the kernel total_cost(X, y, weights, scratch); scratch is float64, of 2 * PREDICTION_TILE elements."""
    cost = LOSSES[loss].cost

    @jit
    def total_cost(X, y, weights, scratch):
        total = 0.0
        for start in range(0, X.shape[0], PREDICTION_TILE):
            size = min(PREDICTION_TILE, X.shape[0] - start)
            targets = y[start : start + size]
            tile_decision_values(X, start, weights, scratch[:size])
            for i in range(size):
                scratch[PREDICTION_TILE + i] = targets[i]
            # Whole vectors: a remainder in scalar code took 10 times as long per row.
            for i in range((size + 15) // 16 * 16):
                scratch[i] = cost(scratch[i], scratch[PREDICTION_TILE + i])
            total += sum_in_order(scratch[:size])
        return total

    return total_cost


def columns_of(X, y):
    """Return the rows as float64 columns with the targets below, padded with zeros to whole vectors."""
    columns = np.zeros((X.shape[1] + 1, (X.shape[0] + 15) // 16 * 16))
    columns[:-1, : X.shape[0]] = X.T
    columns[-1, : X.shape[0]] = y
    return columns


@functools.cache
def column_cost_kernel(loss):
    """Return the kernel that sums the cost over rows given by `columns_of`: for few rows whose cost is needed often.

    Vectors run along the rows: 2 ns per row at d=4, where `total_cost` takes 8.
    """
    cost = LOSSES[loss].cost

    @jit
    def column_cost(columns, n_rows, weights, scratch):
        total = 0.0
        n_features = columns.shape[0] - 1
        for start in range(0, n_rows, PREDICTION_TILE):
            stop = min(start + PREDICTION_TILE, columns.shape[1])
            z = scratch[: stop - start]
            z[:] = weights[n_features]
            for j in range(n_features):
                column, weight = columns[j, start:stop], weights[j]
                for i in range(z.size):
                    z[i] = fma(weight, column[i], z[i])
            targets = columns[n_features, start:stop]
            for i in range(z.size):
                z[i] = cost(z[i], targets[i])
            total += sum_in_order(z[: min(PREDICTION_TILE, n_rows - start)])
        return total

    return column_cost
