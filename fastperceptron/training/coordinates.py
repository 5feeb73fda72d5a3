"""The coordinates of the solvers: each column less a centre, over a scale, so that no column is far from 0 or large.

The minimum does not depend on them, only the conditioning does. The penalty refers to the columns' exact deviations,
which are kept apart from the scales.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import column_means, column_moments, deviations_of
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.rows import padded_size

# Of a column whose weight the penalty holds at 0.
LARGEST_PENALTY = 1e300


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Centre and scale of the columns.

    The centre is exact in the rows' precision, so that float32 and float64 arithmetic subtract the same; it is 0
    without an intercept, which would have to make up for it.
    """

    n_features: int
    centre: Array  # (padded size,) float64
    scale: Array  # (padded size,) float64; 1 for a constant column
    deviations: Array  # (n_features,) float64, in the rows that this was made from; 0 for a constant column

    def to_standard(self, weights_and_bias: Array) -> Array:
        """Return the point of a neuron given by its weights for raw rows, bias last."""
        weights = self._padded(weights_and_bias[:-1])
        point = weights * self.scale
        point[self.n_features] = weights_and_bias[-1] + inner_product(weights, self.centre)
        return point

    def to_raw(self, points: Array) -> tuple[Array, Array]:
        """Return weights and biases, for raw rows, of neurons given by their points."""
        weights = points / self.scale
        shifts = [inner_product(self._padded(row[: self.n_features]), self.centre) for row in weights]
        return weights[:, : self.n_features].copy(), weights[:, self.n_features] - np.array(shifts)

    def penalty(self, strength: float, deviations: Array | None) -> Array:
        """Return the factors of point^2 / 2 in the objective, of padded size; that of the bias is 0.

        The penalty is strength * |w|^2 / 2 for weights of columns divided by the deviations, or of raw columns (None).
        """
        n, penalty = self.n_features, np.zeros(self.scale.size)
        units = np.ones(n) if deviations is None else np.where(deviations > 0, deviations, 1.0)
        if strength > 0:
            with np.errstate(over="ignore"):
                penalty[:n] = np.minimum(strength * (units / self.scale[:n]) ** 2, LARGEST_PENALTY)
        return penalty

    def _padded(self, values: Array) -> Array:
        padded = np.zeros(self.scale.size)
        padded[: values.size] = values
        return padded


def coordinates_of(rows: Array, weights: Array, has_intercept: bool) -> Coordinates:
    """Return the coordinates of weighted rows: their means and standard deviations.

    The deviation is infinite where the squares underflow of a column that is not constant.
    """
    n_features = rows.shape[1]
    size = padded_size(n_features)
    means, centre, scale = np.zeros(n_features), np.zeros(size), np.ones(size)
    column_means(rows, weights, means)
    if rows.dtype != np.float64:
        means = means.astype(rows.dtype).astype(np.float64)
    sums, squares, deviations = np.zeros((3, n_features))
    column_moments(rows, weights, means, sums, squares)
    deviations_of(sums, squares, sum_in_order(weights), weights.size, means, deviations)
    for column in (squares == 0).nonzero()[0].tolist():
        if (rows[:, column] != means[column])[weights > 0].any():
            deviations[column] = np.inf
    if has_intercept:
        centre[:n_features] = means
    scale[:n_features] = np.where(deviations > 0, deviations, 1.0)
    return Coordinates(n_features, centre, scale, deviations)


class Move(NamedTuple):
    """A change of coordinates from (u, 1) to (ratio * u + shift, 1), in padded vectors.

    Points, gradients and Hessians may be those of several classes, whose vectors stand one after another.
    """

    ratio: Array
    shift: Array

    def of_rows(self, panel: Array) -> Array:
        """Return standardised rows in the new coordinates."""
        moved: Array = panel * self.ratio + self.shift
        return moved

    def of_point(self, point: Array, bias: int) -> Array:
        """Return the weights that give the same z in the new coordinates; `bias` is the bias's index."""
        moved: Array = point.reshape(-1, self.ratio.size) / self.ratio
        for vector in moved:
            vector[bias] -= sum_in_order(vector * self.shift)
        return moved.reshape(-1)

    def of_gradient(self, gradient: Array, bias: int) -> Array:
        """Return a gradient with respect to the weights in the new coordinates."""
        by_class = gradient.reshape(-1, self.ratio.size)
        moved: Array = by_class * self.ratio + self.shift * by_class[:, bias : bias + 1]
        return moved.reshape(-1)

    def of_hessian(self, hessian: Array, bias: int) -> Array:
        """Return a Hessian in the new coordinates; of a diagonal alone, as if the columns were uncorrelated."""
        size = self.ratio.size
        if hessian.shape[0] == 1:
            by_class = hessian.reshape(-1, size)
            moved: Array = self.ratio**2 * by_class + self.shift**2 * by_class[:, bias : bias + 1]
            return moved.reshape(1, -1)
        moved = np.zeros_like(hessian)
        for i in range(0, hessian.shape[0], size):
            for j in range(i, hessian.shape[0], size):
                moved[i : i + size, j : j + size] = self._of_block(hessian[i : i + size, j : j + size], bias)
        return moved

    def _of_block(self, block: Array, bias: int) -> Array:
        """Return the part of a Hessian that belongs to two classes, or to one: a matrix that is symmetric by itself."""
        cross = self.ratio * block[:, bias]
        moved: Array = block * self.ratio * self.ratio[:, None]
        moved += cross[:, None] * self.shift + cross * self.shift[:, None]
        moved += block[bias, bias] * self.shift * self.shift[:, None]
        return moved
