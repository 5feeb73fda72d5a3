"""Gradient descent, one kernel a loss: steps by single rows (the tutorial's) or by mini-batches, along a given order.

`state` is float64 of shape (5, workspace_size(d)). Its first rows are the weights with the bias, the row (x, 1) of the
pending step, and that step's size (only single rows leave one pending); the others are room to work in.
`scratch` has X's dtype and shape scratch_shape(d), and starts as zeros: its rows are slopes, targets, weights rounded to
X's precision, and a tile's gradient or, for narrow rows, a tile's columns.
`y` holds 0 or 1. Which rows come when is the caller's affair: randomness enters as data.
"""

import functools

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.prediction import TILE, column_cost_kernel
from fastperceptron.kernels.rows import add_scaled, add_scaled_four, dot, dot_four, look_ahead, padded_size, prefetch, sum_of_products
from fastperceptron.kernels.vectors import LANES


def workspace_size(n_features):
    """Return the length of the rows of `state` and `scratch`: room for padded weights or for a tile's values and targets."""
    return max(2 * TILE, padded_size(n_features))


def scratch_shape(n_features):
    """Return the shape of `scratch`."""
    return (3 + LANES if n_features < LANES else 4, workspace_size(n_features))


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
def gradient_kernel(loss):
    """Return the kernel that adds the gradient of the rows order[start:stop], at most TILE, to the float64 `gradient`.

    The tile is summed in X's precision. Its rows come in groups that stay in the first-level cache between the dot
    products and the sum: in one group of 64 rows, 1000 float32 wide, the sum cost 110 ns a row more.
    """
    slope = LOSSES[loss].slope

    @jit
    def add_gradient(X, y, order, start, stop, weights, gradient, scratch):
        size = padded_size(X.shape[1])
        tile_gradient = scratch[3, :size]
        tile_gradient[:] = 0
        group_size = group_of(X.shape[1])
        for group_start in range(start, stop, group_size):
            group = order[group_start : min(group_start + group_size, stop)]
            slopes, targets = scratch[0, : whole_fours(group.size)], scratch[1, : whole_fours(group.size)]
            dots_and_targets(X, y, group, weights, slopes, targets)
            for k in range(slopes.size):
                slopes[k] = slope(slopes[k], targets[k], type(slopes[0])(1))
            slopes[group.size :] = 0
            coming = order[group_start + group_size :]
            for k in range(0, group.size, 4):
                prefetch_four(X, coming, k)
                scales = (slopes[k], slopes[k + 1], slopes[k + 2], slopes[k + 3])
                add_scaled_four(tile_gradient, X, four_rows(group, k), scales)
        for j in range(size):
            gradient[j] += tile_gradient[j]

    return add_gradient


@jit
def group_of(n_features):
    """Return how many rows of a tile are worked on together: 16 KB of float32, half of the first-level cache."""
    return max(4, min(TILE, 4096 // n_features // 4 * 4))


@jit
def whole_fours(size):
    """Return the size rounded up to a multiple of 4."""
    return (size + 3) // 4 * 4


@jit
def four_rows(order, k):
    """Return order[k : k + 4], with the last row again where the order ends."""
    last = order.size - 1
    return (order[min(k, last)], order[min(k + 1, last)], order[min(k + 2, last)], order[min(k + 3, last)])


@jit
def prefetch_four(X, order, k):
    """Ask for four coming rows while others are summed; else memory and arithmetic would take turns."""
    for i in range(k, min(k + 4, order.size)):
        prefetch(X, order[i])


@jit
def dots_and_targets(X, y, order, weights, dots, targets):
    """Write the dot products and the targets of the rows in `order`, and more of the last up to a multiple of 4."""
    for k in range(0, order.size, 4):
        rows = four_rows(order, k)
        dots[k], dots[k + 1], dots[k + 2], dots[k + 3] = dot_four(X, rows, weights)
        for i in range(4):
            targets[k + i] = y[rows[i]]


@functools.cache
def narrow_gradient_kernel(loss):
    """Return `add_gradient` for rows of fewer than LANES values, which are transposed in cache, column by column.

    Vectors then run along the rows of the tile; the bias is a column of ones.
    """
    slope = LOSSES[loss].slope

    @jit
    def add_gradient(X, y, order, start, stop, weights, gradient, scratch):
        slopes, targets = scratch[0, :TILE], scratch[1, :TILE]
        columns = scratch[3 : 4 + X.shape[1], :TILE]
        transpose(X, y, order[start:stop], columns, targets)
        slopes[:] = 0
        for j in range(columns.shape[0]):
            column, weight = columns[j], weights[j]
            for k in range(TILE):
                slopes[k] = fma(weight, column[k], slopes[k])
        for k in range(TILE):
            slopes[k] = slope(slopes[k], targets[k], type(slopes[0])(1))
        slopes[stop - start :] = 0
        for j in range(columns.shape[0]):
            gradient[j] += sum_of_products(slopes, columns[j])

    return add_gradient


@jit
def transpose(X, y, order, columns, targets):
    """Write the features of the rows in `order` as columns, a column of ones below, and their targets."""
    gaps = 0
    for k in range(order.size):
        gaps |= order[k] - order[0] - k
    if gaps == 0:
        # Neighbouring rows need no look-up each: 2 ns a row at d=2.
        start, stop = order[0], order[0] + order.size
        transpose_run(X[start:stop].reshape(order.size * X.shape[1]), y[start:stop], columns, targets)
    else:
        for k in range(order.size):
            targets[k] = y[order[k]]
            for j in range(X.shape[1]):
                columns[j, k] = X[order[k], j]
    columns[X.shape[1], :] = 1


@jit
def transpose_run(values, y, columns, targets):
    """Write the features, which come row after row, and the targets of neighbouring rows."""
    for k in range(y.size):
        targets[k] = y[k]
    n_features = columns.shape[0] - 1
    # A stride that LLVM knows makes vector code: 1.3 against 1.9 ns a row at d=2.
    if n_features == 2:
        copy_columns(values, 2, y.size, columns)
    elif n_features == 4:
        copy_columns(values, 4, y.size, columns)
    else:
        copy_columns(values, n_features, y.size, columns)


@jit
def copy_columns(values, n_features, n_rows, columns):
    """Write values[k * n_features + j] to columns[j, k]."""
    for j in range(n_features):
        column = columns[j]
        for k in range(n_rows):
            column[k] = values[k * n_features + j]


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
