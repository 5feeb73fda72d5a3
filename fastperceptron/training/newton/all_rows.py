"""The penalised objective over all rows: its value and gradient at the points of some neurons, for a read of the data.

Points are in standardised coordinates and values in sums over rows. A read may also tell the Hessian's diagonal and the
columns' exact deviations, which the penalty goes by from then on: the objective must not depend on a sample.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.column_statistics import deviations_of
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.observer import Observer
from fastperceptron.training.problem import NewtonOptions, Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import MapInOrder


class Reading(NamedTuple):
    """What a read of all rows tells of one neuron; the point is the one asked for, as rounded for the arithmetic."""

    point: Array
    value: float
    gradient: Array
    diagonal: Array  # of the Hessian, without the penalty; empty where it was not asked for


def penalty_of(options: NewtonOptions, coordinates: Coordinates, deviations: Array) -> Array:
    """Return the factors of point^2 / 2 in the objective; the bias has none."""
    n = coordinates.n_features
    penalty = np.zeros(coordinates.scale.size)
    factors = np.where(deviations > 0, deviations, 1.0) if options.standardize else np.ones(n)
    penalty[:n] = options.penalty * (factors / coordinates.scale[:n]) ** 2
    return penalty


class AllRowsObjective:
    """The objective of a fit.

    Attributes
    ----------
    loss : str
    exactness : float
        Of the curvature in the Hessian's diagonal; see kernels/losses.py.
    penalty : ndarray of padded size
    is_void : ndarray of padded size, bool
        Of the columns that a read found constant beside an intercept: they have no weight.
    total : float
        The sum of the rows' weights.
    n_reads : int
    """

    def __init__(
        self,
        problem: Problem,
        options: NewtonOptions,
        coordinates: Coordinates,
        map_in_order: MapInOrder[Any, Any],
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._problem, self._options, self._coordinates, self._map = problem, options, coordinates, map_in_order
        self.penalty = penalty_of(options, coordinates, coordinates.deviations)
        self.is_void = np.zeros(self.penalty.size, bool)
        self.total, self.n_reads = 0.0, 0

    def choose(self, loss: str, exactness: float) -> None:
        """Set the loss that is to be read from now on."""
        self.loss, self.exactness = loss, exactness
        problem, centre = self._problem, self._coordinates.centre
        self._sums = SumsOverRows(problem, loss, centre, exactness, self._map, self._observer)

    def read(
        self, points: Sequence[Array], positives: Sequence[int], is_single: bool, has_moments: bool = False
    ) -> list[Reading]:
        """Read all rows once.

        Parameters
        ----------
        points : sequence of ndarray of padded size, one a neuron
        positives : sequence of int
            The class each neuron stands for.
        is_single : bool
            Whether the arithmetic is float32.
        has_moments : bool
            Whether to look at the Hessian's diagonal and the columns' deviations, too.
        """
        coordinates, n = self._coordinates, self._coordinates.n_features
        weights = aligned_zeros((len(points), self.penalty.size), np.float32 if is_single else np.float64)
        weights[:] = np.array(points) / coordinates.scale
        sums, moments = self._sums(weights, np.array(positives), has_moments)
        self.n_reads += 1
        if not (np.isfinite(sums).all() and np.isfinite(moments).all()):
            self._problem.raise_not_finite()
        diagonals = np.empty((len(points), 0))
        if has_moments:
            self._take_in(moments)
            diagonals = np.where(self.is_void, 0.0, moments[2:] / coordinates.scale**2)
        rounded = weights.astype(np.float64) * coordinates.scale
        readings = []
        for point, its_sums, diagonal in zip(rounded, sums, diagonals, strict=True):
            shrinking = self.penalty * point
            gradient = its_sums[: point.size] / coordinates.scale + shrinking
            gradient[self.is_void] = 0.0
            gradient[n] *= self._options.fit_intercept
            value = float(its_sums[point.size] + inner_product(shrinking, point) / 2)
            readings.append(Reading(point, value, gradient, diagonal))
        return readings

    def _take_in(self, moments: Array) -> None:
        """Let the penalty go by the columns' exact deviations; a column that is constant has no weight."""
        n, deviations = self._coordinates.n_features, np.empty(self._coordinates.n_features)
        n_rows = self._problem.rows.n_rows
        self.total = float(moments[0, n])
        deviations_of(moments[0, :n], moments[1, :n], self.total, n_rows, self._coordinates.centre, deviations)
        self.penalty = penalty_of(self._options, self._coordinates, deviations)
        self.is_void[:n] = (deviations == 0) & self._options.fit_intercept
