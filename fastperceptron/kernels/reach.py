"""How much the curvature of the loss may change along a step: whether its quadratic model holds there.

The logarithm of the log loss's curvature changes by at most the change of z: a row of curvature c, whose z changes by
a, adds between c (e^-a - 1 + a) and c (e^a - 1 - a) to the loss, beyond its slope (Bach 2010, Self-concordant analysis
for logistic regression); the quadratic model has c a^2 / 2. The squared error's, of 2 (p (1 - p))^2, changes by up to
twice as much. It may also turn negative: there the bounds take its part that never is, and are a guide.
"""

import functools

from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import sum_of_products

# Changes of z beyond which all bounds are useless, and below which they are c a^2 / 2 to seven digits.
LARGEST_CHANGE, SMALL_CHANGE = 50.0, 1e-3
QUADRATIC, LOWER, UPPER, CUBIC, COST = range(5)  # places in `sums`
# Rows whose values are computed together, in vectors, before they are added in row order: one row after another took
# 53 ns a row of 20 columns, more than the Hessian.
REACH_BLOCK = 64
SCRATCH_SHAPE = (8, REACH_BLOCK)


@functools.cache
def reach_kernel(loss):
    """Return the kernel add_reach(panel, labels, point, step, exactness, sums, scratch), which adds to `sums`.

    labels : (targets, row weights), float64
    exactness : that of the Hessian which the step is from; the quadratic model of another one is not comparable
    sums : the sums of c a^2 / 2, of the lower and the upper bound, of c a^3 / 2, and of the costs
    scratch : SCRATCH_SHAPE, float64
    """
    curvature, cost, rate = LOSSES[loss].curvature, LOSSES[loss].cost, 1.0 if LOSSES[loss].IS_CONVEX else 2.0

    @jit
    def add_reach(panel, labels, point, step, exactness, sums, scratch):
        values, changes, z, curvatures = scratch[:5], scratch[5], scratch[6], scratch[7]
        targets, weights = labels
        for start in range(0, panel.shape[0], REACH_BLOCK):
            stop = min(start + REACH_BLOCK, panel.shape[0])
            rows, y, omega = panel[start:stop], targets[start:stop], weights[start:stop]
            for k in range(rows.shape[0]):
                changes[k] = min(abs(sum_of_products(rows[k], step)), LARGEST_CHANGE)
                z[k] = sum_of_products(rows[k], point)
            for k in range(rows.shape[0]):
                curvatures[k] = omega[k] * curvature(z[k], y[k], 0.0)
                values[COST, k] = omega[k] * cost(z[k], y[k])
            for k in range(rows.shape[0]):
                values[QUADRATIC, k] = 0.5 * omega[k] * curvature(z[k], y[k], exactness) * changes[k] * changes[k]
            for k in range(rows.shape[0]):
                lower, upper = bounds(min(rate * changes[k], LARGEST_CHANGE))
                values[LOWER, k] = curvatures[k] * lower / (rate * rate)
                values[UPPER, k] = curvatures[k] * upper / (rate * rate)
            for k in range(rows.shape[0]):
                half, quadratic = 0.5 * curvatures[k] * changes[k] * changes[k], values[QUADRATIC, k]
                sums[QUADRATIC] += quadratic
                sums[LOWER] += quadratic + (values[LOWER, k] - half)
                sums[UPPER] += quadratic + (values[UPPER, k] - half)
                sums[CUBIC] += half * changes[k]
                sums[COST] += values[COST, k]

    return add_reach


@inlined
def bounds(change):
    """Return e^-a - 1 + a and e^a - 1 - a of a change of z."""
    half, e = 0.5 * change * change, exp_nonpositive(-change)[0]
    is_small = change < SMALL_CHANGE
    lower = half * (1.0 - change / 3.0) if is_small else e - 1.0 + change
    upper = half * (1.0 + change / 3.0) if is_small else 1.0 / e - 1.0 - change
    return lower, upper
