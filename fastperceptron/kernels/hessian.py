"""Loss, gradient and Hessian of one neuron over a sample of rows, all float64, summed in a fixed order.

`panel` holds the sample's standardised rows as (u, 1, 0, ...) of padded length, so that the Hessian is well scaled.
"""

import functools

from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.outer_products import TILE, add_upper_triangle, packed_shape
from fastperceptron.kernels.rows import add_in_row_order, sum_of_products

# Rows that stay in the second-level cache between their dot products and their part of the gradient.
HESSIAN_BLOCK = 64
# Rows that are added to the Hessian together, which is read and written once for them: whole blocks.
HESSIAN_ROWS = 4 * HESSIAN_BLOCK


@functools.cache
def scratch_shapes(size):
    """Return the shapes of the two float64 scratch arrays: values of rows, and strips (see kernels/strips.py)."""
    return (4, HESSIAN_ROWS), packed_shape(min(size, TILE), 8)


@functools.cache
def newton_kernel(loss):
    """Return the kernel add_newton_sums(panel, labels, weights, exactness, sums, hessian, scratch).

    labels : (targets, row weights), float64
    sums : the gradient in weights.size places, then loss, sum of curvatures, sum of squared weighted slopes
    hessian : (size, size), or empty if not wanted; what is on and above the diagonal counts
    """
    cost_and_slope, curvature = LOSSES[loss].cost_and_slope, LOSSES[loss].curvature

    @jit
    def add_newton_sums(panel, labels, weights, exactness, sums, hessian, scratch):
        values, packed = scratch
        slopes, costs, squares, all_curvatures = values[0], values[1], values[2], values[3]
        targets, row_weights = labels
        for start in range(0, panel.shape[0], HESSIAN_BLOCK):
            stop = min(start + HESSIAN_BLOCK, panel.shape[0])
            rows, y, omega = panel[start:stop], targets[start:stop], row_weights[start:stop]
            curvatures = all_curvatures[start % HESSIAN_ROWS :]
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
            add_in_row_order(rows, slopes, sums)
            if hessian.size > 0 and (stop % HESSIAN_ROWS == 0 or stop == panel.shape[0]):
                first = start // HESSIAN_ROWS * HESSIAN_ROWS
                add_upper_triangle(panel[first:stop], all_curvatures, None, 0, packed, hessian)

    return add_newton_sums


@functools.cache
def curvatures_kernel(loss):
    """Return the kernel set_curvatures(panel, targets, weights, exactness, out), of the loss as a function of z."""
    curvature = LOSSES[loss].curvature

    @jit
    def set_curvatures(panel, targets, weights, exactness, out):
        for i in range(panel.shape[0]):
            out[i] = curvature(sum_of_products(panel[i], weights), targets[i], exactness)

    return set_curvatures
