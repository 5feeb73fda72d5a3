"""Leverage and Cook's distance of rows, for the model that an `Inference` describes."""

from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.estimator.solvers import thread_count
from fastperceptron.estimator.table import open_fitted
from fastperceptron.training.information import Point, RowsAt, read_influence
from fastperceptron.training.threads import open_pool


class Fitted(NamedTuple):
    """What a second read needs."""

    classifier: Any
    point: Point
    inverse: Array  # (padded size, padded size) float64: of the Hessian, in the point's coordinates
    n_coefficients: int
    has_intercept: bool


class Influence(NamedTuple):
    """How much each row weighs in a fit, (n_rows,) float64."""

    leverage: Array
    cooks_distance: Array


def influence_of(fitted: Fitted, X: Any, y: Any, sample_weight: Any) -> Influence:
    """Read the rows once more; see `Inference.influence`."""
    with (
        open_fitted(fitted.classifier, X, y, sample_weight) as problem,
        open_pool(thread_count(fitted.classifier.n_jobs)) as map_in_order,
    ):
        rows = RowsAt(problem, fitted.point, map_in_order)
        forms, slopes, curvatures = read_influence(rows, fitted.inverse, fitted.has_intercept)
        if not np.isfinite(forms).all():
            problem.raise_not_finite()
    leverage = curvatures * forms
    with np.errstate(divide="ignore", invalid="ignore"):
        # r^2 h / (1 - h)^2 / k with Pearson's r^2 = slope^2 / curvature and h = curvature * form.
        distance = slopes**2 * forms / (1.0 - leverage) ** 2 / fitted.n_coefficients
    return Influence(leverage, distance)
