"""The penalised objective over all rows: one read returns its value and gradient at a point of each neuron.

Points are standardised, values are sums over rows. A read may also return the Hessian's diagonal and take the columns'
exact deviations, which the penalty uses from then on: the objective must not depend on a sample.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.column_statistics import deviations_of
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.minimise.inverse_hessian import is_bent
from fastperceptron.training.minimise.softmax_objective import hessian_of_blocks, with_gauge_on_diagonal
from fastperceptron.training.newton.curvatures import Asked, blocks_of_hessian
from fastperceptron.training.observer import Observer
from fastperceptron.training.problem import NewtonOptions, Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import MapInOrder
from fastperceptron.training.units import check_range


class Reading(NamedTuple):
    """What a read of all rows returns for one neuron, or a softmax layer; arrays are float64, like its points."""

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
    penalty : ndarray of the size of a point
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
        self.is_constant = np.zeros(coordinates.scale.size, bool)
        self.means = np.empty(0)
        self.n_reads = 0

    def choose(self, loss: str, exactness: float) -> None:
        """Set the loss of the reads from now on."""
        self.loss, self.exactness = loss, exactness
        problem, centre = self._problem, self._coordinates.centre
        self._sums = SumsOverRows(problem, loss, centre, exactness, self._map, self._observer)

    def read(
        self, points: Sequence[Array], layers: Sequence[tuple[int, ...]], is_float32: bool, has_moments: bool = False
    ) -> list[Reading]:
        """Read all rows once, with products in float32 if `is_float32`.

        `points` and `layers` hold one point each and the classes whose vectors it consists of. With `has_moments`, the
        read also returns the Hessian's diagonal and takes the columns' exact deviations.
        """
        coordinates = self._coordinates
        vectors = np.concatenate(points).reshape(-1, coordinates.scale.size)
        weights = aligned_zeros(vectors.shape, np.float32 if is_float32 else np.float64)
        np.divide(vectors, coordinates.scale, out=weights, casting="same_kind")
        sums, moments = self._sums(weights, np.concatenate([np.array(classes) for classes in layers]), has_moments)
        self.n_reads += 1
        if not (np.isfinite(sums).all() and (not has_moments or np.isfinite(moments).all())):
            self._problem.raise_not_finite()
        diagonals = np.empty((len(vectors), 0))
        if has_moments:
            self._take_moments(moments)
            diagonals = np.where(self.is_constant, 0.0, moments[2:] / coordinates.scale**2)
        rounded = weights * coordinates.scale  # float64
        return [self._reading(rounded[part], sums[part], diagonals[part]) for part in consecutive(map(len, layers))]

    def _reading(self, vectors: Array, sums: Array, diagonals: Array) -> Reading:
        """Return the reading of a layer's vectors, given their rows of a read's sums."""
        coordinates, point, n_classes = self._coordinates, vectors.reshape(-1), len(vectors)
        size, n = coordinates.scale.size, coordinates.n_features
        shrinking = self.penalty * point
        gradient = sums[:, :size] / coordinates.scale + shrinking.reshape(n_classes, size)
        np.copyto(gradient, 0.0, where=self.is_constant)
        gradient[:, n] *= self._options.fit_intercept
        value = float(sums[0, size] + inner_product(shrinking, point) / 2)
        diagonal = with_gauge_on_diagonal(diagonals.reshape(-1), n_classes) if diagonals.size else np.empty(0)
        return Reading(point, value, gradient.reshape(-1), diagonal)

    def hessian(self, point: Array, classes: tuple[int, ...]) -> tuple[Array, float]:
        """Read all rows for the Hessian at a point of a layer; return it, symmetric, and its exactness.

        Where it is not positive definite, it is the part that is never negative, of exactness 0.
        """
        self.n_reads += 1
        if len(classes) > 1:
            return self._hessian(point, classes, 0.0), 0.0
        hessian = self._hessian(point, classes, self.exactness)
        if self.exactness == 0 or not is_bent(hessian, self.penalty):
            return hessian, self.exactness
        return self._hessian(point, classes, 0.0), 0.0

    def _hessian(self, point: Array, classes: tuple[int, ...], exactness: float) -> Array:
        coordinates, has_intercept = self._coordinates, self._options.fit_intercept
        asked = Asked(self.loss, exactness, point, classes, coordinates, self.deviations, has_intercept)
        blocks = blocks_of_hessian(self._problem, asked, self._map)
        left_out = self.is_constant.copy()
        left_out[coordinates.n_features] = not has_intercept
        for block in blocks:
            block[left_out], block[:, left_out] = 0.0, 0.0
        return blocks[0] if len(classes) == 1 else hessian_of_blocks(np.array(blocks), len(classes))

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
        penalty = self._coordinates.penalty(options.penalty, deviations if options.standardize else raw_units)
        self.penalty = np.concatenate([penalty] * len(self._problem.layers[0]))


def consecutive(sizes: Iterable[int]) -> Iterator[slice]:
    """Yield slices of these sizes, one after another."""
    stop = 0
    for size in sizes:
        start, stop = stop, stop + size
        yield slice(start, stop)
