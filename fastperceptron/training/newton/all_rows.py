"""The penalised objective over all rows: one read returns its value and gradient at a point of each neuron.

Points are standardised, values are sums over rows. A read may also return the Hessian's diagonal and take the columns'
exact deviations, which the penalty uses from then on: the objective must not depend on a sample.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.column_statistics import deviations_of
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.hessian import hessian_of_rows
from fastperceptron.training.minimise.inverse_hessian import is_bent
from fastperceptron.training.newton.parted_hessian import Curvatures, curvatures_of, hessian_of_parts
from fastperceptron.training.observer import Observer
from fastperceptron.training.parted_rows import PartedRows, exponent_of
from fastperceptron.training.problem import NewtonOptions, Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import MapInOrder
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.units import check_range


class Reading(NamedTuple):
    """What a read of all rows returns for one neuron; arrays are float64 of padded size."""

    point: Array  # the point asked for, rounded to the precision of the arithmetic
    value: float
    gradient: Array
    diagonal: Array  # of the Hessian, without the penalty; empty where it was not asked for


class AllRows:
    """The objective of a fit.

    Attributes
    ----------
    loss : str
    exactness : float
        Of the Hessian's diagonal; see kernels/losses.py.
    penalty : ndarray of padded size
        The objective has penalty . point^2 / 2.
    is_constant : ndarray of padded size, bool
        The columns that a read found constant, where there is an intercept: they have no weight.
    deviations : ndarray of shape (n_features,)
        Of the columns: the sample's, exact once a read took them.
    means : ndarray of shape (n_features,)
        Of the columns, exact; empty before a read took them.
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
        self._problem, self._options, self._coordinates = problem, options, coordinates
        self._map, self._observer = map_in_order, observer
        self._set_penalty(coordinates.deviations)
        self.deviations = coordinates.deviations
        self.is_constant = np.zeros(self.penalty.size, bool)
        self.means = np.empty(0)
        self.n_reads = 0

    def choose(self, loss: str, exactness: float) -> None:
        """Set the loss of the reads from now on."""
        self.loss, self.exactness = loss, exactness
        problem, centre = self._problem, self._coordinates.centre
        self._sums = SumsOverRows(problem, loss, centre, exactness, self._map, self._observer)

    def read(
        self, points: Sequence[Array], positives: Sequence[int], is_float32: bool, has_moments: bool = False
    ) -> list[Reading]:
        """Read all rows once, with products in float32 if `is_float32`.

        `points` are of padded size, one per neuron; `positives` is the class of each neuron. With `has_moments`, the
        read also returns the Hessian's diagonal and takes the columns' exact deviations.
        """
        coordinates, n = self._coordinates, self._coordinates.n_features
        weights = aligned_zeros((len(points), self.penalty.size), np.float32 if is_float32 else np.float64)
        weights[:] = np.array(points) / coordinates.scale
        sums, moments = self._sums(weights, np.array(positives), has_moments)
        self.n_reads += 1
        if not (np.isfinite(sums).all() and np.isfinite(moments).all()):
            self._problem.raise_not_finite()
        diagonals = np.empty((len(points), 0))
        if has_moments:
            self._take_moments(moments)
            diagonals = np.where(self.is_constant, 0.0, moments[2:] / coordinates.scale**2)
        rounded = weights.astype(np.float64) * coordinates.scale
        readings = []
        for point, its_sums, diagonal in zip(rounded, sums, diagonals, strict=True):
            shrinking = self.penalty * point
            gradient = its_sums[: point.size] / coordinates.scale + shrinking
            gradient[self.is_constant] = 0.0
            gradient[n] *= self._options.fit_intercept
            value = float(its_sums[point.size] + inner_product(shrinking, point) / 2)
            readings.append(Reading(point, value, gradient, diagonal))
        return readings

    def hessian(self, point: Array, positive: int) -> tuple[Array, float]:
        """Read all rows for the Hessian at a point of the neuron of a class; return it, symmetric, and its exactness.

        Where it is not positive definite, it is the part that is never negative, of exactness 0.
        """
        self.n_reads += 1
        hessian = self._hessian(point, positive, self.exactness)
        if self.exactness == 0 or not is_bent(hessian, self.penalty):
            return hessian, self.exactness
        return self._hessian(point, positive, 0.0), 0.0

    def _hessian(self, point: Array, positive: int, exactness: float) -> Array:
        problem, coordinates, has_intercept = self._problem, self._coordinates, self._options.fit_intercept
        own, rows, factors = problem.row_weights, problem.rows, 1.0 / coordinates.scale
        asked = Curvatures(
            self.loss,
            exactness,
            point,
            positive,
            coordinates,
            self.deviations,
            has_intercept,
            problem.class_weights,
            exponent_of(own),
        )
        if isinstance(rows, PartedRows):
            hessian = hessian_of_parts(rows, asked, factors)
        else:
            curvatures = curvatures_of(Part(rows, problem.codes, own), asked, self._map)
            hessian = hessian_of_rows(rows, curvatures, coordinates.centre, factors, self._map)
        left_out = self.is_constant.copy()
        left_out[coordinates.n_features] = not has_intercept
        hessian[left_out], hessian[:, left_out] = 0.0, 0.0
        return hessian

    def _take_moments(self, moments: Array) -> None:
        """Take the exact deviations from a read's moments (see kernels/objective.py)."""
        n, deviations = self._coordinates.n_features, np.empty(self._coordinates.n_features)
        n_rows, total, (sums, squares) = self._problem.rows.n_rows, float(moments[0, n]), moments[:2, :n]
        deviations_of(sums, squares, total, n_rows, self._coordinates.centre, deviations)
        check_range(self._problem, np.where((squares == 0) & (sums != 0), np.inf, deviations))
        self._set_penalty(deviations)
        self.deviations = deviations
        self.means = self._coordinates.centre[:n] + sums / total
        self.is_constant[:n] = (deviations == 0) & self._options.fit_intercept

    def _set_penalty(self, deviations: Array) -> None:
        options = self._options
        raw_units = getattr(self._problem.rows, "units", None)
        self.penalty = self._coordinates.penalty(options.penalty, deviations if options.standardize else raw_units)
