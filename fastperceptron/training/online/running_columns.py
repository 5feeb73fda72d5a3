"""Means and deviations of all columns so far, and coordinates that fit them.

The deviations are exact, because the penalty depends on them. The coordinates only have to fit roughly: where the
columns have moved away from them, new ones are chosen, and what is known in the old ones is converted.

Columns whose squares would leave the range of float64 are divided by powers of two. Standardised values do not change.
"""

from typing import NamedTuple, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import column_moments, deviations_of
from fastperceptron.kernels.online import is_fitting
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Coordinates, Move
from fastperceptron.training.problem import Memory

# Coordinates fit where a column's mean is within a deviation of the centre, and the deviation within this factor.
LOOSENESS = 2.0
# Largest values of columns up to this power of two, or its inverse, are not divided: their squares are in range.
SAFE_EXPONENT, UNKNOWN = 400, -10_000


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
    # (n_features,) int64: the columns are divided by these powers of two; UNKNOWN, and not divided, while they are 0.
    exponents: Array

    @classmethod
    def of_none(cls, n_features: int, has_intercept: bool) -> Self:
        """Return what is known before the first row."""
        size = padded_size(n_features)
        coordinates = Coordinates(n_features, np.zeros(size), np.ones(size), np.zeros(n_features))
        nothing = np.zeros(n_features)
        exponents = np.full(n_features, UNKNOWN)
        return cls(coordinates, nothing, nothing, nothing, 0.0, 0, has_intercept, exponents)

    @classmethod
    def of_fit(cls, memory: Memory, has_intercept: bool) -> Self:
        """Return what is known after a fit."""
        deviations, n = memory.deviations, memory.deviations.size
        coordinates = Coordinates(n, memory.centre, memory.scale, deviations)
        total = memory.total_weight
        exponents = np.zeros(n, np.int64) if memory.exponents is None else memory.exponents.astype(np.int64)
        squares = deviations * deviations * total
        return cls(coordinates, memory.means, np.zeros(n), squares, total, memory.n_rows, has_intercept, exponents)

    def after(self, rows: Array, weights: Array) -> tuple[Self, Move | None]:
        """Return what is known after more rows, and the change of coordinates if there is one.

        Values that are not finite, or overflow, show in `is_finite`.
        """
        before = self._in_units_for(rows)
        rows, old = before.in_units(rows), before.coordinates
        origin = before.origin if self.n_rows else rows[0].astype(np.float64)
        sums, squares, deviations = before.sums.copy(), before.squares.copy(), np.empty_like(self.sums)
        column_moments(rows, weights, origin, sums, squares)
        total, n_rows = self.total + float(sum_in_order(weights)), self.n_rows + weights.size
        deviations_of(sums, squares, total, n_rows, origin, deviations)
        coordinates = Coordinates(old.n_features, old.centre, old.scale, deviations)
        known = before._replace(
            coordinates=coordinates, origin=origin, sums=sums, squares=squares, total=total, n_rows=n_rows
        )
        if not known.is_finite:
            return known, None
        is_fit = self.n_rows > 0 and is_fitting((sums, total), deviations, old.scale, LOOSENESS)
        return (known, None) if is_fit else known._refitted()

    def in_units(self, rows: Array) -> Array:
        """Return rows with the columns divided."""
        shifts = _shifts(self.exponents)
        return read_only(np.ldexp(rows.astype(np.float64), -shifts)) if shifts.any() else rows

    def _in_units_for(self, rows: Array) -> Self:
        """Return what is known with columns divided so that squares of more rows are in range."""
        largest, before = np.abs(rows).max(axis=0), self.exponents
        exponents = np.where(largest > 0, np.frexp(largest)[1], UNKNOWN)
        exponents[np.abs(exponents) <= SAFE_EXPONENT] = 0
        exponents = np.where(exponents > before + SAFE_EXPONENT, exponents, before)
        changes = _shifts(before) - _shifts(exponents)
        known = self._replace(exponents=exponents)
        if not changes.any():
            return known
        old, n = self.coordinates, self.coordinates.n_features
        centre, scale = old.centre.copy(), old.scale.copy()
        centre[:n], scale[:n] = np.ldexp(centre[:n], changes), np.ldexp(scale[:n], changes)
        coordinates = Coordinates(n, centre, scale, np.ldexp(old.deviations, changes))
        origin, sums = np.ldexp(self.origin, changes), np.ldexp(self.sums, changes)
        squares = np.ldexp(self.squares, 2 * changes)
        return known._replace(coordinates=coordinates, origin=origin, sums=sums, squares=squares)

    def penalty(self, strength: float, is_standardised: bool) -> Array:
        """Return the factors of point^2 / 2 in the objective; see `Coordinates.penalty`."""
        shifts = _shifts(self.exponents)
        raw_units = np.ldexp(1.0, -shifts) if shifts.any() else None
        return self.coordinates.penalty(strength, self.coordinates.deviations if is_standardised else raw_units)

    def to_raw(self, points: Array) -> tuple[Array, Array]:
        """Return weights and biases for raw rows; see `Coordinates.to_raw`."""
        weights, bias = self.coordinates.to_raw(points)
        return np.ldexp(weights, -_shifts(self.exponents)), bias

    def to_standard(self, weights: Array, bias: float) -> Array:
        """Return the point of a neuron for raw rows; see `Coordinates.to_standard`."""
        return self.coordinates.to_standard(np.append(np.ldexp(weights, _shifts(self.exponents)), bias))

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


def _shifts(exponents: Array) -> Array:
    shifts: Array = np.where(exponents == UNKNOWN, 0, exponents)
    return shifts
