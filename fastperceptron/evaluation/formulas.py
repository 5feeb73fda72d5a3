"""The formulas of calibration, over cells in ascending order of z: bins, intervals, Murphy's parts and DeLong's AUC.

Weights of rows count as Kish's (1965) effective number of rows, (sum of w)^2 / (sum of w^2), wherever a formula needs a
number: equal weights give the number of rows, whatever their unit.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.evaluation.cells import Cells

HISTOGRAM_BINS = 20


def bins_of(cells: Cells, n_bins: int, strategy: str) -> Cells:
    """Return the sums over each bin that has rows, with scikit-learn's borders.

    "quantile": bin k ends with the cell that reaches the quantile (k + 1) / n_bins of the weight. "uniform": bins have
    equal widths of the probability. A cell is in one bin as a whole.
    """
    p = cells.p / cells.weight
    if strategy == "uniform":
        numbers = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], p)
    else:
        weight = cells.weight
        reached = np.cumsum(weight)
        before = np.append(0.0, reached[:-1])
        # The quantiles of n rows divide n - 1 intervals: the last row is not counted. Weights of 1 make this exact.
        whole = reached[-1] - weight[-1] / cells.rows[-1]
        numbers = np.clip(np.ceil(before * n_bins / (whole or 1.0)) - 1, 0, n_bins - 1)
    _, groups = np.unique(np.maximum.accumulate(numbers), return_inverse=True)
    return cells.grouped(groups, int(groups[-1]) + 1)


def histogram_of(cells: Cells) -> Array:
    """Return the share of the weight in HISTOGRAM_BINS equal widths of the probability."""
    numbers = np.minimum((cells.p / cells.weight * HISTOGRAM_BINS).astype(np.intp), HISTOGRAM_BINS - 1)
    weight = cells.grouped(numbers, HISTOGRAM_BINS).weight
    shares: Array = weight / total(weight)
    return shares


def total(values: Array) -> float:
    """Return the sum, added from first to last: the same bits on any machine; infinite where it is too large."""
    with np.errstate(over="ignore"):
        return float(np.cumsum(values)[-1])


def normal_quantile(level: float) -> float:
    """Return the half-width of an interval of a standard normal variable at this confidence level."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson_interval(bins: Cells, level: float) -> tuple[Array, Array]:
    """Return Wilson's interval (1927) of the share of positive rows in each bin, for the effective number of rows."""
    weight, z = bins.weight, normal_quantile(level)
    share, n = bins.positive / weight, weight * (weight / (bins.negative_squared + bins.positive_squared))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    # Rounding must not put the share outside.
    return np.maximum(np.minimum(centre - half, share), 0.0), np.minimum(np.maximum(centre + half, share), 1.0)


class Parts(NamedTuple):
    """The Brier score's parts, which add up to it, and the expected calibration error."""

    calibration: float
    refinement: float
    within: float
    expected_calibration_error: float


def brier_parts(bins: Cells) -> Parts:
    """Return Murphy's parts (1973), and what bins leave of the score (Stephenson, Coelho and Jolliffe 2008)."""
    weight = bins.weight
    share, gap, observed = weight / total(weight), (bins.p - bins.positive) / weight, bins.positive / weight
    calibration, refinement = total(share * gap**2), total(share * observed * (1 - observed))
    score = total(bins.squared_error) / total(weight)
    return Parts(calibration, refinement, score - calibration - refinement, total(share * np.abs(gap)))


class AreaUnderCurve(NamedTuple):
    """The AUC, its interval, and the most by which cells may have changed it."""

    value: float
    low: float
    high: float
    error: float


def area_under_curve(cells: Cells, level: float) -> AreaUnderCurve:
    """Return the area with the interval of DeLong, DeLong and Clarke-Pearson (1988); NaN where it is not defined.

    The placement of a positive row is the share of the negative rows' weight with a lower z, and half of that with the
    same; of a negative row likewise. The AUC is the mean placement of the positive rows, and its variance the sum of
    the two variances of a mean placement.
    """
    reached = np.cumsum(cells.negative), np.cumsum(cells.positive)
    negative, positive = reached[0][-1], reached[1][-1]
    if negative == 0 or positive == 0:
        return AreaUnderCurve(*[np.nan] * 4)
    of_positive = (np.append(0.0, reached[0][:-1]) + cells.negative / 2) / negative
    of_negative = (positive - reached[1] + cells.positive / 2) / positive
    area = min(total(cells.positive * of_positive) / positive, 1.0)
    variance = _variance_of_mean(of_positive - area, cells.positive_squared, positive)
    variance += _variance_of_mean(of_negative - area, cells.negative_squared, negative)
    half = normal_quantile(level) * np.sqrt(variance)
    error = total(cells.negative / negative * (cells.positive / positive)) / 2
    return AreaUnderCurve(area, float(np.maximum(area - half, 0)), float(np.minimum(area + half, 1)), error)


def _variance_of_mean(deviations: Array, squared_weights: Array, weight: float) -> float:
    """Return the variance of a weighted mean of independent rows; NaN for one row."""
    squares = total(squared_weights) / weight**2  # 1 / the effective number of rows
    if squares > 1 - 1e-12:
        return np.nan
    return total(squared_weights * deviations**2) / weight**2 / (1 - squares)
