"""The Hessian over all rows at a point: curvatures of each row, and the sums of their products over all.

A neuron has one curvature per row, a softmax layer one per row and pair of classes: one block of its Hessian each.
Rows that lie in parts compute both where they lie.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.hessian import curvatures_kernel
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.kernels.softmax_sample import scratch_shape, set_probabilities_of_rows
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.hessian import (
    NARROW,
    WIDEST_CURVATURES,
    assembled,
    hessian_of_rows,
    sizes_of,
    trees_of_runs,
)
from fastperceptron.training.newton.sample import panel_of
from fastperceptron.training.parted_rows import (
    PartedRows,
    Question,
    exponent_of,
    merge_nodes,
    weighted,
)
from fastperceptron.training.problem import Problem, weights_in_loss
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.tile_tree import Nodes, total

OfParts = dict[tuple[int, int], Nodes]  # by first row and column of a part of a matrix


class Asked(NamedTuple):
    """Where the curvatures of the loss, times the rows' weights, are asked for."""

    loss: str
    exactness: float
    point: Array  # (padded size * classes,)
    classes: tuple[int, ...]  # of the neuron, or of the softmax layer
    coordinates: Coordinates
    deviations: Array  # (n_features,) float64
    has_intercept: bool


class Sums(NamedTuple):
    """Which sums of products are asked for: of the curvatures of a block, divided by 2^exponent."""

    block: int
    exponent: int
    dtype: str


class Weighing(NamedTuple):
    """What makes weights in the loss of those that a part has."""

    class_weights: Array | None
    exponent: int | None  # see parted_rows.weighted


def blocks_of_hessian(problem: Problem, asked: Asked, map_in_order: MapInOrder[Any, Any]) -> list[Array]:
    """Return the blocks of the Hessian: one, or that of each pair of classes. Constant columns are not left out."""
    rows: Any = problem.rows
    weighing, factors = Weighing(problem.class_weights, exponent_of(problem.row_weights)), 1.0 / asked.coordinates.scale
    if isinstance(rows, PartedRows):
        return _blocks_of_parts(rows, asked, weighing, factors)
    part = Part(rows, problem.codes, problem.row_weights)
    return [
        hessian_of_rows(rows, each, asked.coordinates.centre, factors, map_in_order)
        for each in curvatures_of(part, asked, problem.class_weights, map_in_order)
    ]


def curvatures_of(
    part: Part, asked: Asked, class_weights: Array | None, map_in_order: MapInOrder[Any, Any]
) -> Iterator[Array]:
    """Yield the curvatures of a part's rows, for each block: (n_rows,) float64."""
    n_rows, n_classes, size = part.rows.n_rows, len(asked.classes), asked.coordinates.scale.size
    weights, values = np.empty(n_rows), np.empty((1 if n_classes == 1 else 2 * n_classes, n_rows))

    def set_values(places: range) -> None:
        X, codes = part.rows.labelled(part.codes, places.start, places.stop)
        panel = panel_of(X, asked.coordinates, asked.deviations, asked.has_intercept)
        if n_classes == 1:
            targets, own = (codes == asked.classes[0]).astype(np.float64), values[0, places.start : places.stop]
            curvatures_kernel(asked.loss)(panel, targets, asked.point, asked.exactness, own)
        else:
            p, complements = values[:n_classes], values[n_classes:]
            point, scratch = asked.point.reshape(n_classes, size), np.empty(scratch_shape(n_classes))
            set_probabilities_of_rows(panel, point, p, complements, places.start, scratch)
        weights[places.start : places.stop] = weights_in_loss(part.row_weights, class_weights, places, codes)

    set_values(range(0))  # compile before threads do
    for _ in map_in_order(set_values, ranges_of(n_rows, rows_per_run(part.rows.n_features))):
        pass
    if n_classes == 1:
        yield values[0] * weights
        return
    for k in range(n_classes):
        for other in range(k, n_classes):
            yield weights * values[k] * (values[n_classes + k] if k == other else -values[other])


def _blocks_of_parts(rows: PartedRows, asked: Asked, weighing: Weighing, factors: Array) -> list[Array]:
    """Return what `hessian_of_rows` does of each block, to the same bits."""
    sizes = np.array(rows.ask(SIZES, asked, weighing))  # (n_parts, n_blocks, 2)
    smallest, largest = sizes[:, :, 0].min(axis=0), sizes[:, :, 1].max(axis=0)
    are_float32 = (rows.n_features >= NARROW) & (largest <= WIDEST_CURVATURES * smallest)
    exponents = np.where(are_float32, np.frexp(largest)[1], 0).tolist()
    wanted = [
        Sums(block, exponents[block], "float32" if is_float32 else "float64")
        for block, is_float32 in enumerate(are_float32.tolist())
    ]
    found = _sums_over_parts(rows, asked, weighing, factors, wanted)
    again = [Sums(block, 0, "float64") for block, each in enumerate(found) if not np.isfinite(each).all()]
    if again and any(each.dtype == "float32" for each in wanted):
        for each, sums in zip(again, _sums_over_parts(rows, asked, weighing, factors, again), strict=True):
            found[each.block], exponents[each.block] = sums, 0
    return [np.ldexp(each, exponent) for each, exponent in zip(found, exponents, strict=True)]


def _sums_over_parts(
    rows: PartedRows, asked: Asked, weighing: Weighing, factors: Array, wanted: list[Sums]
) -> list[Array]:
    answers: list[list[OfParts]] = rows.ask(PRODUCTS, asked, weighing, factors, wanted)
    n_runs = -(-rows.n_rows // rows_per_run(rows.n_features))
    found = []
    for of_block in zip(*answers, strict=True):
        shapes = {place: nodes.values.shape[1:] for place, nodes in of_block[0].items()}
        parts = {place: total([each[place] for each in of_block], shape, n_runs) for place, shape in shapes.items()}
        found.append(assembled(parts, rows.n_features))
    return found


def _sizes(part: Part, asked: Asked, weighing: Weighing, map_in_order: MapInOrder[Any, Any]) -> list[Any]:
    """Return the smallest size of a part's curvatures that are not 0, and the largest, of each block."""
    of_part = curvatures_of(weighted(part, weighing.exponent), asked, weighing.class_weights, map_in_order)
    return [sizes_of(each) for each in of_part]


def _products(
    part: Part,
    asked: Asked,
    weighing: Weighing,
    factors: Array,
    wanted: list[Sums],
    map_in_order: MapInOrder[Any, Any],
) -> list[OfParts]:
    """Return the nodes of sums of curvature * x x' over a part's rows, for each part of the matrices."""
    known = {each.block: each for each in wanted}
    of_part = curvatures_of(weighted(part, weighing.exponent), asked, weighing.class_weights, map_in_order)
    answers = []
    for block, curvatures in enumerate(of_part):
        if block in known:
            scaled, coordinates = np.ldexp(curvatures, -known[block].exponent), (asked.coordinates.centre, factors)
            trees = trees_of_runs(
                part.rows, scaled, coordinates, np.dtype(known[block].dtype), map_in_order, part.first
            )
            answers.append({place: tree.nodes() for place, tree in trees.items()})
    return answers


def _merge(answers: list[list[OfParts]]) -> list[OfParts]:
    return [
        {place: merge_nodes([each[place] for each in of_block]) for place in of_block[0]}
        for of_block in zip(*answers, strict=True)
    ]


SIZES, PRODUCTS = Question(_sizes), Question(_products, _merge)
