"""The gradient over a tile of rows: dot products, slopes, and the sum of slope * row, while the rows are in cache.

`scratch` has the dtype of X and shape scratch_shape(d), and starts as zeros. Its rows are slopes, targets, weights
rounded to X's precision, and the tile's gradient or, for narrow rows, the tile's columns.
"""

import functools

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.narrow_rows import MOST, set_columns, set_ones
from fastperceptron.kernels.rows import add_scaled_four, dot_four, padded_size, prefetch, sum_of_products
from fastperceptron.kernels.vectors import LANES

# Rows that are summed in X's precision before float64. The cost per tile shows with fewer: 7 ns per row at d=2 with 64.
GRADIENT_TILE = 256


def scratch_shape(n_features):
    """Return the shape of `scratch`."""
    return 3 + LANES if n_features < LANES else 4, max(GRADIENT_TILE, padded_size(n_features))


@functools.cache
def gradient_kernel(loss, is_weighted=False):
    """Return the kernel that adds the gradient of the rows order[start:stop] to the float64 `gradient`.

    There are at most GRADIENT_TILE rows. If it is weighted, y is (targets, the rows' weights in the precision of X).
    The tile is summed in X's precision. Its rows are cut into groups that stay in the first-level cache between the dot
    products and the sum: with one group of 64 rows of 1000 float32, the sum cost 110 ns per row more.
    """
    slope = LOSSES[loss].slope
    targets_of, scale_slopes = _weighting(is_weighted)

    @jit
    def add_gradient(X, y, order, start, stop, weights, gradient, scratch):
        size = padded_size(X.shape[1])
        tile_gradient = scratch[3, :size]
        tile_gradient[:] = 0
        group_size = rows_per_group(X.shape[1])
        for group_start in range(start, stop, group_size):
            group = order[group_start : min(group_start + group_size, stop)]
            slopes, targets = scratch[0, : whole_fours(group.size)], scratch[1, : whole_fours(group.size)]
            dots_and_targets(X, targets_of(y), group, weights, slopes, targets)
            for k in range(slopes.size):
                slopes[k] = slope(slopes[k], targets[k], type(slopes[0])(1))
            scale_slopes(slopes, y, group)
            slopes[group.size :] = 0
            coming = order[group_start + group_size :]
            for k in range(0, group.size, 4):
                prefetch_four(X, coming, k)
                scales = (slopes[k], slopes[k + 1], slopes[k + 2], slopes[k + 3])
                add_scaled_four(tile_gradient, X, four_rows(group, k), scales)
        for j in range(size):
            gradient[j] += tile_gradient[j]

    return add_gradient


@inlined
def rows_per_group(n_features):
    """Return how many rows of a tile are worked on together: 16 KB of float32, half of the first-level cache."""
    return max(4, min(GRADIENT_TILE, 4096 // n_features // 4 * 4))


@inlined
def whole_fours(size):
    """Return the size rounded up to a multiple of 4."""
    return (size + 3) // 4 * 4


@inlined
def four_rows(order, k):
    """Return order[k : k + 4], with the last row again where the order ends."""
    last = order.size - 1
    return (order[min(k, last)], order[min(k + 1, last)], order[min(k + 2, last)], order[min(k + 3, last)])


@inlined
def prefetch_four(X, order, k):
    """Prefetch four of the coming rows while others are summed; otherwise memory and arithmetic would take turns."""
    for i in range(k, min(k + 4, order.size)):
        prefetch(X, order[i])


@inlined
def dots_and_targets(X, y, order, weights, dots, targets):
    """Write the dot products and the targets of the rows in `order`, and more of the last up to a multiple of 4."""
    for k in range(0, order.size, 4):
        rows = four_rows(order, k)
        dots[k], dots[k + 1], dots[k + 2], dots[k + 3] = dot_four(X, rows, weights)
        for i in range(4):
            targets[k + i] = y[rows[i]]


def _weighting(is_weighted):
    """Return the kernels that select the targets in `y`, and that multiply slopes by the rows' weights, if any.

    They save the tutorial's loop a branch per tile.
    """
    return (first_of_pair, scale_by_weights) if is_weighted else (itself, leave_as_they_are)


@inlined
def itself(y):
    """Return y."""
    return y


@inlined
def first_of_pair(y):
    """Return y[0]."""
    return y[0]


@inlined
def leave_as_they_are(slopes, y, order):
    """Do nothing: all rows weigh the same."""


@inlined
def scale_by_weights(slopes, y, order):
    """Multiply the slopes by y[1], the weights, of the rows in `order`."""
    weights = y[1]
    for k in range(order.size):
        slopes[k] *= weights[order[k]]


@functools.cache
def narrow_gradient_kernel(loss, is_weighted=False):
    """Return `add_gradient` for rows of fewer than LANES values, which are transposed in cache, column by column.

    Vectors then run along the rows of the tile; the bias is a column of ones.
    """
    slope = LOSSES[loss].slope
    targets_of, scale_slopes = _weighting(is_weighted)

    @jit
    def add_gradient(X, y, order, start, stop, weights, gradient, scratch):
        slopes, targets = scratch[0, :GRADIENT_TILE], scratch[1, :GRADIENT_TILE]
        n_columns = X.shape[1] + 1
        # Contiguous rows: LLVM makes slower code for rows of a slice, 4.0 against 2.6 ns per row at d=2.
        columns = scratch[3:].reshape(scratch[3:].size)[: n_columns * GRADIENT_TILE].reshape((n_columns, GRADIENT_TILE))
        transpose(X, targets_of(y), order[start:stop], columns, targets)
        slopes[:] = 0
        for j in range(columns.shape[0]):
            column, weight = columns[j], weights[j]
            for k in range(GRADIENT_TILE):
                slopes[k] = fma(weight, column[k], slopes[k])
        for k in range(GRADIENT_TILE):
            slopes[k] = slope(slopes[k], targets[k], type(slopes[0])(1))
        scale_slopes(slopes, y, order[start:stop])
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
        # Neighbouring rows are read without looking up each number, which took 2 ns per row at d=2.
        start, stop = order[0], order[0] + order.size
        labels = y[start:stop]
        for k in range(labels.size):
            targets[k] = labels[k]
        values = X[start:stop].reshape(order.size * X.shape[1])
        if X.shape[1] <= MOST:
            set_columns(values, order.size, None, columns)
        else:
            copy_columns(values, X.shape[1], order.size, columns)
    else:
        for k in range(order.size):
            targets[k] = y[order[k]]
            for j in range(X.shape[1]):
                columns[j, k] = X[order[k], j]
    set_ones(columns)


@jit
def copy_columns(values, n_features, n_rows, columns):
    """Write values[k * n_features + j] to columns[j, k]."""
    for j in range(n_features):
        column = columns[j]
        for k in range(n_rows):
            column[k] = values[k * n_features + j]
