"""Decision values and total cost of a block of rows: z is computed in float64 whatever the rows are.

Four rows at a time, yet each row's bits are those of `dot` alone: they do not depend on the batch it came in.
"""

import functools

import numpy as np

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import dot, dot_four

# Rows whose values are kept in cache between the dot products and the vectorised loop over them.
TILE = 64


@jit
def decision_values(X, weights, out):
    """Write weights . (X[i], 1) to out[i]."""
    whole = X.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        out[i], out[i + 1], out[i + 2], out[i + 3] = dot_four(X, (i, i + 1, i + 2, i + 3), weights)
    for i in range(whole, X.shape[0]):
        out[i] = dot(X, i, weights)


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
            decision_values(X[start : start + size], weights, scratch[:size])
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
