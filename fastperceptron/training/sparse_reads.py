"""A read of sparse rows, which visits stored values only, by any number of threads.

As in reads.py, tiles begin at fixed row numbers and their sums are added in the rows' order; a tile is a task.
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.objective import moments_shape, sums_shape
from fastperceptron.kernels.sparse_objective import (
    add_centred,
    add_column_sums,
    group_rows,
    scratch_shapes,
    separate_neurons,
    sparse_kernel,
    squares_shape,
    totals_shape,
)
from fastperceptron.kernels.sparse_products import padded_neurons
from fastperceptron.kernels.sparse_softmax import softmax_layer
from fastperceptron.training.checkpoint import Checkpoint, digest
from fastperceptron.training.observer import NOBODY, Observer
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import MapInOrder, ranges_of

NO_WEIGHTS = read_only(np.empty(0))

Tile = tuple[Array, Array, Array]
"""A tile's table, totals and squares; see kernels/sparse_objective.py."""


class SumsOverSparseRows:
    """The sums of loss and gradient over all rows of a problem; to be called as SumsOverRows is.

    The arithmetic is float64.
    """

    def __init__(
        self,
        problem: Problem,
        loss: str,
        centre: Array,
        exactness: float,
        map_in_order: MapInOrder[Any, Any],
        observer: Observer = NOBODY,
    ) -> None:
        self._observer, self.exactness, self.loss = observer, exactness, loss
        self._rows: Any = problem.rows
        self._codes, self._centre, self._map = problem.codes, centre, map_in_order
        self._row_weights = NO_WEIGHTS if problem.row_weights is None else problem.row_weights
        self._class_weights = NO_WEIGHTS if problem.class_weights is None else read_only(problem.class_weights)
        self._spare: list[Array] = []
        self._kernel = sparse_kernel(loss, softmax_layer if problem.is_softmax else separate_neurons)

    def __call__(self, weights: Array, positives: Array, has_moments: bool) -> tuple[Array, Array]:
        """Return the neurons' sums and, if asked for, the moments; kernels/objective.py says which stands where."""
        rows, shape, centre = self._rows, (len(positives), self._rows.n_features), self._centre
        n, n_padded = shape[1], padded_neurons(shape[0])
        neurons = *self._by_column(weights, n_padded), positives
        group = group_rows(rows.n_rows, rows.values.size)

        def add_up(places: range) -> Tile:
            part = slice(places.start, places.stop)
            labels = read_only(self._codes[part]), read_only(self._row_weights[part]), self._class_weights
            table, totals = self._table((n, n_padded)), np.zeros(totals_shape(n_padded))
            squares = np.zeros(squares_shape(n if has_moments else 0, n_padded))
            place, scratch = (
                (places.start, places.stop, group, rows.are_ones),
                tuple(map(np.zeros, scratch_shapes(n_padded))),
            )
            self._kernel(rows.stored, place, labels, neurons, centre, (table, totals, squares), scratch, self.exactness)
            return table, totals, squares

        total, moments = (part[0] for part in (np.zeros(sums_shape(1, *shape)), np.zeros(moments_shape(1, *shape))))
        checkpoint, key, first, is_hashing = self._observer.checkpoint, "", 0, False
        if checkpoint is not None:
            key = digest(self.loss, self.exactness, weights, positives, centre, has_moments)
            first = _recalled(checkpoint, key, total, moments)
            is_hashing = checkpoint.begins_hashing(first)
        self._observer.rows_read(first)
        add_up(range(0))  # compile before threads do
        stop = first
        for tile in self._map(add_up, ranges_of(rows.n_rows, rows.tile_rows, first)):
            add_centred(tile, centre, n, total, moments)
            self._spare.append(tile[0])
            start, stop = stop, min(stop + rows.tile_rows, rows.n_rows)
            self._observer.rows_read(stop - start)
            if checkpoint is not None:
                if is_hashing:
                    checkpoint.add_hashes(rows.hashes(start, stop), stop)
                answer = {"total": total, "moments": moments, "rows": np.array([stop])}
                checkpoint.note(key, answer, is_complete=stop == rows.n_rows)
        return total, moments

    def _table(self, shape: tuple[int, int]) -> Array:
        """Return a table of zeros: that of an earlier tile, since new memory took 9 of 77 ms for a million columns."""
        try:
            table = self._spare.pop()
        except IndexError:
            return np.zeros(shape)
        if table.shape != shape:
            return np.zeros(shape)
        table.fill(0)
        return table

    def _by_column(self, weights: Array, n_padded: int) -> tuple[Array, Array]:
        """Return weights and biases for rows that are not centred, as kernels take them."""
        n, biases, weights = self._rows.n_features, np.zeros(n_padded), np.asarray(weights, np.float64)
        if n_padded > 1:
            by_column = np.zeros((n, n_padded))
            by_column[:, : len(weights)] = weights[:, :n].T
        else:
            by_column = weights[0, :n, None]  # a copy of a million took 5 of 80 ms
        for neuron, its_weights in enumerate(weights):
            biases[neuron] = its_weights[n] - inner_product(its_weights, self._centre)
        return by_column, biases


def _recalled(checkpoint: Checkpoint, key: str, total: Array, moments: Array) -> int:
    """Write the sums that a checkpoint has to total and moments; return the number of the first row not in them."""
    answer = checkpoint.recall(key, {"total": total, "moments": moments, "rows": np.zeros(1, np.int64)})
    if answer is None:
        return 0
    total[:], moments[:] = answer["total"], answer["moments"]
    return int(answer["rows"][0])


def column_sums(problem: Problem, map_in_order: MapInOrder[Any, Any]) -> tuple[Array, Array]:
    """Return the columns' sums and sums of squares, by the rows' own weights; of sparse rows."""
    rows: Any = problem.rows

    def add_up(places: range) -> Array:
        sums = np.zeros((rows.n_features, 2))
        weights = NO_WEIGHTS if problem.row_weights is None else problem.row_weights[places.start : places.stop]
        add_column_sums(rows.stored, (places.start, places.stop), read_only(weights), sums)
        return sums

    total = add_up(range(0))  # compile before threads do
    for part in map_in_order(add_up, ranges_of(rows.n_rows, rows.tile_rows)):
        total += part
    return total[:, 0].copy(), total[:, 1].copy()


def sums_over_rows(
    problem: Problem,
    loss: str,
    centre: Array,
    exactness: float,
    map_in_order: MapInOrder[Any, Any],
    observer: Observer = NOBODY,
) -> SumsOverRows | SumsOverSparseRows:
    """Return what reads the rows of a problem, of whatever kind they are; see SumsOverRows."""
    kind = SumsOverSparseRows if isinstance(problem.rows, SparseRows) else SumsOverRows
    return kind(problem, loss, centre, exactness, map_in_order, observer)
