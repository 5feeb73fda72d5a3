"""Loss, gradient and Hessian of one neuron over a sample of rows, all float64, summed in a fixed order.

`panel` holds the sample's standardised rows as (u, 1, 0, ...) of padded length, so that the Hessian is well scaled.
"""

import functools

from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.outer_products import add_outer
from fastperceptron.kernels.rows import sum_of_products

# Rows that fit into the second-level cache together with their scaled copies, up to 500 columns.
HESSIAN_BLOCK = 64
# Rows of `scratch`.
SLOPES, COSTS, CURVATURES, SQUARES = range(4)


def scratch_shapes(size):
    """Return the shapes of the two float64 scratch arrays: values of a block of rows, and the rows scaled."""
    return (4, HESSIAN_BLOCK), (HESSIAN_BLOCK, size)


@functools.cache
def newton_kernel(loss):
    """Return the kernel add_newton_sums(panel, labels, weights, exactness, sums, hessian, scratch).

    labels : (targets, row weights), float64
    sums : the gradient in weights.size places, then loss, sum of curvatures, sum of squared weighted slopes
    hessian : (size, size), or empty if not wanted; blocks on and above the diagonal are added to
    """
    cost_and_slope, curvature = LOSSES[loss].cost_and_slope, LOSSES[loss].curvature

    @jit
    def add_newton_sums(panel, labels, weights, exactness, sums, hessian, scratch):
        values, scaled = scratch
        targets, row_weights = labels
        for start in range(0, panel.shape[0], HESSIAN_BLOCK):
            stop = min(start + HESSIAN_BLOCK, panel.shape[0])
            rows, y, omega = panel[start:stop], targets[start:stop], row_weights[start:stop]
            slopes, costs, curvatures, squares = values[0], values[1], values[2], values[3]
            for k in range(rows.shape[0]):
                slopes[k] = sum_of_products(rows[k], weights)
            for k in range(rows.shape[0]):
                curvatures[k] = omega[k] * curvature(slopes[k], y[k], exactness)
                cost, slope = cost_and_slope(slopes[k], y[k])
                costs[k], slopes[k] = omega[k] * cost, omega[k] * slope
                squares[k] = slopes[k] * slopes[k]
            sums[weights.size] += sum_in_order(costs[: rows.shape[0]])
            sums[weights.size + 1] += sum_in_order(curvatures[: rows.shape[0]])
            sums[weights.size + 2] += sum_in_order(squares[: rows.shape[0]])
            add_gradient(rows, slopes, sums[: weights.size])
            if hessian.size > 0:
                add_hessian(rows, curvatures, scaled, hessian)

    return add_newton_sums


@inlined
def add_gradient(rows, slopes, gradient):
    """Add the rows scaled by their slopes."""
    for k in range(rows.shape[0]):
        row, slope = rows[k], slopes[k]
        for j in range(gradient.size):
            gradient[j] += slope * row[j]


@inlined
def add_hessian(rows, curvatures, scaled, hessian):
    """Add curvature * row x row of all rows to the blocks on and above the diagonal."""
    size = hessian.shape[0]
    for k in range(rows.shape[0]):
        row, scaled_row, factor = rows[k], scaled[k], curvatures[k]
        for j in range(size):
            scaled_row[j] = factor * row[j]
    for j in range(0, size, 8):
        for i in range(0, j + 8, 4):
            add_outer(hessian, scaled, rows, i, j, rows.shape[0])
