"""Rough minima of rows in memory by L-BFGS, with a Hessian at both ends or none, which may stop by held-out rows."""

import math

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.minimise.damped_newton import Found
from fastperceptron.training.minimise.inverse_hessian import inverse_diagonal, inverse_hessian, is_bent
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.minimise.objective import Objective

MAXIMUM_GRADIENTS = 100


def minimise_by_gradients(
    objective: Objective, start: Array, goal: float, exactness: float, is_held_out: bool
) -> Found:
    """Return a rough minimum, by one Hessian at the start, L-BFGS steps, and one Hessian at the end.

    Where the rows are few for their columns, every second one is held out, and the search ends where their loss rises:
    the minimum over few rows is far from that over all, and where they are separable it does not exist.
    """
    training, held_out = (objective.every(2), objective.every(2, 1)) if is_held_out else (objective, None)
    state = training.at(start, 0.0)
    if not math.isfinite(state.value):
        return Found(state, np.zeros_like(start), math.inf, False, 1, (state.value,))
    search = LBFGS(start, state.value, state.gradient, inverse_hessian(state.hessian, objective.penalty))
    best, n_evaluations = _follow(search, training, held_out, goal)
    end = objective.at(best, exactness)
    if exactness > 0 and is_bent(end.hessian, objective.penalty):
        end = objective.at(best, 0.0)
    return Found(end, np.zeros_like(start), search.gap, False, n_evaluations + 1, (end.value,))


def follow_gradients(objective: Objective, start: Array) -> tuple[Array, LBFGS]:
    """Return a point that is good for held-out rows, found without any Hessian, and the search that found it."""
    training, held_out = objective.every(2), objective.every(2, 1)
    state = training.at(start, 0.0, has_hessian=False)
    # The columns are standardised, so that at zero weights the diagonal is the same for all.
    curvature = state.curvature / objective.n_vectors
    inverse = inverse_diagonal(np.full(start.size, curvature), objective.penalty)
    search = LBFGS(start, state.value, state.gradient, inverse, is_scaled=True)
    best = _follow(search, training, held_out, goal=0.0)[0] if math.isfinite(state.value) else start
    return best, search


def _follow(search: LBFGS, training: Objective, held_out: Objective | None, goal: float) -> tuple[Array, int]:
    """Take steps until the gap is at most the goal, or the held-out loss rises; return the best point and the reads."""
    best, least, n_evaluations = search.point, math.inf, 0
    while search.gap > goal and not search.is_stuck and n_evaluations < MAXIMUM_GRADIENTS:
        trial = training.at(search.trial, 0.0, has_hessian=False)
        n_evaluations += 1
        if search.observe(trial.point, trial.value, trial.gradient):
            value = held_out.at(search.point, 0.0, has_hessian=False).value if held_out else -math.inf
            if value > least:
                break
            best, least = search.point, value
    return best, n_evaluations
