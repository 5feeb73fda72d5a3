"""Newton's method on a sample: a start for reads of all rows, or, where the sample is all rows, the optimum itself.

Most steps are taken on every eighth row, where those are enough: their optimum is a step from the sample's.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.minimise.damped_newton import (
    Optimum,
    SampleObjective,
    State,
    minimise,
    minimise_by_gradients,
)
from fastperceptron.training.newton.certificate import Certificate, certificate_of, rough_goal
from fastperceptron.training.newton.neuron import Neuron
from fastperceptron.training.newton.sample import draw_sample
from fastperceptron.training.problem import NewtonOptions, Problem
from fastperceptron.training.threads import MapInOrder

ENOUGH_ROWS_PER_PARAMETER = 20
# One row in so many takes the first steps, so many at most: of 18,000 rows of 20, 3 ms became 2.
COARSE, COARSE_EVALUATIONS = 8, 8
# To rounding, where these are all: two steps more than asked for.
POLISHED_ROWS = 5000


class Effort(NamedTuple):
    """How well a sample is to be minimised.

    Attributes
    ----------
    n_parameters : int
    rough : float
        The excess at which a sample's optimum is a good start.
    budget : int
        Evaluations at most.
    is_all : bool
        Whether the sample is all rows.
    is_first : bool
        Whether the start is no optimum of another loss.
    is_last : bool
        Whether the optimum is the fit's.
    """

    n_parameters: int
    rough: float
    budget: int
    is_all: bool
    is_first: bool
    is_last: bool


def minimise_sample(
    objective: SampleObjective, start: Array, goal: Callable[[State], float], exactness: float, effort: Effort
) -> Optimum:
    """Return the optimum of a sample: within goal(state) where it is all rows, else a rough one."""
    enough_rows = ENOUGH_ROWS_PER_PARAMETER * effort.n_parameters
    if objective.is_large and not effort.is_all:
        return minimise_by_gradients(objective, start, effort.rough, exactness, objective.n_rows < enough_rows)
    near, fallback = start, None
    if effort.is_first and not objective.is_little and objective.n_rows >= COARSE * enough_rows:
        # Where few rows mislead, the start is as it was.
        coarse, fallback = objective.every(COARSE), start
        rough = COARSE * effort.rough
        near = minimise(coarse, start, lambda _: rough, exactness, COARSE_EVALUATIONS, False).state.point
    is_polished = effort.is_all and effort.is_last and objective.n_rows <= POLISHED_ROWS
    enough = goal if effort.is_all else lambda _: effort.rough
    return minimise(objective, near, enough, exactness, effort.budget, is_polished, fallback, not effort.is_all)


class OnSample:
    """What a fit asks of its sample: objectives, their optima and Hessians, and what a gap is compared with.

    Attributes
    ----------
    sample : Sample
    """

    def __init__(self, problem: Problem, options: NewtonOptions, size: int, map_in_order: MapInOrder[Any, Any]) -> None:
        self._problem, self._options, self._map = problem, options, map_in_order
        self.sample = draw_sample(problem, size, options.fit_intercept)
        if not np.isfinite(self.sample.coordinates.deviations).all():
            problem.raise_not_finite()

    def grow(self, size: int) -> None:
        """Draw a larger sample; its coordinates stay what they were."""
        self.sample = draw_sample(self._problem, size, self._options.fit_intercept, self.sample.coordinates)

    def objective(self, neuron: Neuron, loss: str, penalty: Array) -> SampleObjective:
        """Return the penalised loss of a neuron over the sample."""
        sample, targets = self.sample, self.sample.targets(neuron.positive)
        return SampleObjective(sample.panel, targets, sample.weights, loss, penalty, self._map)

    def optimum_at(self, objective: SampleObjective, point: Array, exactness: float) -> Optimum:
        """Return a point with the sample's Hessian there."""
        return Optimum(objective.at(point, exactness), math.nan, 0, (), self.sample.n_rows)

    def minimise(self, neuron: Neuron, loss: str, penalty: Array) -> None:
        """Move a neuron to the optimum of the sample."""
        sample, options, n_parameters = self.sample, self._options, self._problem.rows.n_features + 1

        def goal(state: State) -> float:
            return self.certificate(state, loss).goal(options.tol)

        used = neuron.optimum.n_evaluations if neuron.optimum else 0
        effort = Effort(
            n_parameters,
            rough_goal(loss, n_parameters, self._expansion),
            max(options.max_iter - used, 1),
            is_all=sample.is_all,
            is_first=neuron.optimum is None,
            is_last=loss == options.loss,
        )
        objective, exactness = self.objective(neuron, loss, penalty), float(loss != "log_loss")
        neuron.optimum = minimise_sample(objective, neuron.point, goal, exactness, effort)
        neuron.point = neuron.optimum.state.point
        neuron.certificate = self.certificate(neuron.optimum.state, loss)

    @property
    def _expansion(self) -> float:
        """How many rows one of the sample stands for."""
        return float(self._problem.rows.n_rows / self.sample.n_rows)

    def certificate(self, state: State, loss: str) -> Certificate:
        """Return what the gaps of a neuron are compared with that is in a state on the sample."""
        problem = self._problem
        is_plain = problem.row_weights is None and problem.class_weights is None
        return certificate_of(
            state,
            loss,
            problem.rows.n_features + 1,
            problem.rows.n_rows,
            self._expansion,
            is_plain=is_plain,
            is_penalised=self._options.penalty > 0,
        )
