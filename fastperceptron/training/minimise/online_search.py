"""Newton's method for one neuron over a block of rows and a quadratic model of all rows before them.

It is as damped_newton.py's, which holds rows that stay, but for three things. Almost always one evaluation is all: the
last step is so small that it needs no check. A start that has saturated is given up for zero. And a block may be one
row, so that what is around the kernels must take microseconds.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.hessian import newton_kernel, scratch_shapes
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.online import add_model, diagonal_kernel, newton_step

# Of a diagonal's steps, which ignore correlations, few: they fit a block of wide rows better than is good for the rest.
MAXIMUM_EVALUATIONS, MAXIMUM_OF_DIAGONAL = 40, 4
SMALLEST_RAISE, LARGEST_RAISE = 1e-10, 1e10
SUFFICIENT_DECREASE = 1e-4
ROUNDING = 1e-15

Model = tuple[Array, Array, Array]
"""The point that a model is about, its gradient there, and its Hessian."""


class State(NamedTuple):
    """The objective at a point; the penalty is in value and gradient only."""

    point: Array
    value: float
    gradient: Array
    hessian: Array
    curvature: float
    squared_slopes: float


def room_for(size: int) -> tuple[Array, Array]:
    """Return the scratch arrays of `newton_kernel`."""
    values, scaled = scratch_shapes(size)
    return np.empty(values), np.empty(scaled)


class Objective:
    """The penalised loss of one neuron over some rows, plus a model of others.

    Parameters
    ----------
    rows : tuple of (panel, targets, weights)
    loss : str
    penalty : ndarray of padded size
    model : Model
    curvature : float
        Of the model: the sum of its rows' curvatures.
    """

    def __init__(
        self, rows: tuple[Array, Array, Array], loss: str, penalty: Array, model: Model, curvature: float = 0.0
    ) -> None:
        self._panel, *labels = rows
        self._labels, self._model, self._curvature = tuple(labels), model, curvature
        self._kernel, self._is_diagonal = newton_kernel(loss), model[2].shape[0] == 1
        self.loss, self.penalty = loss, penalty
        self.budget = MAXIMUM_OF_DIAGONAL if self._is_diagonal else MAXIMUM_EVALUATIONS
        self._scratch = room_for(penalty.size)
        self._room, self.work = np.empty((2, penalty.size)), np.empty((2, *model[2].shape))

    def at(self, point: Array, exactness: float) -> State:
        """Return loss, gradient and Hessian at a point."""
        size, hessian = point.size, self._model[2].copy()
        sums = np.zeros(size + 3)
        asked = hessian[:, :0] if self._is_diagonal else hessian
        self._kernel(self._panel, self._labels, point, exactness, sums, asked, self._scratch)
        if self._is_diagonal:
            diagonal_kernel(self.loss)(self._panel, self._labels, point, exactness, hessian[0])
        gradient = sums[:size]
        value = sums[size] + add_model(self._model, self.penalty, point, gradient, self._room)
        return State(
            point, float(value), gradient, hessian, self._curvature + float(sums[size + 1]), float(sums[size + 2])
        )


class Found(NamedTuple):
    """Where a search ended.

    Attributes
    ----------
    state : State
    step : ndarray
        From there to the minimum of the expansion there.
    is_near : bool
        Whether that is so near that the step may be taken unchecked.
    n_evaluations : int
    first_value : float
        Of the objective at the start.
    """

    state: State
    step: Array
    is_near: bool
    n_evaluations: int
    first_value: float

    @property
    def end(self) -> Array:
        """The minimum, as far as it is known."""
        point: Array = self.state.point + self.step if self.is_near else self.state.point
        return point


def search(
    objective: Objective, start: Array, goal: Callable[[State], float], budget: int = MAXIMUM_EVALUATIONS
) -> Found:
    """Return the minimum, to within the goal and a last step, or where it got in so many evaluations."""
    exactness = float(objective.loss != "log_loss")
    state, n_evaluations = objective.at(start, exactness), 1
    first_value, budget = state.value, min(budget, objective.budget)
    while True:
        state, step = _step(objective, state)
        slope = float(inner_product(step, state.gradient))
        is_near = -slope / 2 <= goal(state)
        if is_near or -slope <= ROUNDING * abs(state.value) or n_evaluations >= budget:
            return Found(state, step, is_near, n_evaluations, first_value)
        if n_evaluations == 1 and start.any():
            # Where a neuron had saturated and was wrong, steps are wild: the slope is 1 and the curvature nil.
            origin, n_evaluations = objective.at(np.zeros_like(start), exactness), 2
            if origin.value < state.value:
                state = origin
                continue
        length, trial = 2.0, state
        while n_evaluations < budget:
            length, n_evaluations = length / 2, n_evaluations + 1
            trial = objective.at(state.point + length * step, exactness)
            if trial.value <= state.value + SUFFICIENT_DECREASE * length * slope:
                state = trial
                break


def _step(objective: Objective, state: State) -> tuple[State, Array]:
    """Return the step to the minimum of the expansion, and the state with a Hessian that has one."""
    step = np.empty_like(state.point)
    if newton_step(state.hessian, objective.penalty, state.gradient, objective.work, step):
        return state, step
    if objective.loss != "log_loss":
        state = objective.at(state.point, 0.0)
    diagonal = state.hessian[0] if state.hessian.shape[0] == 1 else state.hessian.diagonal()
    unit = np.abs(diagonal) + objective.penalty
    unit = np.maximum(unit, ROUNDING * unit.max()) * (diagonal != 0)
    raised = 0.0
    while not newton_step(state.hessian, objective.penalty + raised * unit, state.gradient, objective.work, step):
        raised = max(SMALLEST_RAISE, 100 * raised)
        if raised > LARGEST_RAISE:  # not a number
            return state, np.zeros_like(step)
    return state, step
