"""Newton's method for one neuron on a sample that is held in memory: each step from the exact Hessian of that sample.

Where the squared error bends the wrong way, the Hessian is replaced by its Gauss-Newton part; where even that is
singular, its diagonal is raised until it is not.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.hessian import newton_kernel, scratch_shapes
from fastperceptron.kernels.linear_algebra import inner_product, solve
from fastperceptron.training.minimise.inverse_hessian import (
    ROUNDING,
    factor_of,
    inverse_diagonal,
    inverse_hessian,
    is_bent,
    raised_factor_of,
)
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.threads import MapInOrder

# Multiply-adds of a Hessian below which handing parts of it to threads costs more than it saves (6700 rows of 24 took
# 1.5 ms instead of 1), and above which gradients should do most of the way.
PARALLEL_WORK, LARGE_WORK = 1 << 24, 1 << 24
# Multiply-adds of a Hessian below which one more is next to nothing.
LITTLE_WORK = 1 << 20
PARTS = 4
MAXIMUM_HALVINGS = 40
# Once the goal is reached, two more steps take a quadratically converging method to rounding: on few rows, for little.
POLISHING_STEPS = 2
MAXIMUM_GRADIENTS = 100
# A gap's share of the last one at which steps converge quadratically.
SURE = 0.1


@dataclass(frozen=True, eq=False)
class State:
    """A point with what Newton's method asks of it; the penalty is in the value and gradient, not in the Hessian."""

    point: Array
    value: float
    gradient: Array
    hessian: Array
    exactness: float
    curvature: float
    squared_slopes: float


class SampleObjective:
    """The penalised loss of one neuron over the rows of a panel (see `Sample`), with its gradient and Hessian.

    Parameters
    ----------
    panel, targets, weights : float64 arrays
    loss : str
    penalty : ndarray of padded size
        The objective has penalty . point^2 / 2.
    map_in_order : callable
        As `pool_of` gives it.
    """

    def __init__(
        self,
        panel: Array,
        targets: Array,
        weights: Array,
        loss: str,
        penalty: Array,
        map_in_order: MapInOrder[slice, tuple[Array, Array]],
    ) -> None:
        self._panel, self._targets, self._weights = panel, targets, weights
        self.n_rows, self.penalty = len(targets), penalty
        self._loss, self._kernel, self._map = loss, newton_kernel(loss), map_in_order
        self._work = self.n_rows * penalty.size**2
        n_parts = PARTS if self._work >= PARALLEL_WORK else 1
        edges = [self.n_rows * part // n_parts for part in range(n_parts + 1)]
        self._parts = [slice(start, stop) for start, stop in itertools.pairwise(edges)]

    @property
    def is_little(self) -> bool:
        """Whether a Hessian takes next to no time."""
        return self._work < LITTLE_WORK

    @property
    def is_large(self) -> bool:
        """Whether a Hessian takes so long that gradients should do most of the way."""
        return self._work >= LARGE_WORK

    def at(self, point: Array, exactness: float, has_hessian: bool = True) -> State:
        """Return loss, gradient and (unless not asked for) Hessian at a point."""
        size = point.size

        def add_up(rows: slice) -> tuple[Array, Array]:
            sums, hessian = np.zeros(size + 3), np.zeros((size, size if has_hessian else 0))
            values, scaled = (np.zeros(shape) for shape in scratch_shapes(size))
            labels = self._targets[rows], self._weights[rows]
            self._kernel(self._panel[rows], labels, point, exactness, sums, hessian, (values, scaled))
            return sums, hessian

        sums, hessian = np.zeros(size + 3), np.zeros((size, size if has_hessian else 0))
        for more_sums, more_hessian in (self._map if len(self._parts) > 1 else map)(add_up, self._parts):
            sums += more_sums
            hessian += more_hessian
        value = sums[size] + inner_product(self.penalty * point, point) / 2
        gradient = sums[:size] + self.penalty * point
        return State(point, float(value), gradient, hessian, exactness, float(sums[size + 1]), float(sums[size + 2]))

    def every(self, step: int, first: int = 0) -> "SampleObjective":
        """Return the objective over every second, third, ... row from a row on, each counted as often."""
        rows = slice(first, None, step)
        panel, targets, weights = (
            np.ascontiguousarray(part[rows]) for part in (self._panel, self._targets, self._weights)
        )
        return SampleObjective(panel, targets, step * weights, self._loss, self.penalty, self._map)


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where a minimisation over a sample ended.

    Attributes
    ----------
    state : State
        With the Hessian.
    gap : float
        Half the Newton decrement there.
    n_evaluations : int
        Reads of the sample.
    values : tuple of float
        The objective at each point on the way.
    n_rows : int
        Of the sample.
    """

    state: State
    gap: float
    n_evaluations: int
    values: tuple[float, ...]
    n_rows: int


def minimise(
    objective: SampleObjective,
    start: Array,
    goal: Callable[[State], float],
    exactness: float,
    max_evaluations: int,
    is_polished: bool,
    fallback: Array | None = None,
    is_rough: bool = False,
) -> Optimum:
    """Return the point where half the Newton decrement is at most goal(state), or the best one found.

    A rough one is returned with the Hessian and the sums from a step before, once the step is sure to reach the goal.
    Where the first step from `start` is no good, it starts anew from `fallback`: with outliers, steps from beside the
    optimum are cut again and again, 15 evaluations where 5 from zero will do.
    """
    state, n_evaluations, polished = objective.at(start, exactness), 1, 0
    values = [state.value]
    gap = math.inf
    while math.isfinite(state.value):
        factor = factor_of(state.hessian, objective.penalty)
        if factor is None and state.exactness > 0 and is_bent(state.hessian, objective.penalty):
            state, n_evaluations = objective.at(state.point, 0.0), n_evaluations + 1
            factor = factor_of(state.hessian, objective.penalty)
        if factor is None:
            factor = raised_factor_of(state.hessian, objective.penalty)
        step = -state.gradient
        solve(factor, step)
        decrement = -float(inner_product(step, state.gradient))
        before, gap = gap, decrement / 2
        # Newton's method converges quadratically: the next gap's share of this one is about this one's of the last.
        if is_rough and goal(state) < gap < SURE * before < math.inf and gap * gap <= goal(state) * before:
            state = replace(state, point=state.point + step)
            break
        is_rounding = not decrement > ROUNDING * abs(state.value)
        if gap <= goal(state):
            polished += 1
        if is_rounding or polished > (POLISHING_STEPS if is_polished else 0) or n_evaluations >= max_evaluations:
            break
        budget = max_evaluations - n_evaluations
        better, used = _line_search(objective, state, step, exactness, budget if fallback is None else min(budget, 1))
        n_evaluations += used
        if better is None and fallback is not None and used < budget:
            better, n_evaluations, values = objective.at(fallback, exactness), n_evaluations + 1, []
        fallback = None
        if better is None:
            break
        state = better
        values.append(state.value)
    return Optimum(state, gap, n_evaluations, tuple(values), objective.n_rows)


def _line_search(
    objective: SampleObjective, state: State, step: Array, exactness: float, budget: int
) -> tuple[State | None, int]:
    """Return the first of step, step / 2, step / 4, ... that lowers the objective as it promises, and the cost."""
    slope = float(inner_product(step, state.gradient))
    length = 1.0
    for used in range(1, min(MAXIMUM_HALVINGS, budget) + 1):
        trial = objective.at(state.point + length * step, exactness)
        if trial.value <= state.value + 1e-4 * length * slope:
            return trial, used
        # Where the values drown in rounding, a slope that went down most of the way tells.
        is_flat = trial.value <= state.value + ROUNDING * 10 * abs(state.value)
        if is_flat and abs(float(inner_product(step, trial.gradient))) <= 0.5 * abs(slope):
            return trial, used
        length /= 2
    return None, min(MAXIMUM_HALVINGS, budget)


def minimise_by_gradients(
    objective: SampleObjective, start: Array, goal: float, exactness: float, is_held_out: bool
) -> Optimum:
    """Do as `minimise` does, with one Hessian at the start and one at the end, and L-BFGS steps between them.

    Where the rows are few for their columns, every second one is held out, and the steps end where those say so: the
    optimum of few rows is far from that of all, and where they can be told apart without an error it is nowhere.
    """
    training, held_out = (objective.every(2), objective.every(2, 1)) if is_held_out else (objective, None)
    state = training.at(start, 0.0)
    if not math.isfinite(state.value):
        return Optimum(state, math.inf, 1, (state.value,), objective.n_rows)
    search = LBFGS(start, state.value, state.gradient, inverse_hessian(state.hessian, objective.penalty))
    best, n_evaluations = _follow(search, training, held_out, goal)
    end = objective.at(best, exactness)
    if exactness > 0 and is_bent(end.hessian, objective.penalty):
        end = objective.at(best, 0.0)
    return Optimum(end, search.gap, n_evaluations + 1, (end.value,), objective.n_rows)


def follow_gradients(objective: SampleObjective, start: Array) -> tuple[Array, LBFGS]:
    """Return a point that is good for rows held out, reached without any Hessian; and the search that led there.

    The search's memory is a low-rank picture of the Hessian: where a Hessian costs too much, all rows go on from that.
    """
    training, held_out = objective.every(2), objective.every(2, 1)
    state = training.at(start, 0.0, has_hessian=False)
    # The columns are standardised, so the diagonal is the same for all.
    precondition = inverse_diagonal(np.full(start.size, state.curvature), objective.penalty)
    search = LBFGS(start, state.value, state.gradient, precondition, is_scaled=True)
    best = _follow(search, training, held_out, goal=0.0)[0] if math.isfinite(state.value) else start
    return best, search


def _follow(
    search: LBFGS, training: SampleObjective, held_out: SampleObjective | None, goal: float
) -> tuple[Array, int]:
    """Take steps until the gap is at most the goal, or rows held out get worse; return the best point and the reads."""
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
