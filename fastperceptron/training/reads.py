"""A read: the sums of loss and gradient over all rows, by any number of threads.

Tasks are runs of tiles, whose sums are added in the rows' order, by one tree (tile_tree.py). tile_sums.py has what is
asked of the rows; those on other machines are asked for the same (cluster/).
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.kernels.objective import rows_per_tile
from fastperceptron.training.checkpoint import Checkpoint
from fastperceptron.training.observer import NOBODY, Observer
from fastperceptron.training.parted_rows import PartedRows, Question, exponent_of, merge_nodes, weighted
from fastperceptron.training.problem import Problem
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part, Request, answer, shapes, tasks_of, tile_sums
from fastperceptron.training.tile_tree import Nodes, TileTree

# Reads below this many float32 values (rows x neurons x (columns + 12); half as many of float64) run on one thread:
# waking others costs as much as it saves (1 ms).
SINGLE_THREAD_VALUES, VALUES_PER_ROW = 1 << 22, 12


def _answer(
    part: Part, request: Request, exponent: int | None, map_in_order: MapInOrder[Any, Any]
) -> tuple[Nodes, Nodes]:
    """Return a part's nodes of the sums and the moments; `exponent` is that of the row weights, see `weighted`."""
    return answer(weighted(part, exponent), request, map_in_order)


def _merge(answers: list[tuple[Nodes, Nodes]]) -> tuple[Nodes, Nodes]:
    sums, moments = zip(*answers, strict=True)
    return merge_nodes(sums), merge_nodes(moments)


SUMS = Question(_answer, _merge)


class SumsOverRows:
    """The sums of loss and gradient over all rows of a problem.

    `centre`, float64 of padded size, is subtracted from all rows; it is exact in the rows' precision. `exactness` is
    that of the curvature in the Hessian diagonals (see kernels/losses.py). `map_in_order` is as `open_pool` gives it.
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
        self._observer, self._map = observer, map_in_order
        self._part = Part(problem.rows, problem.codes, problem.row_weights)
        self._class_weights, self._centre, self._is_softmax = problem.class_weights, centre, problem.is_softmax
        self.exactness, self.loss = exactness, loss

    def __call__(self, weights: Array, positives: Array, has_moments: bool) -> tuple[Array, Array]:
        """Return the neurons' sums and, if asked for, the moments; kernels/objective.py says which stands where.

        `weights`, of shape (n_neurons, padded size), are for rows less the centre; their dtype is the precision of the
        arithmetic. `positives`, of shape (n_neurons,), is the class of each neuron.
        """
        request = Request(
            self.loss,
            self.exactness,
            weights,
            positives,
            self._centre,
            has_moments,
            self._class_weights,
            self._is_softmax,
        )
        rows, checkpoint = self._part.rows, self._observer.checkpoint
        n_rows, tile_size = rows.n_rows, rows_per_tile(rows.n_features)
        n_tiles = -(-n_rows // tile_size)
        sums, moments = (
            TileTree(shape, n)
            for shape, n in zip(shapes(len(positives), rows.n_features), (n_tiles, n_tiles * has_moments), strict=True)
        )
        key, first, is_hashing = "", 0, False
        if checkpoint is not None:
            key = request.key()
            first = _recalled(checkpoint, key, sums, moments, tile_size)
            is_hashing = checkpoint.begins_hashing(first)
        n_values = n_rows * len(positives) * (rows.n_features + VALUES_PER_ROW)
        is_short = isinstance(rows, ArrayRows) and n_values * weights.itemsize < 4 * SINGLE_THREAD_VALUES
        tasks = ranges_of(n_rows, max(n_rows, 1), first) if is_short else tasks_of(n_rows, rows.n_features, first)
        self._observer.rows_read(first)
        if isinstance(rows, PartedRows) and first < n_rows:
            return self._ask_parts(rows, request, key, is_hashing, (sums, moments))
        add_up, stop = tile_sums(self._part, request, is_hashing), first
        if not is_short:
            add_up(range(0))  # compile before threads do
        for found in (map if is_short else self._map)(add_up, tasks):
            sums.push(found.sums)
            if has_moments:
                moments.push(found.moments)
            before, stop = stop, min(sums.stop * tile_size, n_rows)
            self._observer.rows_read(stop - before)
            if checkpoint is not None:
                if is_hashing:
                    checkpoint.add_hashes(found.hashes, stop)
                checkpoint.note(key, _as_answer(sums, moments, stop), is_complete=stop == n_rows)
        return sums.total(), moments.total()

    def _ask_parts(
        self, rows: PartedRows, request: Request, key: str, is_hashing: bool, trees: tuple[TileTree, TileTree]
    ) -> tuple[Array, Array]:
        """Return the sums that the parts answer, and note them."""
        exponent, checkpoint = exponent_of(self._part.row_weights), self._observer.checkpoint
        answers = rows.ask(SUMS, request, exponent, tell=self._observer.rows_read)
        for tree, nodes in zip(trees, zip(*answers, strict=True), strict=True):
            tree.take(nodes)
        if checkpoint is not None:
            if is_hashing:
                checkpoint.hash_rest()
            checkpoint.note(key, _as_answer(*trees, rows.n_rows), is_complete=True)
        return trees[0].total(), trees[1].total()


def _as_answer(sums: TileTree, moments: TileTree, n_rows: int) -> dict[str, Array]:
    """Return what a checkpoint keeps of a read of the first n_rows rows."""
    return {"sums": sums.kept, "moments": moments.kept, "rows": np.array([n_rows])}


def _recalled(checkpoint: Checkpoint, key: str, sums: TileTree, moments: TileTree, tile_size: int) -> int:
    """Take the sums that a checkpoint has; return the number of the first row not in them."""
    answer = checkpoint.recall(key, _as_answer(sums, moments, 0))
    if answer is None:
        return 0
    n_rows = int(answer["rows"][0])
    n_tiles = -(-n_rows // tile_size)
    sums.restore(answer["sums"], n_tiles)
    moments.restore(answer["moments"], n_tiles)
    return n_rows
