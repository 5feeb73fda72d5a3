"""What a read sums of sparse rows, of which it visits stored values only: as tile_sums.py has it of dense ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.objective import moments_shape, sums_shape
from fastperceptron.kernels.sparse_objective import (
    add_column_sums,
    group_rows,
    scratch_shapes,
    separate_neurons,
    set_centred,
    sparse_kernel,
    squares_shape,
    totals_shape,
)
from fastperceptron.kernels.sparse_products import padded_neurons
from fastperceptron.kernels.sparse_softmax import softmax_layer
from fastperceptron.training.parted_rows import Question, ask_rows, exponent_of, merge_nodes, weighted
from fastperceptron.training.problem import Problem
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import NONE, Part, Request, TileSums
from fastperceptron.training.tile_tree import Nodes, TileTree, total


def sparse_tile_sums(part: Part, request: Request, is_hashing: bool = False) -> Callable[[range], TileSums]:
    """Return the function that adds up a tile, given the range of its rows, numbered from the part's first on.

    The arithmetic is float64.
    """
    rows, shape = part.rows, (len(request.positives), part.rows.n_features)
    n, n_padded = shape[1], padded_neurons(shape[0])
    neurons, centre = (*_by_column(request, n, n_padded), read_only(request.positives)), read_only(request.centre)
    row_weights = NONE if part.row_weights is None else part.row_weights
    class_weights = NONE if request.class_weights is None else read_only(request.class_weights)
    kernel = sparse_kernel(request.loss, softmax_layer if request.is_softmax else separate_neurons)
    group = group_rows(rows.n_rows, rows.values.size)

    def add_up(places: range) -> TileSums:
        own = slice(places.start, places.stop)
        labels = read_only(part.codes[own]), read_only(row_weights[own]), class_weights
        width = n if places else 0  # a call that only compiles touches no memory
        sums, moments = np.zeros(sums_shape(1, *shape)), np.zeros(moments_shape(int(request.has_moments), *shape))
        # Of one neuron, the table is where its sums will be: to touch fresh memory costs as much as to add it up.
        table = sums[0, 0, :width].reshape(width, 1) if n_padded == 1 else np.zeros((width, n_padded))
        totals = np.zeros(totals_shape(n_padded))
        squares = np.zeros(squares_shape(width * request.has_moments, n_padded))
        place = places.start, places.stop, group, rows.are_ones
        scratch = tuple(map(np.zeros, scratch_shapes(n_padded)))
        kernel(rows.stored, place, labels, neurons, centre, (table, totals, squares), scratch, request.exactness)
        set_centred((table, totals, squares), centre, sums[0], moments)
        return TileSums(sums, moments, rows.hashes(places.start, places.stop) if is_hashing else np.empty(0, np.uint64))

    return add_up


def _by_column(request: Request, n: int, n_padded: int) -> tuple[Array, Array]:
    """Return weights and biases for rows that are not centred, as kernels take them."""
    weights, biases = request.weights.astype(np.float64, copy=False), np.zeros(n_padded)
    by_column = weights[0, :n].reshape(n, 1) if n_padded == 1 else np.zeros((n, n_padded))
    if n_padded > 1:
        by_column[:, : len(weights)] = weights[:, :n].T
    for neuron, its_weights in enumerate(weights):
        biases[neuron] = its_weights[n] - inner_product(its_weights, request.centre)
    return read_only(by_column), biases


def _column_sums(part: Part, exponent: int | None, map_in_order: MapInOrder[Any, Any]) -> Nodes:
    """Return the nodes of the sums of a part's columns and of their squares, by the rows' own weights."""
    rows, row_weights = part.rows, weighted(part, exponent).row_weights

    def add_up(places: range) -> Array:
        sums = np.zeros((1, rows.n_features, 2))
        weights = NONE if row_weights is None else row_weights[places.start : places.stop]
        add_column_sums(rows.stored, (places.start, places.stop), read_only(weights), sums[0])
        return sums

    first = part.first // rows.tile_rows
    tree = TileTree((rows.n_features, 2), first - (-rows.n_rows // rows.tile_rows), first)
    add_up(range(0))  # compile before threads do
    for sums in map_in_order(add_up, ranges_of(rows.n_rows, rows.tile_rows)):
        tree.push(sums)
    return tree.nodes()


COLUMN_SUMS = Question(_column_sums, merge_nodes)


def column_sums(problem: Problem, map_in_order: MapInOrder[Any, Any]) -> tuple[Array, Array]:
    """Return the columns' sums and sums of squares, by the rows' own weights; of sparse rows."""
    rows, exponent = problem.rows, exponent_of(problem.row_weights)
    nodes = ask_rows(problem, COLUMN_SUMS, exponent, map_in_order=map_in_order)
    sums, squares = total(nodes, (rows.n_features, 2), -(-rows.n_rows // rows.tile_rows)).T.copy()
    return sums, squares
