"""The Hessian over rows that lie in parts: each part computes its curvatures, and sums the products of its runs."""

from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.hessian import curvatures_kernel
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.hessian import NARROW, WIDEST_CURVATURES, assembled, sizes_of, trees_of_runs
from fastperceptron.training.newton.sample import panel_of
from fastperceptron.training.parted_rows import PartedRows, Question, merge_nodes, weighted, weights_of_part
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part, rows_per_run
from fastperceptron.training.tile_tree import Nodes, total

AllNodes = dict[tuple[int, int], Nodes]


class Curvatures(NamedTuple):
    """Which curvatures are asked for: those of the loss at a point of the neuron of a class, times the weights."""

    loss: str
    exactness: float
    point: Array  # of padded size
    positive: int
    coordinates: Coordinates
    deviations: Array  # (n_features,) float64
    has_intercept: bool
    class_weights: Array | None
    exponent: int | None  # of the row weights, see parted_rows.weighted


def curvatures_of(part: Part, asked: Curvatures, map_in_order: MapInOrder[Any, Any]) -> Array:
    """Return the curvatures of a part's rows: (n_rows,) float64."""
    curvatures = np.empty(part.rows.n_rows)

    def set_curvatures(places: range) -> None:
        rows, codes = part.rows.labelled(part.codes, places.start, places.stop)
        panel = panel_of(rows, asked.coordinates, asked.deviations, asked.has_intercept)
        own, targets = curvatures[places.start : places.stop], (codes == asked.positive).astype(np.float64)
        curvatures_kernel(asked.loss)(panel, targets, asked.point, asked.exactness, own)
        own *= weights_of_part(part, places, codes, asked.class_weights)

    set_curvatures(range(0))  # compile before threads do
    for _ in map_in_order(set_curvatures, ranges_of(part.rows.n_rows, rows_per_run(part.rows.n_features))):
        pass
    return curvatures


def hessian_of_parts(rows: PartedRows, asked: Curvatures, factors: Array) -> Array:
    """Return what `hessian_of_rows` does, to the same bits."""
    sizes = rows.ask(SIZES, asked)
    smallest, largest = min(size for size, _ in sizes), max(size for _, size in sizes)
    if rows.n_features >= NARROW and largest <= WIDEST_CURVATURES * smallest:
        _, exponent = np.frexp(largest)
        hessian = _sum_over_parts(rows, asked, factors, int(exponent), np.float32)
        if np.isfinite(hessian).all():
            found: Array = np.ldexp(hessian, exponent)
            return found
    return _sum_over_parts(rows, asked, factors, 0, np.float64)


def _sum_over_parts(rows: PartedRows, asked: Curvatures, factors: Array, exponent: int, dtype: type) -> Array:
    answers: list[AllNodes] = rows.ask(PRODUCTS, asked, factors, exponent, dtype)
    n_runs = -(-rows.n_rows // rows_per_run(rows.n_features))
    return assembled(
        {
            place: total((each[place] for each in answers), nodes.values.shape[1:], n_runs)
            for place, nodes in answers[0].items()
        },
        rows.n_features,
    )


def _sizes(part: Part, asked: Curvatures, map_in_order: MapInOrder[Any, Any]) -> tuple[float, float]:
    """Return the smallest size of a part's curvatures that are not 0, and the largest."""
    return sizes_of(curvatures_of(weighted(part, asked.exponent), asked, map_in_order))


def _products(
    part: Part, asked: Curvatures, factors: Array, exponent: int, dtype: type, map_in_order: MapInOrder[Any, Any]
) -> AllNodes:
    """Return the nodes of the sums of curvature * x x' / 2^exponent over a part's rows, for each part of the matrix."""
    curvatures = np.ldexp(curvatures_of(weighted(part, asked.exponent), asked, map_in_order), -exponent)
    coordinates = asked.coordinates.centre, factors
    trees = trees_of_runs(part.rows, curvatures, coordinates, dtype, map_in_order, part.first)
    return {place: tree.nodes() for place, tree in trees.items()}


def _merge(answers: list[AllNodes]) -> AllNodes:
    return {place: merge_nodes([each[place] for each in answers]) for place in answers[0]}


SIZES, PRODUCTS = Question(_sizes), Question(_products, _merge)
