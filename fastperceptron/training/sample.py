"""A sample of the rows, standardised: Newton's method on it gives the start and the preconditioner of the exact passes.

Which rows are in it is a function of the number of rows, the classes and the weights alone, so that a fit is
deterministic without a seed.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.draws import draw_rows
from fastperceptron.kernels.prediction import sum_in_order
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.sample import count_codes, standardise
from fastperceptron.training.problem import Problem
from fastperceptron.training.standards import Standards, standards_of

# A class has at least this share of the sample (over the number of classes), or all its rows.
LEAST_SHARE = 0.125
SEED = 0x5EED
LOG_2 = 0.6931471805599453


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
    standards : Standards
    is_all : bool
        Whether all rows are in it.
    """

    panel: Array
    codes: Array
    weights: Array
    standards: Standards
    is_all: bool

    @property
    def n_rows(self) -> int:
        """How many rows are in it."""
        return int(self.codes.size)

    def targets(self, positive: int) -> Array:
        """Return 1 for the rows of a class, 0 for the others."""
        targets: Array = (self.codes == positive).astype(np.float64)
        return targets

    def rough_logit(self, positive: int) -> float:
        """Return the log odds of a class to the next power of two: exact, where the bits of a logarithm would vary."""
        ones, all_rows = sum_in_order(self.targets(positive) * self.weights), sum_in_order(self.weights)
        if not 0 < ones < all_rows:
            return 0.0
        return LOG_2 * (math.frexp(ones)[1] - math.frexp(all_rows - ones)[1])


def draw_sample(problem: Problem, size: int, has_intercept: bool, standards: Standards | None = None) -> Sample:
    """Return a sample of about `size` rows, by its own standards unless others are given."""
    n_rows = problem.rows.n_rows
    is_all = size >= n_rows
    if is_all:
        rows, codes, own = problem.rows.read(0, n_rows), problem.codes, problem.row_weights
        own = np.ones(n_rows) if own is None else own
    else:
        places = choose_rows(problem, size)
        rows, codes = problem.rows.rows_at(places), problem.codes[places]
        own = np.ones(places.size) if problem.row_weights is None else problem.row_weights[places]
        own = own * _expansion(problem, codes)
    standards = standards or standards_of(rows, own, has_intercept)
    panel = aligned_zeros((rows.shape[0], padded_size(rows.shape[1])), np.float64)
    # Beside an intercept a constant column says nothing: in the panel it is 0, whatever its rounding.
    scale = np.where((standards.deviations > 0) | (not has_intercept), standards.scale[: rows.shape[1]], np.inf)
    standardise(rows, standards.centre, scale, float(has_intercept), panel)
    in_loss = own if problem.class_weights is None else own * problem.class_weights[codes]
    return Sample(panel, codes, in_loss, standards, is_all)


def choose_rows(problem: Problem, size: int) -> Array:
    """Return the numbers of the sampled rows, in order.

    One row is drawn from each of `size` equal runs of rows: even, but blind to a period in the rows' order. Rows of
    weight 0 do not exist. A class too rare to have its share that way gets more of its rows, or all.
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
    parts = [places]
    for code in np.flatnonzero(_counts(problem.codes[places], problem.n_classes) < least):
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
    expansion: Array = (of_all / np.maximum(_counts(codes, problem.n_classes), 1))[codes]
    return expansion
