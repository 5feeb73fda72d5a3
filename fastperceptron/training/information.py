"""One read of all rows for inference: log-likelihood, gradient, information matrix, and the scores' outer products.

A task is a run of rows and a part of the matrices, both at fixed places; the tasks' sums are added in the rows' order.
So the bits do not depend on threads or the source. Each part of a wide matrix computes the rows' terms again, which is
little beside the matrix. Nothing is kept of a row; what groups of rows sum up to has the size of the groups.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.information import (
    CHUNK,
    ROOTS,
    information_kernel,
    scores_kernel,
    set_quadratic_forms,
    set_row_dots,
)
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.kernels.outer_products import TILE, packed_shape
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.strips import whole_strips
from fastperceptron.training.problem import Problem, weights_in_loss
from fastperceptron.training.threads import MapInOrder, ranges_of

_NONE = read_only(np.empty(0))


class Point(NamedTuple):
    """Where the sums are taken, and in which coordinates the matrices are."""

    loss: str
    positive: int  # the class number whose probability the neuron gives
    weights: Array  # (padded size,) float64: for rows less the centre, bias last
    centre: Array  # (padded size,) float64
    factors: Array  # (padded size,) float64: rows are (row - centre) * factors in the matrices


class Information(NamedTuple):
    """Sums over the rows, by their weights. Matrices and vectors are in the point's coordinates, bias last, float64."""

    hessian: Array  # (d + 1, d + 1)
    gradient: Array  # (d + 1,): of the loss
    products: Array  # (d + 1, d + 1), the sum of the scores' outer products; or empty
    loss: float
    weight: float  # the sum of the weights in the loss
    positive_weight: float  # of those of the positive class
    positive_slope: float  # the sum of weight * slope over the rows of the positive class
    own_weight: float  # the sum of the rows' own weights
    n_rows: int  # of positive weight in the loss
    least_curvature: float  # the smallest weight * curvature of a row
    is_separated: bool  # whether every row is on the side of its class
    moments: Array  # (2, d): sums of the columns less the centre, and of their squares; or empty


class RowsAt(NamedTuple):
    """The rows of a problem, and the point at which they are read."""

    problem: Problem
    point: Point
    map_in_order: MapInOrder[Any, Any]

    def labels(self, codes: Array, places: range) -> tuple[Array, Array, Array]:
        """Return the class numbers and weights of rows, as kernels take them."""
        own, factors = self.problem.row_weights, self.problem.class_weights
        weights = _NONE if own is None else read_only(np.asarray(own[places.start : places.stop]))
        return codes, weights, _NONE if factors is None else read_only(factors)

    @property
    def neuron(self) -> tuple[Array, Array, int]:
        """The neuron, as kernels take it."""
        return read_only(self.point.weights), read_only(self.point.centre), self.point.positive

    def ranges(self) -> Iterator[range]:
        """Yield the numbers of the rows of each task."""
        return ranges_of(self.problem.rows.n_rows, rows_per_run(self.problem.rows.n_features))


def read_information(
    rows: RowsAt, *, has_products: bool = False, is_frequency: bool = True, has_moments: bool = False
) -> Information:
    """Read all rows once; sums that are not finite are returned as they are.

    With `is_frequency`, a row of weight w counts in the products as w rows with a score each, else as one row whose
    score is w times as large.
    """
    problem, point, map_in_order = rows
    n, is_convex = problem.rows.n_features + 1, LOSSES[point.loss].IS_CONVEX
    whole, n_matrices = whole_strips(n + 1, 8), 2 + has_products - is_convex
    coordinates = with_whole_strips(point, whole)
    kernel, wanted = information_kernel(point.loss), (has_products, is_frequency)

    def add_up(task: "tuple[_RowsOfTask, int, int]") -> tuple[int, int, Array, Array, Array, Array]:
        its_rows, i, j = task
        block, codes = its_rows.labelled
        shape = min(TILE, whole - i), min(TILE, whole - j)
        matrices, sums, least = np.zeros((n_matrices, *shape)), np.zeros(6), np.full(2, np.inf)
        moments = np.zeros((2 * (has_moments and i == j == 0), padded_size(n - 1)))
        scratch = np.empty(packed_shape(max(shape), 8)), np.zeros((ROOTS + n_matrices, CHUNK))
        totals = matrices, sums, least, moments
        labels = rows.labels(codes, its_rows.places)
        kernel(block, labels, rows.neuron, coordinates, (i, j), totals, wanted, scratch)
        return i, j, *totals

    def tasks() -> "Iterator[tuple[_RowsOfTask, int, int]]":
        for places in rows.ranges():
            its_rows = _RowsOfTask(problem, places)
            yield from ((its_rows, i, j) for i in range(0, whole, TILE) for j in range(i, whole, TILE))

    total, sums, least = np.zeros((n_matrices, whole, whole)), np.zeros(6), np.full(2, np.inf)
    moments = np.zeros((2 * has_moments, padded_size(n - 1)))
    add_up((_RowsOfTask(problem, range(0)), 0, 0))  # compile before threads do
    for i, j, matrices, its_sums, its_least, its_moments in map_in_order(add_up, tasks()):
        total[:, i : i + matrices.shape[1], j : j + matrices.shape[2]] += matrices
        if i == j == 0:
            sums += its_sums
            moments += its_moments
            np.minimum(least, its_least, out=least)
    hessian, *others = (symmetric(each[:n, :n]) for each in total)
    if not is_convex:
        hessian -= others.pop(0)
    loss, weight, positive_weight, positive_slope, own_weight, count = sums.tolist()
    return Information(
        hessian=hessian,
        gradient=total[0, :n, n].copy(),
        products=others[0] if has_products else np.empty((0, 0)),
        loss=loss,
        weight=weight,
        positive_weight=positive_weight,
        positive_slope=positive_slope,
        own_weight=own_weight,
        n_rows=int(count),
        least_curvature=float(least[0]),
        is_separated=bool(least[1] > 0),
        moments=moments[:, : n - 1],
    )


def read_scores_of_groups(rows: RowsAt, groups: Array, n_groups: int) -> Array:
    """Read all rows once; return the sums of the scores of each group, (n_groups, d + 1) float64.

    `groups`, (n_rows,), has the number of each row's group.
    """
    problem, point, map_in_order = rows
    n = problem.rows.n_features

    def add_up(places: range) -> tuple[Array, Array]:
        block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
        slopes, scratch = np.empty((2, len(block))), np.zeros((ROOTS, CHUNK))
        scores_kernel(point.loss)(block, rows.labels(codes, places), rows.neuron, scratch, slopes)
        numbers, members = np.unique(groups[places.start : places.stop], return_inverse=True)
        sums = np.zeros((numbers.size, n + 1))
        for start in range(0, len(block), CHUNK):
            part = slice(start, start + CHUNK)
            scores = np.ones((len(block[part]), n + 1))
            scores[:, :n] = (block[part] - point.centre[:n]) * point.factors[:n]
            np.add.at(sums, members[part], scores * slopes[0, part, None])
        return numbers, sums

    total = np.zeros((n_groups, n + 1))
    add_up(range(0))  # compile before threads do
    for numbers, sums in map_in_order(add_up, rows.ranges()):
        total[numbers] += sums
    return total


def read_dots(rows: RowsAt, weights: Array) -> Iterator[tuple[range, Array]]:
    """Yield the rows' products with weights of padded size, for rows less the centre, range by range."""

    def dots_of(places: range) -> tuple[range, Array]:
        block = rows.problem.rows.read(places.start, places.stop)
        out = np.empty(len(block))
        set_row_dots(block, read_only(weights), read_only(rows.point.centre), out)
        return places, out

    dots_of(range(0))  # compile before threads do
    yield from rows.map_in_order(dots_of, rows.ranges())


def read_largest(rows: RowsAt, vectors: Array) -> Array:
    """Read all rows once; return the largest product of a row of positive weight with each vector, by size.

    `vectors`, (n_vectors, d + 1), are for standardised rows. It is for the few vectors that need a closer look.
    """
    problem, point, map_in_order = rows
    n = problem.rows.n_features

    def largest(places: range) -> Array:
        block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
        counts = weights_in_loss(problem.row_weights, problem.class_weights, places, codes) > 0
        standard = (block[counts] - point.centre[:n]) * point.factors[:n]
        dots = np.einsum("ij,kj->ki", standard, vectors[:, :n], optimize=False) + vectors[:, n:]
        found: Array = np.abs(dots).max(axis=1, initial=0.0)
        return found

    result = np.zeros(len(vectors))
    for found in map_in_order(largest, rows.ranges()):
        np.maximum(result, found, out=result)
    return result


def read_influence(rows: RowsAt, inverse: Array, has_bias: bool) -> tuple[Array, Array, Array]:
    """Read all rows once; return x' inverse x, weighted slope and weighted curvature of each row, (n_rows,) float64.

    `inverse` is that of the Hessian, of padded size. The leverage of a row is curvature * x' inverse x.
    """
    problem, point, _ = rows
    result = np.empty((3, problem.rows.n_rows))
    coordinates = read_only(point.centre), read_only(point.factors)

    def set_part(places: range) -> None:
        block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
        part, scratch = result[:, places.start : places.stop], np.zeros((ROOTS, CHUNK))
        scores_kernel(point.loss)(block, rows.labels(codes, places), rows.neuron, scratch, part[1:])
        set_quadratic_forms(block, coordinates, float(has_bias), read_only(inverse), np.zeros(len(inverse)), part[0])

    set_part(range(0))  # compile before threads do
    for _ in rows.map_in_order(set_part, rows.ranges()):
        pass
    return result[0], result[1], result[2]


class _RowsOfTask:
    """Rows of a problem, read by the first task that needs them, since they may have to be converted."""

    def __init__(self, problem: Problem, places: range) -> None:
        self._problem, self.places = problem, places

    @cached_property
    def labelled(self) -> tuple[Array, Array]:
        """The rows, C-ordered, and their class numbers."""
        return self._problem.rows.labelled(self._problem.codes, self.places.start, self.places.stop)


def with_whole_strips(point: Point, size: int) -> tuple[Array, Array]:
    """Return centre and factors in arrays of a size."""
    padded = np.zeros((2, size))
    width = min(size, point.centre.size)
    padded[0, :width], padded[1, :width] = point.centre[:width], point.factors[:width]
    return read_only(padded[0]), read_only(padded[1])


def symmetric(upper: Array) -> Array:
    """Return the symmetric matrix whose upper triangle is given."""
    matrix: Array = np.triu(upper)
    return matrix + np.triu(upper, 1).T
