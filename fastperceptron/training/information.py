"""One read of all rows for inference: log-likelihood, gradient, information matrix, and the scores' outer products.

A task is a run of rows and a part of the matrices, both at fixed places; the tasks' sums are added by the tree of
tile_tree.py. So the bits do not depend on threads or the source, and rows that lie in parts are asked for the same:
only sums travel. Each part of a wide matrix computes the rows' terms again, which is little beside the matrix. Nothing
is kept of a row; what groups of rows sum up to has the size of the groups.
"""

from collections.abc import Callable, Iterator
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
from fastperceptron.training.parted_rows import PartedRows, PerRow, Question, merge_nodes
from fastperceptron.training.problem import Problem, weights_in_loss
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.tile_tree import Nodes, TileTree, total

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


class RunSums(NamedTuple):
    """What runs of rows sum up to."""

    nodes: dict[Any, Nodes]  # of sums over runs, by name
    least: Array  # the smallest of some values
    groups: list[tuple[int, Array, Array]]  # number of a run, numbers of its groups, (n_groups, ...) sums of each


class RowsAt(NamedTuple):
    """The rows of a problem, or those of a part, and the point at which they are read."""

    problem: Problem
    point: Point
    map_in_order: MapInOrder[Any, Any]
    first: int = 0  # the number of the first row

    def ask(self, function: Callable[..., Any], *arguments: Any, merge: Any = None) -> list[Any]:
        """Return function(rows, *arguments) of these rows, or of those of each part: in their order, if not merged."""
        rows: Any = self.problem.rows
        if not isinstance(rows, PartedRows):
            return [function(self, *arguments)]
        return rows.ask(Question(_answer, merge), function, self.point, self.problem.class_weights, *arguments)

    def sums(self, function: Callable[..., RunSums], *arguments: Any) -> tuple[dict[Any, Array], RunSums]:
        """Return the totals, by name, of what a function sums up, and all else that it returns, of all rows."""
        found = merged_sums(self.ask(function, *arguments, merge=merged_sums))
        n_runs = -(-self.problem.rows.n_rows // rows_per_run(self.problem.rows.n_features))
        return {name: total([each], each.values.shape[1:], n_runs) for name, each in found.nodes.items()}, found

    def tree(self, shape: tuple[int, ...]) -> TileTree:
        """Return the tree for sums of such a shape over the runs of these rows."""
        run = rows_per_run(self.problem.rows.n_features)
        return TileTree(shape, self.first // run - (-self.problem.rows.n_rows // run), self.first // run)

    def numbers(self, places: range) -> range:
        """Return the numbers that rows of these have among all rows."""
        return range(self.first + places.start, self.first + places.stop)

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


def _answer(part: Part, function: Any, point: Point, class_weights: Array | None, *arguments: Any) -> Any:
    *own, map_in_order = arguments
    problem = Problem(part.rows, part.codes, 0, part.row_weights, class_weights)
    return function(RowsAt(problem, point, map_in_order, part.first), *own)


def merged_sums(answers: list[RunSums]) -> RunSums:
    """Return the sums of several parts as those of one."""
    nodes = {name: merge_nodes([each.nodes[name] for each in answers]) for name in answers[0].nodes}
    groups = sorted((each for answer in answers for each in answer.groups), key=lambda each: each[0])
    return RunSums(nodes, np.min([each.least for each in answers], axis=0), groups)


def sums_of_groups(found: RunSums, n_groups: int, size: int) -> Array:
    """Return the sums of each group, (n_groups, size) float64, added in the rows' order."""
    sums = np.zeros((n_groups, size))
    for _, numbers, of_run in found.groups:
        sums[numbers] += of_run
    return sums


def read_information(
    rows: RowsAt, *, has_products: bool = False, is_frequency: bool = True, has_moments: bool = False
) -> Information:
    """Read all rows once; sums that are not finite are returned as they are.

    With `is_frequency`, a row of weight w counts in the products as w rows with a score each, else as one row whose
    score is w times as large.
    """
    n, is_convex = rows.problem.rows.n_features + 1, LOSSES[rows.point.loss].IS_CONVEX
    totals, found = rows.sums(_information, has_products, is_frequency, has_moments)
    sums, moments, least = totals.pop("sums"), totals.pop("moments"), found.least
    whole = whole_strips(n + 1, 8)
    total = np.zeros((2 + has_products - is_convex, whole, whole))
    for (i, j), matrices in totals.items():
        total[:, i : i + matrices.shape[1], j : j + matrices.shape[2]] = matrices
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


def _information(rows: RowsAt, has_products: bool, is_frequency: bool, has_moments: bool) -> RunSums:
    """Return the sums of `read_information`: of each part of the matrices, by its first row and column, and others."""
    problem, point, map_in_order, _ = rows
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

    trees: dict[Any, TileTree] = {"sums": rows.tree((6,)), "moments": rows.tree((2 * has_moments, padded_size(n - 1)))}
    least = np.full(2, np.inf)
    add_up((_RowsOfTask(problem, range(0)), 0, 0))  # compile before threads do
    for i, j, matrices, its_sums, its_least, its_moments in map_in_order(add_up, tasks()):
        if (i, j) not in trees:
            trees[i, j] = rows.tree(matrices.shape)
        trees[i, j].push(matrices[None])
        if i == j == 0:
            trees["sums"].push(its_sums[None])
            trees["moments"].push(its_moments[None])
            np.minimum(least, its_least, out=least)
    return RunSums({name: tree.nodes() for name, tree in trees.items()}, least, [])


def read_scores_of_groups(rows: RowsAt, groups: Array, n_groups: int) -> Array:
    """Read all rows once; return the sums of the scores of each group, (n_groups, d + 1) float64.

    `groups`, (n_rows,), has the number of each row's group.
    """
    _, found = rows.sums(_scores_of_groups, PerRow(groups))
    return sums_of_groups(found, n_groups, rows.problem.rows.n_features + 1)


def _scores_of_groups(rows: RowsAt, groups: PerRow) -> RunSums:
    problem, point, map_in_order, _ = rows
    n = problem.rows.n_features

    def add_up(places: range) -> tuple[int, Array, Array]:
        block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
        slopes, scratch = np.empty((2, len(block))), np.zeros((ROOTS, CHUNK))
        scores_kernel(point.loss)(block, rows.labels(codes, places), rows.neuron, scratch, slopes)
        numbers, members = np.unique(groups.at(rows.numbers(places)), return_inverse=True)
        sums = np.zeros((numbers.size, n + 1))
        for start in range(0, len(block), CHUNK):
            part = slice(start, start + CHUNK)
            scores = np.ones((len(block[part]), n + 1))
            scores[:, :n] = (block[part] - point.centre[:n]) * point.factors[:n]
            np.add.at(sums, members[part], scores * slopes[0, part, None])
        return rows.first + places.start, numbers, sums

    add_up(range(0))  # compile before threads do
    return RunSums({}, np.empty(0), list(map_in_order(add_up, rows.ranges())))


def read_largest(rows: RowsAt, vectors: Array) -> Array:
    """Read all rows once; return the largest product of a row of positive weight with each vector, by size.

    `vectors`, (n_vectors, d + 1), are for standardised rows. It is for the few vectors that need a closer look.
    """
    found: Array = np.max(rows.ask(_largest, vectors), axis=0)
    return found


def _largest(rows: RowsAt, vectors: Array) -> Array:
    problem, point, map_in_order, _ = rows
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
    forms, slopes, curvatures = np.concatenate(rows.ask(_influence, inverse, has_bias), axis=1)
    return forms, slopes, curvatures


def _influence(rows: RowsAt, inverse: Array, has_bias: bool) -> Array:
    problem, point, map_in_order, _ = rows
    result = np.empty((3, problem.rows.n_rows))
    coordinates = read_only(point.centre), read_only(point.factors)

    def set_part(places: range) -> None:
        block, codes = problem.rows.labelled(problem.codes, places.start, places.stop)
        part, scratch = result[:, places.start : places.stop], np.zeros((ROOTS, CHUNK))
        scores_kernel(point.loss)(block, rows.labels(codes, places), rows.neuron, scratch, part[1:])
        set_quadratic_forms(block, coordinates, float(has_bias), read_only(inverse), np.zeros(len(inverse)), part[0])

    set_part(range(0))  # compile before threads do
    for _ in map_in_order(set_part, rows.ranges()):
        pass
    return result


def dots_of(rows: RowsAt, weights: Array, places: range) -> Array:
    """Return products of rows with weights of padded size, for rows less the centre."""
    block = rows.problem.rows.read(places.start, places.stop)
    out = np.empty(len(block))
    set_row_dots(block, read_only(weights), read_only(rows.point.centre), out)
    return out


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
