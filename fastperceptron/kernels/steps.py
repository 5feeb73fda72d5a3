"""Gradient descent along a given order of rows, one kernel per loss: by single rows or by mini-batches.

All kernels are called as take_steps(X, y, order, state, rule, scratch), with `scratch` as in gradient.py and `y` the
targets 0 or 1 or, in the weighted kernels, (targets, row weights in the precision of X). Which row comes when is the
caller's choice: randomness enters as data.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.exponential import exp_nonpositive, log1p_unit
from fastperceptron.kernels.gradient import GRADIENT_TILE, gradient_kernel, narrow_gradient_kernel
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.prediction import column_cost_kernel
from fastperceptron.kernels.rows import add_scaled, dot, look_ahead, padded_size

# Elements of `DescentState.counts`.
STEPS, SUMMED_ROWS = 0, 1
LN_2 = 0.6931471805599453


class StepRule(NamedTuple):
    """How far each step goes, what else it does to the weights, and how many rows it takes."""

    learning_rate: float  # step t, counted from 1, is learning_rate / t^power long
    power: float = 0.0
    decay: float = 0.0  # decay / 2 is the factor of the squared weights in the objective
    has_bias: bool = True
    is_averaged: bool = False
    batch_size: int = 1


class DescentState(NamedTuple):
    """One neuron during descent. The float64 arrays are (padded_size(n_features),): bias last, then zeros."""

    weights: np.ndarray
    last_row: np.ndarray  # the row (x, 1) of the unfinished step; only `single_row_kernel` leaves one
    last_step: np.ndarray  # that step's size in element 0
    gradient: np.ndarray  # summed over the rows so far of the next step's batch
    recent_sum: np.ndarray  # of the weights after each step since the last power of two among the steps' numbers
    earlier_sum: np.ndarray  # of those between that power of two and the one before
    counts: np.ndarray  # (2,) int64: steps taken; rows in `gradient`, so that a batch may come in several calls


class CostRecord(NamedTuple):
    """Where `descent_kernel` records costs, and what it needs for that."""

    columns: np.ndarray  # all rows, as `columns_of` returns them
    weights: np.ndarray  # room: (padded_size(n_features),) float64
    scratch: np.ndarray  # room: (PREDICTION_TILE,) float64
    costs: np.ndarray  # (n_records,) float64; empty where nothing is recorded


def state_shape(n_neurons, n_features):
    """Return the shape of the array whose array[k] holds the float64 arrays of neuron k, as in DescentState."""
    return n_neurons, len(DescentState._fields) - 1, padded_size(n_features)


@functools.cache
def single_row_kernel(loss):
    """Return the kernel that steps along the gradient of one row after another, at a constant rate.

    z of the next row is computed from the weights before this step, and corrected by this step times the two rows'
    inner product. So the dot product is ready when the step is: 22 against 33 ns per step at d=4, float64. The last
    step of a call stays unfinished, so that two calls give the bits of one.
    """
    slope = LOSSES[loss].slope

    @jit
    def take_steps(X, y, order, state, rule, scratch):
        weights, last_row, last_step = state.weights, state.last_row, state.last_step
        row = order[0]
        z = fma(last_step[0], dot(X, row, last_row), dot(X, row, weights))
        settle(state, weights)
        for k in range(1, order.size):
            following = order[k]
            z_following, overlap = look_ahead(X, row, following, weights)
            step = slope(z, float(y[row]), -rule.learning_rate)
            add_scaled(weights, X, row, step)
            z = fma(step, overlap, z_following)
            row = following
        last_step[0] = slope(z, float(y[row]), -rule.learning_rate)
        last_row[:] = 0.0
        add_scaled(last_row, X, row, 1.0)

    return take_steps


@jit
def settle(state, out):
    """Write the weights after the unfinished step to `out`, which may be state.weights."""
    for j in range(out.size):
        out[j] = fma(state.last_row[j], state.last_step[0], state.weights[j])


@inlined
def inverse_power(t, power):
    """Return t^-power of a whole number t >= 1: the C library's pow has other bits on another CPU."""
    mantissa, exponent = math.frexp(t)
    logarithm = fma(float(exponent - 1), LN_2, log1p_unit(mantissa + mantissa - 1.0))
    return exp_nonpositive(-power * logarithm)[0]


@inlined
def step_length(rule, step):
    """Return the learning rate of a step."""
    return rule.learning_rate * inverse_power(float(step), rule.power) if rule.power > 0.0 else rule.learning_rate


@jit
def end_step(state, n_features, step, rate, rule):
    """Shrink the weights by the penalty's share of the step, which came from the loss alone, and sum them for averages.

    The shrinkage is implicit, w <- w / (1 + rate * decay), so that no penalty is too strong for the rate. Sums restart
    at each power of two, and the one before is kept: together they cover the last half to three quarters of the steps.
    """
    weights = state.weights
    if rule.decay > 0.0:
        shrinkage = 1.0 / (1.0 + rate * rule.decay)
        for j in range(n_features):
            weights[j] *= shrinkage
    if not rule.has_bias:
        weights[n_features] = 0.0
    if rule.is_averaged:
        recent, earlier = state.recent_sum, state.earlier_sum
        for j in range(padded_size(n_features) if step & (step - 1) == 0 else 0):
            earlier[j], recent[j] = recent[j], 0.0
        for j in range(padded_size(n_features)):
            recent[j] += weights[j]


@jit
def step_along_mean(state, n_features, rule):
    """Step along the mean gradient of the rows summed so far, and begin the next batch."""
    weights, gradient, counts = state.weights, state.gradient, state.counts
    counts[STEPS] += 1
    rate = step_length(rule, counts[STEPS])
    factor = -rate / counts[SUMMED_ROWS]
    for j in range(padded_size(n_features)):
        weights[j] = fma(factor, gradient[j], weights[j])
        gradient[j] = 0.0
    counts[SUMMED_ROWS] = 0
    end_step(state, n_features, counts[STEPS], rate, rule)


@functools.cache
def batches_kernel(loss, is_weighted, is_narrow):
    """Return the kernel that steps batch after batch through `order`; the last batch may stay incomplete."""
    add_gradient = narrow_gradient_kernel(loss, is_weighted) if is_narrow else gradient_kernel(loss, is_weighted)

    @jit
    def take_steps(X, y, order, state, rule, scratch):
        weights, gradient, counts, place = state.weights, state.gradient, state.counts, 0
        size = padded_size(X.shape[1])
        rounded = scratch[2, :size]
        while place < order.size:
            for j in range(size):
                rounded[j] = weights[j]
            stop = min(place + rule.batch_size - counts[SUMMED_ROWS], order.size)
            for start in range(place, stop, GRADIENT_TILE):
                add_gradient(X, y, order, start, min(start + GRADIENT_TILE, stop), rounded, gradient, scratch)
            counts[SUMMED_ROWS] += stop - place
            if counts[SUMMED_ROWS] == rule.batch_size:
                step_along_mean(state, X.shape[1], rule)
            place = stop

    return take_steps


@functools.cache
def rows_kernel(loss, is_weighted):
    """Return the kernel for batches of one row: all arithmetic is float64, as in `single_row_kernel`.

    No step stays unfinished: with a penalty, a falling rate and a sum to keep, looking ahead gains nothing.
    """
    slope = LOSSES[loss].slope
    target_and_weight = of_weighted_row if is_weighted else of_row

    @jit
    def take_steps(X, y, order, state, rule, scratch):
        weights, counts = state.weights, state.counts
        for k in range(order.size):
            row = order[k]
            target, weight = target_and_weight(y, row)
            counts[STEPS] += 1
            rate = step_length(rule, counts[STEPS])
            add_scaled(weights, X, row, slope(dot(X, row, weights), target, -rate * weight))
            end_step(state, X.shape[1], counts[STEPS], rate, rule)

    return take_steps


@inlined
def of_row(y, row):
    """Return a row's target and 1."""
    return float(y[row]), 1.0


@inlined
def of_weighted_row(y, row):
    """Return a row's target and weight."""
    return float(y[0][row]), float(y[1][row])


@functools.cache
def descent_kernel(loss, is_by_rows, is_narrow):
    """Return the kernel descend(X, y, order, state, rule, record, scratch).

    It walks the order in record.costs.size equal parts and records the mean cost over all rows after each; with no
    costs to record, it walks the order as a whole.
    """
    take_steps = single_row_kernel(loss) if is_by_rows else batches_kernel(loss, False, is_narrow)
    total_cost = column_cost_kernel(loss)

    @jit
    def descend(X, y, order, state, rule, record, scratch):
        n_parts = max(record.costs.size, 1)
        size = order.size // n_parts
        for part in range(n_parts):
            take_steps(X, y, order[part * size : (part + 1) * size], state, rule, scratch)
            if record.costs.size > 0:
                settle(state, record.weights)
                total = total_cost(record.columns, X.shape[0], record.weights, record.scratch)
                record.costs[part] = total / X.shape[0]

    return descend
