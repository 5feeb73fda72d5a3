"""Newton's method on a sample: a start for reads of all rows, or, where the sample is all rows, the optimum itself.

Most steps are taken on every eighth row, where those are enough: their optimum is a step from the sample's.
"""

from collections.abc import Callable
from typing import NamedTuple

from fastperceptron.checks import Array
from fastperceptron.training.damped_newton import (
    Optimum,
    SampleObjective,
    State,
    minimise,
    minimise_by_gradients,
)

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
