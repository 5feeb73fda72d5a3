"""Means and deviations of all columns so far, and coordinates that fit them.

The deviations are exact, because the penalty depends on them. The coordinates only have to fit roughly: where the
columns have moved away from them, new ones are chosen, and what is known in the old ones is converted.
"""

from typing import NamedTuple, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import column_moments, deviations_of
from fastperceptron.kernels.online import is_fitting
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Coordinates, Move

# Coordinates fit where a column's mean is within a deviation of the centre, and the deviation within this factor.
LOOSENESS = 2.0


class RunningColumns(NamedTuple):
    """What is known of the columns.

    The origin is near the mean, so that no digits are lost, and exactly the value of a constant column, so that it is
    recognised.
    """

    coordinates: Coordinates  # they fit roughly, with the exact deviations of all rows so far
    origin: Array  # (n_features,) float64: subtracted before moments are summed
    sums: Array  # (n_features,) float64: weighted sums of the columns less the origin
    squares: Array  # (n_features,) float64: of their squares
    total: float  # the sum of the rows' weights so far
    n_rows: int
    has_intercept: bool  # without one the coordinates have centre 0

    @classmethod
    def of_none(cls, n_features: int, has_intercept: bool) -> Self:
        """Return what is known before the first row."""
        size = padded_size(n_features)
        coordinates = Coordinates(n_features, np.zeros(size), np.ones(size), np.zeros(n_features))
        nothing = np.zeros(n_features)
        return cls(coordinates, nothing, nothing, nothing, 0.0, 0, has_intercept)

    def after(self, rows: Array, weights: Array) -> tuple[Self, Move | None]:
        """Return what is known after more rows, and the change of coordinates if there is one.

        Values that are not finite, or overflow, show in `is_finite`.
        """
        origin = self.origin if self.n_rows else rows[0].astype(np.float64)
        sums, squares, deviations = self.sums.copy(), self.squares.copy(), np.empty_like(self.sums)
        column_moments(rows, weights, origin, sums, squares)
        total, n_rows = self.total + float(sum_in_order(weights)), self.n_rows + weights.size
        deviations_of(sums, squares, total, n_rows, origin, deviations)
        old = self.coordinates
        coordinates = Coordinates(old.n_features, old.centre, old.scale, deviations)
        known = self._replace(
            coordinates=coordinates, origin=origin, sums=sums, squares=squares, total=total, n_rows=n_rows
        )
        if not known.is_finite:
            return known, None
        is_fit = self.n_rows > 0 and is_fitting((sums, total), deviations, self.coordinates.scale, LOOSENESS)
        return (known, None) if is_fit else known._refitted()

    @property
    def is_finite(self) -> bool:
        """Whether all values so far were finite, and none too large."""
        return bool(np.isfinite(self.squares).all())

    def _refitted(self) -> tuple[Self, Move]:
        """Return what is known in coordinates that fit, with the means as origin."""
        old, n = self.coordinates, self.coordinates.n_features
        offset = self.sums / self.total
        means = self.origin + offset
        centre, scale = old.centre.copy(), old.scale.copy()
        ratio, shift = np.ones_like(scale), np.zeros_like(scale)
        if self.has_intercept:
            centre[:n] = means
        scale[:n] = np.where(old.deviations > 0, old.deviations, 1.0)
        ratio[:n] = old.scale[:n] / scale[:n]
        shift[:n] = (old.centre[:n] - centre[:n]) / scale[:n]
        squares = np.maximum(self.squares - offset * self.sums, 0.0)
        known = self._replace(
            coordinates=Coordinates(n, centre, scale, old.deviations),
            origin=means,
            sums=np.zeros(n),
            squares=squares,
        )
        return known, Move(ratio, shift)
