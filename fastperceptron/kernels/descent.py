"""Gradient descent, one kernel a loss: steps by single rows (the tutorial's) or by mini-batches, along a given order.

`state` is float64 of shape (5, workspace_size(d)). Its first rows are the weights with the bias, the row (x, 1) of the
pending step, and that step's size (only single rows leave one pending); the others are room to work in.
`scratch` is described in gradient.py. `y` holds 0 or 1. Which rows come when is the caller's affair: randomness enters
as data.
"""

import functools

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.gradient import TILE, gradient_kernel, narrow_gradient_kernel
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.prediction import column_cost_kernel
from fastperceptron.kernels.rows import add_scaled, dot, look_ahead, padded_size


@functools.cache
def single_row_kernel(loss):
    """Return the kernel that steps along the gradient of one row after another.

    z of the next row is computed from the weights before this step, and corrected by this step times the two rows'
    inner product. So the dot product is ready when the step is: 22 against 33 ns a step at d=4, float64. The last
    step of a call stays pending, so that the next call goes on to the same bits as if there had been one call.
    """
    slope = LOSSES[loss].slope

    @jit
    def by_single_rows(X, y, order, state, learning_rate, batch_size, scratch):
        size = padded_size(X.shape[1])
        weights, last_row = state[0, :size], state[1, :size]
        row = order[0]
        z = fma(state[2, 0], dot(X, row, last_row), dot(X, row, weights))
        settle(state, weights)
        for k in range(1, order.size):
            following = order[k]
            z_following, overlap = look_ahead(X, row, following, weights)
            step = slope(z, float(y[row]), -learning_rate)
            add_scaled(weights, X, row, step)
            z = fma(step, overlap, z_following)
            row = following
        state[2, 0] = slope(z, float(y[row]), -learning_rate)
        last_row[:] = 0.0
        add_scaled(last_row, X, row, 1.0)

    return by_single_rows


@jit
def settle(state, out):
    """Write the weights after the pending step to `out`, which may be state[0]."""
    for j in range(out.size):
        out[j] = fma(state[1, j], state[2, 0], state[0, j])


@functools.cache
def mini_batch_kernel(loss, is_narrow):
    """Return the kernel that steps along the mean gradient of one batch after another."""
    add_gradient = narrow_gradient_kernel(loss) if is_narrow else gradient_kernel(loss)

    @jit
    def by_mini_batches(X, y, order, state, learning_rate, batch_size, scratch):
        size = padded_size(X.shape[1])
        weights, gradient, rounded = state[0, :size], state[3, :size], scratch[2, :size]
        for batch_start in range(0, order.size, batch_size):
            rounded[:] = weights
            gradient[:] = 0.0
            batch_stop = batch_start + batch_size
            for start in range(batch_start, batch_stop, TILE):
                add_gradient(X, y, order, start, min(start + TILE, batch_stop), rounded, gradient, scratch)
            for j in range(size):
                weights[j] = fma(-learning_rate / batch_size, gradient[j], weights[j])

    return by_mini_batches


@functools.cache
def descent_kernel(loss, is_by_rows, is_narrow):
    """Return the kernel descend(X, y, order, state, learning_rate, batch_size, recording, scratch).

    `recording` is (columns, costs): the order is walked in costs.size equal parts, and after each the mean cost over
    the rows that `columns` holds (see `columns_of`) is recorded; with no costs to record it is walked as a whole.
    """
    take_steps = single_row_kernel(loss) if is_by_rows else mini_batch_kernel(loss, is_narrow)
    total_cost = column_cost_kernel(loss)

    @jit
    def descend(X, y, order, state, learning_rate, batch_size, recording, scratch):
        columns, costs = recording
        n_parts = max(costs.size, 1)
        size = order.size // n_parts
        for part in range(n_parts):
            take_steps(X, y, order[part * size : (part + 1) * size], state, learning_rate, batch_size, scratch)
            if costs.size > 0:
                weights = state[3, : X.shape[1] + 1]
                settle(state, weights)
                costs[part] = total_cost(columns, X.shape[0], weights, state[4]) / X.shape[0]

    return descend
