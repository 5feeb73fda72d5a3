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

# Changes of z beyond which all bounds are useless, and below which they are c a^2 / 2 to nine digits.
LARGEST_CHANGE, SMALL_CHANGE = 50.0, 1e-3
QUADRATIC, LOWER, UPPER, CUBIC, COST = range(5)  # places in `sums`


@functools.cache
def reach_kernel(loss):
    """Return the kernel add_reach(panel, labels, point, step, exactness, sums), which adds to `sums`, see above.

    labels : (targets, row weights), float64
    exactness : that of the Hessian which the step is from; the quadratic model of another one is not comparable
    sums : the sums of c a^2 / 2, of the lower and the upper bound, of c a^3 / 2, and of the costs
    """
    curvature, cost, rate = LOSSES[loss].curvature, LOSSES[loss].cost, 1.0 if LOSSES[loss].IS_CONVEX else 2.0

    @jit
    def add_reach(panel, labels, point, step, exactness, sums):
        targets, weights = labels
        for k in range(panel.shape[0]):
            row = panel[k]
            change = min(abs(sum_of_products(row, step)), LARGEST_CHANGE)
            lower, upper = bounds(min(rate * change, LARGEST_CHANGE))
            z = sum_of_products(row, point)
            c = weights[k] * curvature(z, targets[k], 0.0)
            sums[COST] += weights[k] * cost(z, targets[k])
            half = 0.5 * c * change * change
            quadratic = 0.5 * weights[k] * curvature(z, targets[k], exactness) * change * change
            sums[QUADRATIC] += quadratic
            sums[LOWER] += quadratic + (c * lower / (rate * rate) - half)
            sums[UPPER] += quadratic + (c * upper / (rate * rate) - half)
            sums[CUBIC] += half * change

    return add_reach


@inlined
def bounds(change):
    """Return e^-a - 1 + a and e^a - 1 - a of a change of z."""
    half = 0.5 * change * change
    if change < SMALL_CHANGE:
        return half * (1.0 - change / 3.0), half * (1.0 + change / 3.0)
    e = exp_nonpositive(-change)[0]
    return e - 1.0 + change, 1.0 / e - 1.0 - change
