"""The objective of partial_fit over wide rows, and its minimum by L-BFGS.

The sums over rows are those of a fit (training/reads.py). Of the Hessian only the diagonal is formed.
"""

import math

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.online import add_model
from fastperceptron.training.minimise.inverse_hessian import diagonal_of, inverse_diagonal
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.minimise.objective import Quadratic
from fastperceptron.training.minimise.softmax_objective import with_gauge_on_diagonal
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import open_pool

# Reads per search. From the last point some 10 to 20 do.
MOST_READS = 200


class WideObjective:
    """The penalised loss of a layer over rows, plus the quadratic function for others.

    Parameters
    ----------
    problem : Problem
        The rows.
    loss : str
    columns : RunningColumns
        The coordinates of points.
    classes : tuple of int
        Those of the layer.
    penalty : (size of a point,) float64
    others : Quadratic, optional
        What is known of rows that are not kept.
    """

    def __init__(
        self,
        problem: Problem,
        loss: str,
        columns: RunningColumns,
        classes: tuple[int, ...],
        penalty: Array,
        others: Quadratic | None,
    ) -> None:
        coordinates = columns.coordinates
        self._coordinates, self._classes, self.penalty = coordinates, np.array(classes), penalty
        zeros = np.zeros(penalty.size)
        self._others = others or Quadratic(zeros, zeros, zeros[None])
        self._has_intercept = columns.has_intercept
        self._is_constant = np.zeros(coordinates.scale.size, bool)
        n = coordinates.n_features
        self._is_constant[:n] = (coordinates.deviations == 0) & self._has_intercept
        with open_pool(1) as pool:
            self._sums = SumsOverRows(problem, loss, coordinates.centre, 0.0, pool)

    def _read(self, point: Array, has_moments: bool) -> tuple[Array, Array]:
        vectors = point.reshape(-1, self._coordinates.scale.size)
        weights = aligned_zeros(vectors.shape, np.float64)
        weights[:] = vectors / self._coordinates.scale
        return self._sums(weights, self._classes, has_moments)

    def loss_at(self, point: Array) -> float:
        """Return the sum of the rows' losses."""
        return float(self._read(point, False)[0][0, self._coordinates.scale.size])

    def at(self, point: Array) -> tuple[float, Array]:
        """Return the objective and its gradient."""
        (sums, _), size, n = self._read(point, False), self._coordinates.scale.size, self._coordinates.n_features
        by_class = sums[:, :size] / self._coordinates.scale
        by_class[:, self._is_constant] = 0.0
        by_class[:, n] *= self._has_intercept
        gradient = by_class.reshape(-1)
        others = add_model(self._others[:3], self.penalty, point, gradient, np.empty((2, point.size)))
        return float(sums[0, size]) + float(others), gradient

    def hessian_at(self, point: Array) -> Array:
        """Return what is known of the Hessian, without the penalty: of the rows, the diagonal."""
        diagonals = self._read(point, True)[1][2:] / self._coordinates.scale**2
        diagonals[:, self._is_constant] = 0.0
        hessian = self._others.hessian.copy()
        hessian.reshape(-1)[:: 1 if hessian.shape[0] == 1 else point.size + 1] += diagonals.reshape(-1)
        return hessian

    def inverse_at(self, point: Array) -> Array:
        """Return the Hessian's diagonal for the first step of a search."""
        diagonal = diagonal_of(self.hessian_at(point))
        return with_gauge_on_diagonal(diagonal, self._classes.size) if self._classes.size > 1 else diagonal


def minimum_of(objective: WideObjective, start: Array, goal: float) -> Array:
    """Return the minimum of an objective to within the goal, or the best point after MOST_READS."""
    search = LBFGS(start, *objective.at(start), inverse_diagonal(objective.inverse_at(start), objective.penalty), True)
    n_near = 0
    for _ in range(MOST_READS):
        n_near = n_near + 1 if search.gap <= goal else 0
        if n_near > 1 or search.is_stuck or not math.isfinite(search.value):
            break
        trial = search.trial
        search.observe(trial, *objective.at(trial))
    return search.point
