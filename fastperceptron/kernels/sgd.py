"""Gradient descent with all that a classifier asks for: row weights, a penalty, a falling rate, no bias, averaging.

`state` is float64 of shape (STATE_ROWS, workspace_size(d)): as in descent.py, then sums of the weights after each step.
`progress` is int64: the steps taken, and how many rows of the next step's batch are already in the gradient, so that a
batch may come in several calls. `y` is the targets, or (targets, row weights in the precision of X).
`plan` is (learning rate, power, decay, has bias, is averaged, batch size): step t is learning rate / t^power long, and
decay / 2 is the factor of the squared weights in the objective.
"""

import functools
import math

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.exponential import exp_nonpositive, log1p_unit
from fastperceptron.kernels.gradient import TILE, gradient_kernel, narrow_gradient_kernel
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import add_scaled, dot, padded_size

WEIGHTS, GRADIENT, RECENT, EARLIER, STATE_ROWS = 0, 3, 4, 5, 6
STEPS, BEGUN = 0, 1
LN_2 = 0.6931471805599453


@jit
def inverse_power(t, power):
    """Return t^-power of a whole number t >= 1: the C library's pow has other bits on another CPU."""
    mantissa, exponent = math.frexp(t)
    logarithm = fma(float(exponent - 1), LN_2, log1p_unit(mantissa + mantissa - 1.0))
    return exp_nonpositive(-power * logarithm)[0]


@jit
def step_length(plan, step):
    """Return the learning rate of a step."""
    return plan[0] * inverse_power(float(step), plan[1]) if plan[1] > 0.0 else plan[0]


@jit
def end_step(state, n_features, step, rate, plan):
    """Take the penalty's share of a step, which came from the loss alone so far, and add the weights to their sum.

    That share is implicit, w <- w / (1 + rate * decay), so that no penalty is too strong for the rate. Sums begin anew
    at each power of two, and the one before is kept: together they are of the last half to three quarters of the steps.
    """
    _, _, decay, has_bias, is_averaged, _ = plan
    weights, size = state[WEIGHTS], padded_size(n_features)
    if decay > 0.0:
        shrinkage = 1.0 / (1.0 + rate * decay)
        for j in range(n_features):
            weights[j] *= shrinkage
    if not has_bias:
        weights[n_features] = 0.0
    if is_averaged:
        recent, earlier = state[RECENT, :size], state[EARLIER, :size]
        if step & (step - 1) == 0:
            earlier[:] = recent
            recent[:] = 0.0
        for j in range(size):
            recent[j] += weights[j]


@jit
def step_along_mean(state, n_features, progress, plan):
    """Step along the mean gradient of the rows that are in it, and begin the next batch."""
    weights, gradient = state[WEIGHTS], state[GRADIENT]
    progress[STEPS] += 1
    rate = step_length(plan, progress[STEPS])
    for j in range(padded_size(n_features)):
        weights[j] = fma(-rate / progress[BEGUN], gradient[j], weights[j])
        gradient[j] = 0.0
    progress[BEGUN] = 0
    end_step(state, n_features, progress[STEPS], rate, plan)


@functools.cache
def batches_kernel(loss, is_weighted, is_narrow):
    """Return the kernel that goes on by the rows in `order`, batch after batch; the last may stay begun."""
    add_gradient = narrow_gradient_kernel(loss, is_weighted) if is_narrow else gradient_kernel(loss, is_weighted)

    @jit
    def descend(X, y, order, state, progress, plan, scratch):
        size, place = padded_size(X.shape[1]), 0
        weights, gradient, rounded = state[WEIGHTS, :size], state[GRADIENT, :size], scratch[2, :size]
        while place < order.size:
            rounded[:] = weights
            stop = min(place + plan[5] - progress[BEGUN], order.size)
            for start in range(place, stop, TILE):
                add_gradient(X, y, order, start, min(start + TILE, stop), rounded, gradient, scratch)
            progress[BEGUN] += stop - place
            if progress[BEGUN] == plan[5]:
                step_along_mean(state, X.shape[1], progress, plan)
            place = stop

    return descend


@functools.cache
def rows_kernel(loss, is_weighted):
    """Return `descend` for batches of one row: all arithmetic is float64, as in the tutorial's loop.

    It has no pending step: with a penalty, another rate each step and a sum to keep, looking ahead gains nothing.
    """
    slope = LOSSES[loss].slope
    target_and_weight = of_weighted_row if is_weighted else of_row

    @jit
    def descend(X, y, order, state, progress, plan, scratch):
        weights = state[WEIGHTS, : padded_size(X.shape[1])]
        for k in range(order.size):
            row = order[k]
            target, weight = target_and_weight(y, row)
            progress[STEPS] += 1
            rate = step_length(plan, progress[STEPS])
            add_scaled(weights, X, row, slope(dot(X, row, weights), target, -rate * weight))
            end_step(state, X.shape[1], progress[STEPS], rate, plan)

    return descend


@jit
def of_row(y, row):
    """Return a row's target and 1."""
    return float(y[row]), 1.0


@jit
def of_weighted_row(y, row):
    """Return a row's target and weight."""
    return float(y[0][row]), float(y[1][row])
