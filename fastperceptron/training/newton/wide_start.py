"""The start of wide sparse rows: without a sample, which would have to be dense.

The columns' means and deviations, and what the rows weigh, are taken from all rows. Weights start at zero, the first
read gives the Hessian's exact diagonal, and L-BFGS steps do the rest.
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import deviations_of
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.tree import WEIGHTS_PER_TILE
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.minimise.objective import State
from fastperceptron.training.newton.all_rows import Reading
from fastperceptron.training.newton.certificate import Certificate, RowTotals, is_little_left
from fastperceptron.training.newton.neuron import DiagonalOnly, Neuron
from fastperceptron.training.newton.sample import Sample, rough_log_odds
from fastperceptron.training.newton.sample_size import hessian_rows
from fastperceptron.training.newton.start import Searched, Start, stages
from fastperceptron.training.parted_rows import Question, ask_rows, exponent_of, merge_nodes, weighted
from fastperceptron.training.problem import NewtonOptions, Problem, counts_of
from fastperceptron.training.sparse_reads import column_sums
from fastperceptron.training.threads import MapInOrder
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.tile_tree import Nodes, nodes_of_weights, total, weights_by_class
from fastperceptron.training.units import check_range

# Steps whose read renews the diagonal, at the price of two more: one-hot rows took 12 reads instead of 17, text 9
# instead of 11.
RENEWING_STEPS = (6, 12, 24, 48, 96)
# A renewed diagonal is taken while the rows' curvature is above this share of that of the last one. Where the classes
# hardly overlap, few rows have any: a diagonal of those varies wildly between columns, and steps from it are rejected
# (50,000 rows of 25,000 columns took 219 reads instead of 80, 100,000 of 100,000 took 42 instead of 17).
LEAST_CURVATURE = 0.25


def start_of(problem: Problem, options: NewtonOptions, map_in_order: MapInOrder[Any, Any]) -> Start:
    """Return the start of a fit: without a sample where rows are sparse and its Hessian would cost too much."""
    rows = problem.rows
    n_vectors = len(problem.layers[0])
    is_wide = rows.is_sparse and not hessian_rows(rows.n_rows, rows.n_features, n_vectors, rows.read_width)
    return (WideStart if is_wide else Start)(problem, options, map_in_order)


class WideStart(Start):
    """What a fit takes from all rows before its first read. Its sample has no rows."""

    def __init__(self, problem: Problem, options: NewtonOptions, map_in_order: MapInOrder[Any, Any]) -> None:
        self._problem, self._options = problem, options
        self.has_hessian = False
        coordinates = coordinates_of_sparse_rows(problem, options.fit_intercept, map_in_order)
        check_range(problem, coordinates.deviations)
        panel, nothing = np.empty((0, coordinates.scale.size)), np.empty(0)
        self.sample = Sample(panel, problem.codes[:0], nothing, coordinates, is_all=False, is_plain=problem.is_plain)
        self._class_sums, squares = _weight_sums(problem, map_in_order)
        weight = float(sum_in_order(self._class_sums))
        self._row_totals = RowTotals(weight, squares / weight, problem.is_plain)

    @property
    def _totals(self) -> RowTotals:
        return self._row_totals

    @property
    def _expansion(self) -> float:
        return 1.0

    def _rough_logit(self, code: int, is_shared: bool) -> float:
        ones, all_rows = float(self._class_sums[code]), self._totals.weight
        return rough_log_odds(ones, all_rows, self._problem.is_plain, is_shared=is_shared)

    def prepare(self, neurons: list[Neuron], penalty: Array, is_given: bool) -> list[str]:
        """Give neurons, which start where they are, Hessians of which only the diagonal is known.

        Of more columns than rows, the Hessian's trace, that of its diagonal, is that of a matrix of n_rows eigenvalues:
        along gradients, it is larger than its diagonal by the ratio, or more.
        """
        n_used = int((self.sample.coordinates.deviations > 0).sum())
        crowding = np.full(penalty.size, max(1.0, n_used / self._problem.rows.n_rows))
        crowding[self._problem.rows.n_features :: self.coordinates.scale.size] = 1.0  # of biases
        for neuron in neurons:
            neuron.hessian = DiagonalOnly(len(neuron.classes), crowding=crowding)
        return [self._options.loss] if is_given else stages(self._options.loss)

    def renews_diagonal(self, neuron: Neuron) -> bool:
        """Return whether the next read is to renew the diagonal that steps begin from.

        The curvature of a row, p (1 - p), is at most twice its cost: where costs are small, that of all rows is known
        to be below the least, and a read with moments, which takes as long as three, would be for nothing.
        """
        most = 2 * neuron.search.value
        return len(neuron.values) in RENEWING_STEPS and most >= LEAST_CURVATURE * self._curvature(neuron.diagonal)

    def is_better_diagonal(self, neuron: Neuron, reading: Reading) -> bool:
        """Return whether the diagonal of a reading is to replace the neuron's."""
        return self._curvature(reading.diagonal) >= LEAST_CURVATURE * self._curvature(neuron.diagonal)

    def _curvature(self, diagonal: Array) -> float:
        """Return the sum of the rows' curvatures, over all classes of a layer: that of the biases."""
        of_biases = diagonal[self._problem.rows.n_features :: self.coordinates.scale.size]
        return float(sum_in_order(np.ascontiguousarray(of_biases)))

    def is_enough(self, neuron: Neuron, search: Searched, penalty: Array) -> bool:  # noqa: ARG002  # as of Start
        """Return whether a search may end where its gap is at most the goal: what further steps gain must be, too.

        The gap that follows from a diagonal may be far too small: by 250 times, of 1000 rows of 100,000 columns. Where
        rounding hides the gains, it must leave a reserve.
        """
        return is_little_left(neuron.values, search.gap, neuron.certificate.goal(self._options.tol))

    @property
    def _n_parameters(self) -> int:
        """Those of the problem; of more columns than rows as many as of rows: no more directions change a loss."""
        of_vector, n_rows = self._problem.rows.n_features + 1, self._problem.rows.n_rows
        return self._problem.n_parameters // of_vector * min(of_vector, n_rows)

    def certificate_at(self, neuron: Neuron, reading: Reading, loss: str, penalty: Array) -> Certificate:  # noqa: ARG002  # as of Start
        """Return what the gaps of a neuron are compared with; slopes have their typical size."""
        curvature = self._curvature(reading.diagonal)
        squared_slopes = curvature * self._totals.unit * float(LOSSES[loss].TYPICAL_RATIO)
        nothing = np.empty((reading.point.size, 0))
        state = State(reading.point, reading.value, reading.gradient, nothing, curvature, squared_slopes, 0.0)
        return self.certificate(state, loss)

    def safe_step(self, neuron: Neuron, loss: str, penalty: Array) -> Array:  # noqa: ARG002  # as of Start
        """Return no step: without a sample, none is sure."""
        return np.zeros_like(neuron.point)


def coordinates_of_sparse_rows(
    problem: Problem, has_intercept: bool, map_in_order: MapInOrder[Any, Any]
) -> Coordinates:
    """Return the coordinates of all rows; deviations are those of sums of squares, which the first read corrects."""
    n, total = problem.rows.n_features, problem.total_weight
    sums, squares = column_sums(problem, map_in_order)
    centre, scale, deviations = np.zeros(padded_size(n)), np.ones(padded_size(n)), np.zeros(n)
    deviations_of(sums, squares, total, problem.rows.n_rows, np.zeros(n), deviations)
    if has_intercept:
        centre[:n] = sums / total
    scale[:n] = np.where(deviations > 0, deviations, 1.0)
    return Coordinates(n, centre, scale, deviations)


def _weight_sums(problem: Problem, map_in_order: MapInOrder[Any, Any]) -> tuple[Array, float]:
    """Return the sum of the weights in the loss of each class, and that of all squared weights."""
    n_classes, codes, own = problem.n_classes, problem.codes, problem.row_weights
    factors = np.ones(n_classes) if problem.class_weights is None else problem.class_weights
    if own is None:
        sums = squares = counts_of(codes, n_classes).astype(np.float64)
    else:
        n_tiles = -(-problem.rows.n_rows // WEIGHTS_PER_TILE)
        nodes = ask_rows(problem, SQUARES, n_classes, exponent_of(own), map_in_order=map_in_order)
        sums, squares = weights_by_class(own, codes, n_classes), total(nodes, (n_classes,), n_tiles)
    return sums * factors, float(sum_in_order(squares * factors * factors))


def _squares(part: Part, n_classes: int, exponent: int, map_in_order: MapInOrder[Any, Any]) -> Nodes:  # noqa: ARG001
    """Return the nodes of the sums of a part's squared weights, by class."""
    return nodes_of_weights(weighted(part, exponent).row_weights[:] ** 2, part.first, part.codes, n_classes)


SQUARES = Question(_squares, merge_nodes)
