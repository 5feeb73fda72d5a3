"""Means and standard deviations of columns, from rows or from sums over rows, and rows standardised by them."""

import numpy as np

from fastperceptron.kernels.jit import jit

# scikit-learn's bound (StandardScaler): a variance below it is the rounding of a constant column. It goes by the number
# of additions that a value passes on its way into a sum, not by that of rows: of those of a sub-tile, the sub-tiles of
# a tile and the levels of the tree, 256 + 256 + 40 at most. In sums that are longer, as over a sample, a constant
# column still passes: less the centre, it is its centre's rounding, and the variance is a small share of its square.
MACHINE_EPSILON = 2.220446049250313e-16
MOST_ADDITIONS = 552


@jit
def column_means(rows, weights, means):
    """Write the columns' weighted means."""
    total = 0.0
    means[:] = 0.0
    for i in range(rows.shape[0]):
        row, weight = rows[i], weights[i]
        total += weight
        for j in range(row.size):
            means[j] += weight * row[j]
    for j in range(means.size):
        means[j] /= total


@jit
def column_moments(rows, weights, centre, sums, squares):
    """Add the weighted sums of the columns less a centre, and of their squares."""
    for i in range(rows.shape[0]):
        row, weight = rows[i], weights[i]
        for j in range(row.size):
            x = row[j] - centre[j]
            sums[j] += weight * x
            squares[j] += weight * x * x


def deviations_of(sums, squares, total, n_rows, centre, out):
    """Write the columns' standard deviations, from sums of columns less a centre; 0 for a constant column.

    Where squares overflow it is infinite, and NaN where values are.
    """
    with np.errstate(all="ignore"):  # for kernels that run as plain Python
        set_deviations(sums, squares, float(total), min(n_rows, MOST_ADDITIONS) * MACHINE_EPSILON, centre, out)


@jit
def set_deviations(sums, squares, total, depth, centre, out):
    """Do what `deviations_of` does, where values pass `depth` / MACHINE_EPSILON additions."""
    for j in range(out.size):
        mean = sums[j] / total
        variance = squares[j] / total - mean * mean
        rounding = depth * (centre[j] + mean)
        is_constant = variance <= depth * variance + rounding * rounding and variance < np.inf
        out[j] = 0.0 if is_constant else np.sqrt(variance)


def standardise(rows, centre, scale, has_bias, panel):
    """Write ((x - centre) / scale, 1 or 0 for the bias) to the panel's rows, whose padding stays zero."""
    with np.errstate(over="ignore"):
        factors = 1.0 / scale  # one division per value takes four times as long
    standardise_by(rows, centre, factors, has_bias, panel)


@jit
def standardise_by(rows, centre, factors, has_bias, panel):
    """Do what `standardise` does, by the reciprocals of the scale."""
    n_features = rows.shape[1]
    for i in range(rows.shape[0]):
        row, out = rows[i], panel[i]
        for j in range(n_features):
            out[j] = (row[j] - centre[j]) * factors[j]
        out[n_features] = has_bias
