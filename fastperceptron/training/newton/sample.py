"""A sample of the rows, standardised.

Which rows are in it depends on the number of rows, the classes and the weights alone, so that a fit needs no seed.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import standardise
from fastperceptron.kernels.draws import draw_of_runs
from fastperceptron.kernels.labels import count_codes
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Coordinates, coordinates_of
from fastperceptron.training.parted_rows import number_present, present_rows
from fastperceptron.training.problem import Problem, weights_in_loss

# A class has at least this share of the sample, divided by the number of classes, or all its rows.
LEAST_SHARE = 0.125
SEED = 0x5EED
LOG_2, SQRT_2 = 0.6931471805599453, 1.4142135623730951


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a problem, standardised."""

    panel: Array  # (m, padded size) float64: (x - centre) / scale, then 1 for the bias (0 without one) and zeros
    codes: Array  # (m,): class numbers
    weights: Array  # (m,) float64, in the loss; their sum is about that of all rows' weights
    coordinates: Coordinates
    is_all: bool  # whether all rows are in it
    is_plain: bool = True  # whether all rows weigh the same

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return int(self.codes.size)

    @cached_property
    def weight_sums(self) -> tuple[float, float]:
        """The sums of the weights and of their squares."""
        return float(sum_in_order(self.weights)), float(sum_in_order(self.weights * self.weights))

    def rough_logit(self, positive: int, *, is_shared: bool = False) -> float:
        """Return the log odds of a class, rounded to a power of two: the bits of a logarithm vary between machines.

        If the class shares a softmax layer, it is the logarithm of its probability.
        """
        ones, all_rows = sum_in_order((self.codes == positive) * self.weights), sum_in_order(self.weights)
        return rough_log_odds(ones, all_rows, self.is_plain, is_shared=is_shared)


def rough_log_odds(ones: float, all_rows: float, is_plain: bool, *, is_shared: bool = False) -> float:
    """Return the log odds of rows that weigh `ones` among all, rounded; `is_plain` says that these are counts.

    If their class shares a softmax layer, it is the logarithm of its probability.
    """
    if not 0 < ones < all_rows:
        return 0.0
    if is_shared:
        return LOG_2 * (math.frexp(ones / all_rows * SQRT_2)[1] - 1)
    if not is_plain:
        # The nearest power of two to the ratio: the unit of the weights must not matter.
        return LOG_2 * (math.frexp(ones / (all_rows - ones) * SQRT_2)[1] - 1)
    return LOG_2 * (math.frexp(ones)[1] - math.frexp(all_rows - ones)[1])


def draw_sample(problem: Problem, size: int, has_intercept: bool) -> Sample:
    """Return a sample of about `size` rows, in its own coordinates."""
    n_rows = problem.rows.n_rows
    is_all = size >= n_rows
    if is_all:
        rows, codes = problem.rows.labelled(problem.codes, 0, n_rows)
        own = weights_in_loss(problem.row_weights, None, range(n_rows), codes)
    else:
        places, expansion = choose_rows(problem, size)
        rows, codes = problem.rows.labelled_at(problem.codes, places)
        own = expansion if problem.row_weights is None else problem.row_weights[places] * expansion
    coordinates = coordinates_of(rows, own, has_intercept)
    panel = panel_of(rows, coordinates, coordinates.deviations, has_intercept)
    in_loss = own if problem.class_weights is None else own * problem.class_weights[codes]
    return Sample(panel, codes, in_loss, coordinates, is_all, problem.is_plain)


def panel_of(rows: Array, coordinates: Coordinates, deviations: Array, has_intercept: bool) -> Array:
    """Return rows in coordinates, (n_rows, padded size) float64, then 1 for the bias (0 without one) and zeros.

    With an intercept a constant column, whose deviation is 0, has no effect: its rounding becomes 0.
    """
    panel = aligned_zeros((rows.shape[0], padded_size(rows.shape[1])), np.float64)
    scale = np.where((deviations > 0) | (not has_intercept), coordinates.scale[: rows.shape[1]], np.inf)
    standardise(rows, coordinates.centre, scale, float(has_intercept), panel)
    return panel


def choose_rows(problem: Problem, size: int) -> tuple[Array, Array]:
    """Return the numbers of the sampled rows, in order, and how many rows each of them stands for.

    One row is drawn from each of `size` equal runs of rows: evenly spread, but not periodic. Rows of weight 0 are left
    out. Of a class too rare to get its share, at least one, more rows are taken, or all; only then all class numbers
    are read. (A softmax layer that started without a row of many of its 300 classes took 1000 reads instead of 39.)
    """
    n_present = number_present(problem)
    size = min(size, n_present)
    numbers = np.empty(size, np.int64)
    draw_of_runs(np.uint64(SEED), n_present, numbers)
    places = _rows_of_present(problem, numbers, n_present)
    codes, least = problem.codes[places], max(1, int(LEAST_SHARE * size / problem.n_classes))
    counts = np.zeros(problem.n_classes, np.int64)
    count_codes(codes, counts)
    is_rare = counts < least
    if not is_rare.any():
        return places, np.full(size, n_present / size)
    common = places[~is_rare[codes]]
    parts, n_rare = [common], 0
    expansions = []
    for code in np.flatnonzero(is_rare).tolist():
        members = np.concatenate([*present_rows(problem, code)])
        step = max(1, members.size // least)
        parts.append(members[step // 2 :: step])
        expansions.append(np.full(parts[-1].size, members.size / max(parts[-1].size, 1)))
        n_rare += members.size
    expansion = np.concatenate([np.full(common.size, (n_present - n_rare) / max(common.size, 1)), *expansions])
    places = np.concatenate(parts)
    order = np.argsort(places)
    return places[order], expansion[order]


def _rows_of_present(problem: Problem, numbers: Array, n_present: int) -> Array:
    """Return the numbers, among all rows, of rows that are numbered among those of positive weight."""
    if n_present == problem.rows.n_rows:
        return numbers
    found, first = [], 0
    for rows in present_rows(problem):
        stop = first + rows.size
        found.append(rows[numbers[(numbers >= first) & (numbers < stop)] - first])
        first = stop
    return np.concatenate(found)
