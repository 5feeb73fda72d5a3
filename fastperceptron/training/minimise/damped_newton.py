"""Newton's method with a line search, for the objective of one neuron over rows in memory.

Where the loss is not convex at a point, the Hessian is replaced by the part that is never negative; where that is
singular, its diagonal is raised until it can be factorised.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.minimise.inverse_hessian import Inverse, exact_inverse, is_bent, raised_inverse
from fastperceptron.training.minimise.objective import Goal, Objective, State

MAXIMUM_HALVINGS = 40
# Armijo's condition (Nocedal and Wright 2006, 3.4): the share of the decrease foretold by the slope that a step needs.
SUFFICIENT_DECREASE = 1e-4
# Rounding of a sum of float64 losses, relative.
ROUNDING = 1e-15
# Share of the gap that a step by the last inverse Hessian leaves, where that is good enough to polish with. Where a
# column separates some rows it is not: there, steps of Newton's method go on, this often.
POLISHED, MOST_NEAR = 1e-3, 3
# Share of the gap before at which steps converge quadratically.
QUADRATIC = 0.1


class Found(NamedTuple):
    """Where a search ended."""

    state: State  # at the best point that was evaluated, with the Hessian
    step: Array  # (size,): the Newton step from there
    gap: float  # half the Newton decrement there: the estimated excess of the objective over its minimum
    is_sure: bool  # whether the last step needs no evaluation: it is within the goal, or sure to lead there
    n_evaluations: int
    values: tuple[float, ...]  # the objective at each accepted point, the start first

    @property
    def end(self) -> Array:
        """The minimum as far as it is known: the last step is taken unevaluated where it is sure."""
        point: Array = self.state.point + self.step if self.is_sure else self.state.point
        return point


def minimise(
    objective: Objective,
    start: Array,
    goal: Goal,
    exactness: float,
    max_evaluations: int,
    *,
    polishing_steps: int = 0,
    fallback: Array | None = None,
    is_rough: bool = False,
    is_enough: Callable[[State, Array, float], bool] | None = None,
) -> Found:
    """Return where the gap is at most goal(state), or the best point found in max_evaluations.

    Parameters
    ----------
    objective : Objective
    start : ndarray of shape (size,)
    goal : callable
    exactness : float
        Of the Hessians; see `State`.
    max_evaluations : int
    polishing_steps : int
        Steps to take once the goal is reached, by gradients alone; see `_polish`.
    fallback : ndarray of shape (size,), optional
        Another start, for where the first step from `start` is rejected: with outliers, steps from near the minimum of
        few rows are cut again and again (15 evaluations where 5 from zero will do).
    is_rough : bool
        Whether to end one evaluation early, once the step is sure to reach the goal.
    is_enough : callable, optional
        What else must hold where the gap is at most the goal: a function of the state, the Newton step and the gap.
    """
    state, n_evaluations, n_near = objective.at(start, exactness), 1, 0
    values, step, gap, is_sure = [state.value], np.zeros_like(start), math.inf, False
    while math.isfinite(state.value):
        evaluated_at, inverse = _invertible(objective, state)
        n_evaluations, state = n_evaluations + (evaluated_at is not state), evaluated_at
        step = -inverse(state.gradient)
        slope = float(inner_product(step, state.gradient))
        before, gap, enough = gap, -slope / 2, goal(state)
        is_near = gap <= enough and (n_near > 0 or is_enough is None or is_enough(state, step, gap))
        # The next gap's share of this one is about this one's share of the last.
        is_quadratic = gap < QUADRATIC * before < math.inf and gap * gap <= enough * before
        is_sure = gap <= enough or (is_rough and is_quadratic)
        is_rounding = not -slope > ROUNDING * abs(state.value)
        if is_near:
            n_near, n_steps = n_near + 1, min(polishing_steps, max_evaluations - n_evaluations)
            found = Found(state, step, gap, is_sure, n_evaluations, tuple(values))
            polished = _polish(objective, inverse, found, n_steps)
            if polished is not None:
                return polished
            if n_near == MOST_NEAR:
                break
        if is_rounding or n_evaluations >= max_evaluations or (is_sure and gap > enough):
            break
        budget = max_evaluations - n_evaluations
        budget = min(budget, 1) if fallback is not None else budget
        better, used = _search_line(objective, state, step, slope, exactness, budget)
        n_evaluations += used
        if better is None and fallback is not None and n_evaluations < max_evaluations:
            better, n_evaluations, values = objective.at(fallback, exactness), n_evaluations + 1, []
        fallback = None
        if better is None:
            break
        state = better
        values.append(state.value)
    return Found(state, step, gap, is_sure, n_evaluations, tuple(values))


def _polish(objective: Objective, inverse: Inverse, found: Found, n_steps: int) -> Found | None:
    """Go on by the last inverse Hessian, or return None where that changes too much: a step often gains six digits.

    It takes a gradient, a sixth to a tenth of the time of a Hessian and its factor. Three steps lead to rounding.
    """
    for _ in range(n_steps):
        state = found.state
        if found.gap <= ROUNDING * abs(state.value):
            break
        end = objective.at(state.point + found.step, state.exactness, has_hessian=False)
        step = -inverse(end.gradient)
        gap = -float(inner_product(step, end.gradient)) / 2
        if not gap <= POLISHED * found.gap or end.value > state.value + ROUNDING * 10 * abs(state.value):
            return None
        values = (*found.values, end.value)
        found = Found(end._replace(hessian=state.hessian), step, gap, True, found.n_evaluations + 1, values)
    return found


def _invertible(objective: Objective, state: State) -> tuple[State, Inverse]:
    """Return the state with a Hessian that is not bent, and its inverse."""
    inverse = exact_inverse(state.hessian, objective.penalty)
    if inverse is None and state.exactness > 0 and is_bent(state.hessian, objective.penalty):
        state = objective.at(state.point, 0.0)
        inverse = exact_inverse(state.hessian, objective.penalty)
    return state, inverse or raised_inverse(state.hessian, objective.penalty)


def _search_line(
    objective: Objective, state: State, step: Array, slope: float, exactness: float, budget: int
) -> tuple[State | None, int]:
    """Return the state after the first of step, step / 2, step / 4, ... that decreases enough, and the evaluations.

    `slope` is that of the objective along the step. Of a step that is cut once, the next cuts are tried without a
    Hessian: at 100 columns, a gradient takes a tenth of its time.
    """
    length = 1.0
    for used in range(1, min(MAXIMUM_HALVINGS, budget) + 1):
        has_hessian = length == 1.0
        trial = objective.at(state.point + length * step, exactness, has_hessian)
        is_lower = trial.value <= state.value + SUFFICIENT_DECREASE * length * slope
        # Where rounding hides the decrease, a slope that fell by half or more shows it.
        is_flat = trial.value <= state.value + ROUNDING * 10 * abs(state.value)
        if is_lower or (is_flat and abs(float(inner_product(step, trial.gradient))) <= 0.5 * abs(slope)):
            return trial if has_hessian else objective.at(trial.point, exactness), used
        length /= 2
    return None, min(MAXIMUM_HALVINGS, budget)
