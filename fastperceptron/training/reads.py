"""A read: the sums of loss and gradient over all rows, by any number of threads.

Tasks are runs of tiles, whose sums are added in the rows' order, by one tree (tile_tree.py). tile_sums.py has what is
asked of the rows, and the sums of dense ones, sparse_reads.py those of sparse ones; rows on other machines are asked
for the same (cluster/).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.checkpoint import Checkpoint
from fastperceptron.training.observer import NOBODY, Observer
from fastperceptron.training.parted_rows import PartedRows, Question, exponent_of, merge_nodes, weighted
from fastperceptron.training.problem import Problem
from fastperceptron.training.sparse_reads import sparse_tile_sums
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part, Request, TileSums, shapes, tile_sums
from fastperceptron.training.tile_tree import Nodes, TileTree

# Tiles of a task; a tile has 65,536 elements, 20 us of work, and a task costs 20 us itself. One of sparse rows is more.
TILES_PER_TASK, FEWEST_TILES_PER_TASK = 16, 4
# Tasks per read at least, where there are enough tiles, so that threads end at about the same time.
TASKS_PER_READ = 8
# Reads below this many float32 values (rows x neurons x (columns + 12); half as many of float64) run on one thread:
# waking others costs as much as it saves (1 ms).
SINGLE_THREAD_VALUES, VALUES_PER_ROW = 1 << 22, 12

Trees = tuple[TileTree, TileTree]
"""Those of the sums and of the moments; the second one has no tiles where moments are not asked for."""


def trees_of(part: Part, request: Request) -> Trees:
    """Return the trees for all tiles of a part, without any yet."""
    rows = part.rows
    first = part.first // rows.tile_rows
    stop = first - (-rows.n_rows // rows.tile_rows)
    of_sums, of_moments = shapes(len(request.positives), rows.n_features)
    return TileTree(of_sums, stop, first), TileTree(of_moments, stop if request.has_moments else first, first)


def add_tiles(
    part: Part,
    request: Request,
    trees: Trees,
    map_in_order: MapInOrder[Any, Any],
    first: int = 0,
    is_hashing: bool = False,
) -> Iterator[tuple[int, TileSums]]:
    """Add the tiles of a part, from its row `first` on, to trees; yield the row after each task, and its sums."""
    rows = part.rows
    n_values = rows.n_rows * len(request.positives) * (rows.n_features + VALUES_PER_ROW)
    is_short = isinstance(rows, ArrayRows) and n_values * request.weights.itemsize < 4 * SINGLE_THREAD_VALUES
    n_tiles = 1 if rows.is_sparse else tiles_per_task(-(-rows.n_rows // rows.tile_rows))
    size = max(rows.n_rows, 1) if is_short else rows.tile_rows * n_tiles
    add_up = (sparse_tile_sums if rows.is_sparse else tile_sums)(part, request, is_hashing)
    if not is_short:
        add_up(range(0))  # compile before threads do
    for found in (map if is_short else map_in_order)(add_up, ranges_of(rows.n_rows, size, first)):
        for tree, tiles in zip(trees, found, strict=False):
            tree.push(tiles)
        first = min(first + size, rows.n_rows)
        yield first, found


def tiles_per_task(n_tiles: int) -> int:
    """Return how many tiles of dense rows make a task; the result of a read does not depend on it."""
    return min(TILES_PER_TASK, max(FEWEST_TILES_PER_TASK, -(-n_tiles // TASKS_PER_READ)))


def answer(part: Part, request: Request, map_in_order: MapInOrder[Any, Any]) -> tuple[Nodes, Nodes]:
    """Return the nodes of the sums and of the moments of a part's tiles."""
    trees = trees_of(part, request)
    for _ in add_tiles(part, request, trees, map_in_order):
        pass
    return trees[0].nodes(), trees[1].nodes()


def _answer(
    part: Part, request: Request, exponent: int | None, map_in_order: MapInOrder[Any, Any]
) -> tuple[Nodes, Nodes]:
    """Return the answer of a part; `exponent` is that of the row weights, see `weighted`."""
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
        part, checkpoint = self._part, self._observer.checkpoint
        trees, n_rows, key, first, is_hashing = trees_of(part, request), part.rows.n_rows, "", 0, False
        if checkpoint is not None:
            key = request.key()
            first = _recalled(checkpoint, key, trees, part.rows.tile_rows)
            is_hashing = checkpoint.begins_hashing(part.rows, first)
        self._observer.rows_read(first)
        if first == n_rows:
            return trees[0].total(), trees[1].total()
        if isinstance(part.rows, PartedRows):
            return self._ask_parts(part.rows, request, key, is_hashing, trees)
        for stop, found in add_tiles(part, request, trees, self._map, first, is_hashing):
            self._observer.rows_read(stop - first)
            first = stop
            if checkpoint is not None:
                if is_hashing:
                    checkpoint.add_hashes(found.hashes, stop)
                checkpoint.note(key, _as_answer(trees, stop), is_complete=stop == n_rows)
        return trees[0].total(), trees[1].total()

    def _ask_parts(
        self, rows: PartedRows, request: Request, key: str, is_hashing: bool, trees: Trees
    ) -> tuple[Array, Array]:
        """Return the sums that the parts answer, and note them."""
        exponent, checkpoint = exponent_of(self._part.row_weights), self._observer.checkpoint
        answers = rows.ask(SUMS, request, exponent, tell=self._observer.rows_read)
        for tree, nodes in zip(trees, zip(*answers, strict=True), strict=True):
            tree.take(nodes)
        if checkpoint is not None:
            if is_hashing:
                checkpoint.hash_rest()
            checkpoint.note(key, _as_answer(trees, rows.n_rows), is_complete=True)
        return trees[0].total(), trees[1].total()


def _as_answer(trees: Trees, n_rows: int) -> dict[str, Array]:
    """Return what a checkpoint keeps of a read of the first n_rows rows."""
    return {"sums": trees[0].kept, "moments": trees[1].kept, "rows": np.array([n_rows])}


def _recalled(checkpoint: Checkpoint, key: str, trees: Trees, tile_rows: int) -> int:
    """Take the sums that a checkpoint has; return the number of the first row not in them."""
    answer = checkpoint.recall(key, _as_answer(trees, 0))
    if answer is None:
        return 0
    n_rows = int(answer["rows"][0])
    for tree, name in zip(trees, ("sums", "moments"), strict=True):
        tree.restore(answer[name], -(-n_rows // tile_rows))
    return n_rows
