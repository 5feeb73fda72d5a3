"""A neuron in standardised columns, where its information matrix is well scaled, and what it is for raw columns.

Centres and scales are those of a sample of rows: they only keep digits, and any near the columns' own will do.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.column_statistics import deviations_of
from fastperceptron.training.coordinates import Coordinates, coordinates_of
from fastperceptron.training.information import Point
from fastperceptron.training.problem import OutOfRangeError, Problem
from fastperceptron.uncertainty.estimable import product

SAMPLE_ROWS = 4096


class Options(NamedTuple):
    """What a classifier minimised."""

    loss: str
    C: float
    fit_intercept: bool
    standardize: bool


class Standing(NamedTuple):
    """The coordinates of a neuron's parameters: standardised weights, bias last."""

    coordinates: Coordinates
    units: Array  # (d,) float64: weights of the rows read are multiplied with these for raw rows

    def point(self, options: Options, positive: int, weights: Array, bias: float) -> Point:
        """Return the point of a neuron, given for raw rows."""
        coordinates, n = self.coordinates, self.coordinates.n_features
        with np.errstate(over="ignore"):
            standard = coordinates.to_standard(np.append(weights / self.units, bias))
        standard[:n] = weights / self.units
        return Point(options.loss, positive, standard, coordinates.centre, 1.0 / coordinates.scale)

    def to_raw(self) -> Array:
        """Return the matrix J, (d + 1, d + 1): parameters for raw columns are J times those for standardised ones."""
        coordinates, n = self.coordinates, self.coordinates.n_features
        matrix = np.diag(np.append(self.units / coordinates.scale[:n], 1.0))
        matrix[n, :n] = -coordinates.centre[:n] / coordinates.scale[:n]
        return matrix

    def covariance(self, standard: Array) -> tuple[Array, Array]:
        """Return the covariance matrix of the parameters for raw columns, and their standard errors.

        The squares of errors may be beyond float64 where these are not.
        """
        matrix = self.to_raw()
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            covariance = product(matrix, standard, matrix.T)
            errors = np.sqrt(standard.diagonal()) * matrix.diagonal()
            errors[-1] = np.sqrt(covariance[-1, -1])
        return covariance, errors

    def penalty(self, options: Options, moments: Array, weight: float, n_rows: int) -> Array:
        """Return the second derivatives of the penalty, (d + 1,), given the columns' moments and the sum of weights."""
        coordinates, n = self.coordinates, self.coordinates.n_features
        strength = 0.0 if math.isinf(options.C) else 1.0 / options.C
        deviations: Array | None = None
        if strength > 0 and options.standardize:
            deviations, (sums, squares) = np.empty(n), moments
            deviations_of(sums, squares, weight, n_rows, coordinates.centre, deviations)
        elif (self.units != 1.0).any():
            deviations = self.units
        return coordinates.penalty(strength, deviations)[: n + 1]


def standing_of(problem: Problem, has_intercept: bool) -> Standing:
    """Return the coordinates of the rows of a problem; raise OutOfRangeError where squares of columns overflow."""
    n_rows, rows = problem.rows.n_rows, problem.rows
    places = np.unique(np.linspace(0, n_rows - 1, min(n_rows, SAMPLE_ROWS)).astype(np.int64))
    weights = np.ones(places.size)
    if problem.row_weights is not None:
        weights = np.array(problem.row_weights[places], np.float64)
        weights = weights / weights.max() if weights.any() else np.ones(places.size)
    with np.errstate(over="ignore", invalid="ignore"):
        coordinates = coordinates_of(np.asarray(rows.rows_at(places)), weights, has_intercept)
    if not np.isfinite(coordinates.scale).all():
        rows.check_finite()
        raise OutOfRangeError("the values of X overflow.")
    units: Any = getattr(rows, "units", np.ones(rows.n_features))
    return Standing(coordinates, units)
