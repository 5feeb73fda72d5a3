"""The coordinates in which the solvers work: columns less a centre, over a scale, so that no column is far or large.

The objective does not depend on them, only the conditioning does; the penalty asks for exact deviations, which are kept
apart (see newton.py).
"""

from dataclasses import dataclass

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import column_means, column_moments, deviations_of
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.rows import padded_size


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Centre and scale of the columns.

    Attributes
    ----------
    n_features : int
    centre, scale : ndarray of padded size, float64
        The centre is exact in the rows' precision, so that float32 and float64 arithmetic take off the same; it is 0
        where there is no intercept to make up for it. A constant column has scale 1.
    deviations : ndarray of shape (n_features,), float64
        The columns' standard deviations in the rows that this is from; 0 for a constant column.
    """

    n_features: int
    centre: Array
    scale: Array
    deviations: Array

    def to_standard(self, weights_and_bias: Array) -> Array:
        """Return the point of a neuron given by its weights for raw rows, the bias last."""
        weights = self._padded(weights_and_bias[:-1])
        point = weights * self.scale
        point[self.n_features] = weights_and_bias[-1] + inner_product(weights, self.centre)
        return point

    def to_raw(self, points: Array) -> tuple[Array, Array]:
        """Return weights and biases, for raw rows, of neurons given by their points."""
        weights = points / self.scale
        shifts = [inner_product(self._padded(row[: self.n_features]), self.centre) for row in weights]
        return weights[:, : self.n_features].copy(), weights[:, self.n_features] - np.array(shifts)

    def _padded(self, values: Array) -> Array:
        padded = np.zeros(self.scale.size)
        padded[: values.size] = values
        return padded


def coordinates_of(rows: Array, weights: Array, has_intercept: bool) -> Coordinates:
    """Return the coordinates of weighted rows."""
    n_features = rows.shape[1]
    size = padded_size(n_features)
    means, centre, scale = np.zeros(n_features), np.zeros(size), np.ones(size)
    column_means(rows, weights, means)
    means = means.astype(rows.dtype).astype(np.float64)
    sums, squares, deviations = np.zeros(n_features), np.zeros(n_features), np.zeros(n_features)
    column_moments(rows, weights, means, sums, squares)
    deviations_of(sums, squares, sum_in_order(weights), weights.size, means, deviations)
    if has_intercept:
        centre[:n_features] = means
    scale[:n_features] = np.where(deviations > 0, deviations, 1.0)
    return Coordinates(n_features, centre, scale, deviations)
