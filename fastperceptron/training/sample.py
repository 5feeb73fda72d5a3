"""A sample of the rows, standardised: Newton's method on it gives the start and the preconditioner of the exact passes.

Which rows are in it is a function of the number of rows, the classes and the weights alone, so that a fit is
deterministic without a seed.
"""

from dataclasses import dataclass

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.draws import draw_rows
from fastperceptron.kernels.prediction import sum_in_order
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.sample import column_means, column_moments, count_codes, deviations_of, standardise
from fastperceptron.training.problem import Problem

# Elements of a sample at most: 32 MB standardised, whatever the number of rows.
MAXIMUM_ELEMENTS = 1 << 22
# Multiply-adds of a Hessian over all rows that are cheaper than sampling, and what else a row takes, in multiply-adds.
SMALL_WORK, WORK_PER_ROW = 1 << 23, 350
# A class has at least this share of the sample (over the number of classes), or all its rows.
LEAST_SHARE = 0.125
SEED = 0x5EED


def sample_size(n_rows: int, n_features: int, growth: int = 1) -> int:
    """Return how many rows to sample: enough that the Hessian is right to a few percent, at the cost of half a read.

    Where Newton's method on all rows takes a few milliseconds, it is all rows.
    """
    n_parameters = n_features + 1
    if n_rows * (WORK_PER_ROW + n_parameters**2) <= SMALL_WORK:
        return n_rows
    wanted = max(20 * n_parameters, 4 * int((n_rows * n_parameters) ** 0.5)) * growth
    return min(n_rows, max(wanted, 1), max(MAXIMUM_ELEMENTS // n_parameters, 20 * n_parameters))


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a problem, standardised.

    Attributes
    ----------
    panel : ndarray of shape (m, padded size), float64
        (x - centre) / scale, then 1 for the bias (0 without one) and zeros.
    codes : ndarray of shape (m,)
    weights : ndarray of shape (m,), float64
        In the loss. They add up to about what all rows' weights do.
    centre, scale : ndarray of padded size, float64
        A constant column has scale 1.
    deviations : ndarray of shape (n_features,), float64
        The columns' standard deviations in the sample; 0 for a constant column.
    is_all : bool
        Whether all rows are in it.
    """

    panel: Array
    codes: Array
    weights: Array
    centre: Array
    scale: Array
    deviations: Array
    is_all: bool


def draw_sample(
    problem: Problem, size: int, has_intercept: bool, reference: "Sample | None" = None
) -> Sample:
    """Return a sample of about `size` rows; centre and scale are those of the `reference`, if there is one."""
    n_rows, n_features = problem.rows.n_rows, problem.rows.n_features
    is_all = size >= n_rows
    if is_all:
        rows, codes, own = problem.rows.read(0, n_rows), problem.codes, problem.row_weights
        own = np.ones(n_rows) if own is None else own
        in_loss = own
    else:
        places = choose_rows(problem, size)
        rows, codes = problem.rows.rows_at(places), problem.codes[places]
        own = np.ones(places.size) if problem.row_weights is None else problem.row_weights[places]
        own = in_loss = own * _expansion(problem, codes)
    if problem.class_weights is not None:
        in_loss = own * problem.class_weights[codes]
    if reference is None:
        centre, scale, deviations = _standards(rows, own, has_intercept, problem.rows.dtype)
    else:
        centre, scale, deviations = reference.centre, reference.scale, reference.deviations
    panel = aligned_zeros((rows.shape[0], padded_size(n_features)), np.float64)
    # Beside an intercept a constant column says nothing: in the panel it is 0, whatever its rounding.
    in_panel = np.where((deviations > 0) | (not has_intercept), scale[:n_features], np.inf)
    standardise(rows, centre, in_panel, float(has_intercept), panel)
    return Sample(panel, codes, np.ascontiguousarray(in_loss), centre, scale, deviations, is_all)


def choose_rows(problem: Problem, size: int) -> Array:
    """Return the numbers of the sampled rows, in order.

    One row is drawn from each of `size` equal runs of rows: even where the rows' order has a period. Rows of weight 0 do
    not exist. A class too rare to have its share that way gets more of its rows, or all.
    """
    weights = problem.row_weights
    present = None if weights is None else np.flatnonzero(weights)
    n_present = problem.rows.n_rows if present is None else present.size
    edges = np.arange(min(size, n_present) + 1) * n_present // min(size, n_present)
    within = np.empty(edges.size - 1, np.int64)
    draw_rows(np.uint64(SEED), np.uint64(1 << 32), within)
    places = edges[:-1] + (within * np.diff(edges) >> 32)
    places = places if present is None else present[places]
    least = int(LEAST_SHARE * size / problem.n_classes)
    counts = _counts(problem.codes[places], problem.n_classes)
    parts = [places]
    for code in np.flatnonzero(counts < least):
        members = np.flatnonzero(problem.codes == code if weights is None else (problem.codes == code) & (weights > 0))
        step = max(1, members.size // max(least, 1))
        parts = [part[problem.codes[part] != code] for part in parts] + [members[step // 2 :: step]]
    return np.sort(np.concatenate(parts))


def _counts(codes: Array, n_classes: int) -> Array:
    counts = np.zeros(n_classes, np.int64)
    count_codes(codes, counts)
    return counts


def _expansion(problem: Problem, codes: Array) -> Array:
    """Return how many rows each sampled row stands for: those of its class over those sampled."""
    weights = problem.row_weights
    of_all = _counts(problem.codes if weights is None else problem.codes[weights > 0], problem.n_classes)
    return (of_all / np.maximum(_counts(codes, problem.n_classes), 1))[codes]


def _standards(rows: Array, weights: Array, has_intercept: bool, dtype: np.dtype) -> tuple[Array, Array, Array]:
    """Return centre, scale and deviations of the columns."""
    n_features = rows.shape[1]
    size = padded_size(n_features)
    means, centre, scale = np.zeros(n_features), np.zeros(size), np.ones(size)
    column_means(rows, weights, means)
    # Exact in the rows' precision, so that float32 and float64 arithmetic take off the same.
    means = means.astype(dtype).astype(np.float64)
    sums, squares, deviations = np.zeros(n_features), np.zeros(n_features), np.zeros(n_features)
    column_moments(rows, weights, means, sums, squares)
    deviations_of(sums, squares, sum_in_order(weights), weights.size, means, deviations)
    if has_intercept:
        centre[:n_features] = means
    scale[:n_features] = np.where(deviations > 0, deviations, 1.0)
    return centre, scale, deviations
