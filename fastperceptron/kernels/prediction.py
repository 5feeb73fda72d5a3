"""Decision values, probabilities and total cost of a block of rows: z is computed in float64 whatever the rows are.

Four rows at a time, yet each row's bits are those of `dot` alone: they do not depend on the batch it came in.
"""

import functools

import numpy as np

from fastperceptron.kernels.activation import sigmoid
from fastperceptron.kernels.arithmetic import fma, to_bits
from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import dot, dot_four, prefetch

# Rows whose values are kept in cache between the dot products and the vectorised loop over them.
TILE = 64
# Rows asked for ahead of their use, as the hardware stops at each page of 4 KB: with 20 float32 features 5.1 ns a row,
# else 6.9; with 40, 9.7, else 13.1; with 1000, 285, else 308. Narrower rows than a cache line are no faster for it.
ROWS_AHEAD = 32
CACHE_LINE = 64
# The bits of |z|, as an integer, are above these where z is infinite or NaN.
MAGNITUDE_BITS, LARGEST_BITS = np.int64(0x7FFFFFFFFFFFFFFF), np.int64(0x7FEFFFFFFFFFFFFF)
LARGEST = np.finfo(np.float64).max
# From here on down sigmoid(z) is exp(z) to the last bit.
EXPONENTIAL_TAIL = -40.0


@jit
def end_of_prefetch(X):
    """Return the row before which rows are worth asking for."""
    return X.shape[0] if X.shape[1] * X.itemsize >= CACHE_LINE else 0


@jit
def tile_decision_values(X, start, weights, out):
    """Write weights . (X[start + i], 1) to out[i]."""
    whole, end = out.size // 4 * 4, end_of_prefetch(X)
    for i in range(0, whole, 4):
        row = start + i
        for ahead in range(row + ROWS_AHEAD, min(row + ROWS_AHEAD + 4, end)):
            prefetch(X, ahead)
        out[i], out[i + 1], out[i + 2], out[i + 3] = dot_four(X, (row, row + 1, row + 2, row + 3), weights)
    for i in range(whole, out.size):
        out[i] = dot(X, start + i, weights)


@jit
def decision_values(X, weights, out):
    """Write weights . (X[i], 1) to out[i]."""
    tile_decision_values(X, 0, weights, out)


@jit
def class_decision_values(X, start, weights, out):
    """Write weights[k] . (X[start + i], 1) to out[i, k], for all classes k while the rows are in cache."""
    whole, end = out.shape[0] // 4 * 4, end_of_prefetch(X)
    for i in range(0, whole, 4):
        row = start + i
        for ahead in range(row + ROWS_AHEAD, min(row + ROWS_AHEAD + 4, end)):
            prefetch(X, ahead)
        for k in range(weights.shape[0]):
            z = dot_four(X, (row, row + 1, row + 2, row + 3), weights[k])
            out[i, k], out[i + 1, k], out[i + 2, k], out[i + 3, k] = z
    for i in range(whole, out.shape[0]):
        for k in range(weights.shape[0]):
            out[i, k] = dot(X, start + i, weights[k])


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
    # The Newton step of `sigmoid`, for both: it takes back that q was no division.
    large, small = fma(fma(-p, e, 1.0 - p), p, p), fma(fma(-q, e, e - q), 1.0 - q, q)
    return small if z >= 0 else large, large if z >= 0 else small


@jit
def write_pairs(z, flat):
    """Write sigmoid(-z[i]) and sigmoid(z[i]) to flat[2 i] and flat[2 i + 1].

    1-d: with rows of a stride that LLVM does not know it is scalar code, 8.7 ns a pair against 2.6.
    """
    for i in range(z.size):
        flat[2 * i], flat[2 * i + 1] = sigmoid_pair(z[i])


@jit
def probabilities(X, weights, out, scratch):
    """Write sigmoid(-z) and sigmoid(z) to out[i]; return whether all z are finite. scratch holds TILE elements."""
    are_finite, flat = True, out.reshape(-1)
    for start in range(0, X.shape[0], TILE):
        stop = min(start + TILE, X.shape[0])
        z = scratch[: stop - start]
        tile_decision_values(X, start, weights, z)
        are_finite &= all_finite(z)
        write_pairs(z, flat[2 * start : 2 * stop])
    return are_finite


@jit
def shift_to_largest(z):
    """Raise each row of z so that its largest is at least EXPONENTIAL_TAIL, where ratios of sigmoids stay the same."""
    for i in range(z.shape[0]):
        largest = -LARGEST
        for k in range(z.shape[1]):
            z[i, k] = -LARGEST if z[i, k] < -LARGEST else z[i, k]
            largest = max(largest, z[i, k])
        shift = min(largest - EXPONENTIAL_TAIL, 0.0)
        for k in range(z.shape[1]):
            z[i, k] -= shift


@jit
def divide_by_row_sums(values):
    """Divide each row by its sum."""
    for i in range(values.shape[0]):
        total = 0.0
        for k in range(values.shape[1]):
            total += values[i, k]
        for k in range(values.shape[1]):
            values[i, k] /= total


@jit
def class_probabilities(X, weights, out):
    """Write the sigmoids of all classes, divided by their sum, to out[i]; return whether all z are finite."""
    are_finite = True
    for start in range(0, X.shape[0], TILE):
        tile = out[start : start + TILE]
        class_decision_values(X, start, weights, tile)
        flat = tile.reshape(-1)
        are_finite &= all_finite(flat)
        shift_to_largest(tile)
        for i in range(flat.size):
            flat[i] = sigmoid(flat[i])
        divide_by_row_sums(tile)
    return are_finite


@jit
def largest_of_rows(z, out):
    """Write the position of each row's largest, the first of equal ones: 0.8 ns a value of 4; argmax takes 4."""
    for i in range(z.shape[0]):
        largest, place = z[i, 0], 0
        for k in range(1, z.shape[1]):
            place = k if z[i, k] > largest else place
            largest = max(largest, z[i, k])
        out[i] = place


@jit
def sum_in_order(values):
    """Return the sum, as four interleaved sums: one alone would wait for each addition."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = values.size // 4 * 4
    for i in range(0, whole, 4):
        first += values[i]
        second += values[i + 1]
        third += values[i + 2]
        fourth += values[i + 3]
    for i in range(whole, values.size):
        first += values[i]
    return (first + second) + (third + fourth)


@functools.cache
def total_cost_kernel(loss):
    """Return the kernel total_cost(X, y, weights, scratch) ; scratch is float64, of 2 * TILE elements."""
    cost = LOSSES[loss].cost

    @jit
    def total_cost(X, y, weights, scratch):
        total = 0.0
        for start in range(0, X.shape[0], TILE):
            size = min(TILE, X.shape[0] - start)
            targets = y[start : start + size]
            tile_decision_values(X, start, weights, scratch[:size])
            for i in range(size):
                scratch[TILE + i] = targets[i]
            # Past the rows to whole vectors: a remainder of scalar code took 10 times as long a row.
            for i in range((size + 15) // 16 * 16):
                scratch[i] = cost(scratch[i], scratch[TILE + i])
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
    """Return the kernel that sums the cost over rows given by `columns_of`: for few rows, which are asked for often.

    Vectors run along the rows: 2 ns a row at d=4, where `total_cost` takes 8.
    """
    cost = LOSSES[loss].cost

    @jit
    def column_cost(columns, n_rows, weights, scratch):
        total = 0.0
        n_features = columns.shape[0] - 1
        for start in range(0, n_rows, TILE):
            stop = min(start + TILE, columns.shape[1])
            z = scratch[: stop - start]
            z[:] = weights[n_features]
            for j in range(n_features):
                column, weight = columns[j, start:stop], weights[j]
                for i in range(z.size):
                    z[i] = fma(weight, column[i], z[i])
            targets = columns[n_features, start:stop]
            for i in range(z.size):
                z[i] = cost(z[i], targets[i])
            total += sum_in_order(z[: min(TILE, n_rows - start)])
        return total

    return column_cost
