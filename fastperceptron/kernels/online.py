"""Kernels of online Newton: a quadratic model of earlier rows, the step to its minimum, and draws for kept rows.

Only the upper triangle of a Hessian is used; for wide rows the Hessian is its diagonal, as a matrix of one row.
"""

import functools

import numpy as np

from fastperceptron.kernels.draws import INCREMENT, random_word
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import sum_of_products
from fastperceptron.kernels.vectors import LANES

# The upper 53 bits of a word, plus a half, times this: above 0 and below 1.
UNIT = 2.0**-53
UPPER_BITS = np.uint64(11)


@jit
def add_product(hessian, x, out):
    """Add hessian x to `out`."""
    if hessian.shape[0] == 1:
        for j in range(x.size):
            out[j] += hessian[0, j] * x[j]
        return
    for i in range(x.size):
        row, value, total = hessian[i], x[i], hessian[i, i] * x[i]
        whole = (i + LANES) // LANES * LANES
        for j in range(i + 1, whole):
            total += row[j] * x[j]
        out[i] += total + sum_of_products(row[whole:], x[whole:])
        for j in range(i + 1, x.size):
            out[j] += row[j] * value


@jit
def add_model(model, penalty, point, gradient, scratch):
    """Add the gradient of a model and of the penalty at a point; return both their values there.

    model : (the point it is about, its gradient there, its Hessian)
    """
    about, slope, hessian = model
    step, change = scratch[0], scratch[1]
    for j in range(point.size):
        step[j], change[j] = point[j] - about[j], 0.0
    add_product(hessian, step, change)
    value = sum_of_products(slope, step) + 0.5 * sum_of_products(change, step)
    for j in range(point.size):
        step[j] = penalty[j] * point[j]
        gradient[j] += slope[j] + change[j] + step[j]
    return value + 0.5 * sum_of_products(step, point)


@functools.cache
def diagonal_kernel(loss):
    """Return the kernel add_diagonal(panel, labels, weights, exactness, diagonal), for the kernel of newton_kernel."""
    curvature = LOSSES[loss].curvature

    @jit
    def add_diagonal(panel, labels, weights, exactness, diagonal):
        targets, row_weights = labels
        for i in range(panel.shape[0]):
            row = panel[i]
            factor = row_weights[i] * curvature(sum_of_products(row, weights), targets[i], exactness)
            for j in range(row.size):
                diagonal[j] += factor * (row[j] * row[j])

    return add_diagonal


@jit
def is_fitting(moments, deviations, scale, looseness):
    """Return whether columns have a mean within a deviation of zero, and a deviation like their scale.

    moments : (the sums of the columns, the sum of the weights)
    """
    sums, total = moments
    for j in range(deviations.size):
        deviation = deviations[j]
        is_far = abs(sums[j]) > deviation * total
        if deviation > 0.0 and (is_far or scale[j] > looseness * deviation or looseness * scale[j] < deviation):
            return False
    return True


@jit
def draw_priorities(seed, first, weights, out):
    """Write weights over the draws first, first + 1, ... of a seed: uniform between 0 and 1, never either."""
    state = seed + np.uint64(first) * INCREMENT
    for k in range(out.size):
        state += INCREMENT
        out[k] = weights[k] / ((np.float64(random_word(state) >> UPPER_BITS) + 0.5) * UNIT)


@jit
def add_class_totals(codes, weights, totals):
    """Add each row's weight to its class's total."""
    for i in range(codes.size):
        totals[codes[i]] += weights[i]
