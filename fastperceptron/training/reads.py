"""A read: the sums of loss and gradient over all rows, by any number of threads.

Tiles begin at fixed row numbers. Tasks are runs of tiles, and the tiles' sums are added in the rows' order.
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, aligned_zeros, read_only
from fastperceptron.kernels.linear_algebra import add_in_order
from fastperceptron.kernels.objective import (
    NARROW,
    moments_shape,
    objective_kernel,
    rows_per_tile,
    scratch_shape,
    sums_shape,
)
from fastperceptron.training.checkpoint import TILES_AT_A_TIME, Checkpoint, digest, hash_tiles
from fastperceptron.training.observer import NOBODY, Observer
from fastperceptron.training.problem import Problem
from fastperceptron.training.threads import MapInOrder, ranges_of

# Tiles of a task; a tile has 65,536 elements, 20 us of work, and a task costs 20 us itself.
TILES_PER_TASK, FEWEST_TILES_PER_TASK = 16, 4
# Tasks per read at least, where there are enough tiles, so that threads end at about the same time.
TASKS_PER_READ = 8
# Reads below this many float32 values (rows x neurons x (columns + 12); half as many of float64) run on one thread:
# waking others costs as much as it saves (1 ms).
SINGLE_THREAD_VALUES, VALUES_PER_ROW = 1 << 22, 12
NO_WEIGHTS = read_only(np.empty(0))


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
        self._observer = observer
        self._rows, self._codes, self._centre, self._map = problem.rows, problem.codes, centre, map_in_order
        self._row_weights = NO_WEIGHTS if problem.row_weights is None else problem.row_weights
        self._class_weights = NO_WEIGHTS if problem.class_weights is None else read_only(problem.class_weights)
        self.exactness, self.loss = exactness, loss
        self._kernel = objective_kernel(loss, problem.rows.n_features < NARROW)

    def __call__(self, weights: Array, positives: Array, has_moments: bool) -> tuple[Array, Array]:
        """Return the neurons' sums and, if asked for, the moments; kernels/objective.py says which stands where.

        `weights`, of shape (n_neurons, padded size), are for rows less the centre; their dtype is the precision of the
        arithmetic. `positives`, of shape (n_neurons,), is the class of each neuron.
        """
        shape = len(positives), self._rows.n_features
        tile_size, precision = rows_per_tile(self._rows.n_features), weights.dtype
        centre = np.ascontiguousarray(self._centre, precision)

        def add_up(places: range) -> tuple[Array, Array, Array]:
            n_tiles = -(-len(places) // tile_size)
            hashes = np.zeros(n_tiles if is_hashing else 0, np.uint64)
            sums = np.zeros(sums_shape(n_tiles, *shape))
            moments = np.zeros(moments_shape(n_tiles if has_moments else 0, *shape))
            scratch = aligned_zeros(scratch_shape(*shape), precision)
            # Rows of another dtype or layout are converted tile by tile, in cache; tiles are hashed there, too.
            whole = TILES_AT_A_TIME * tile_size if is_hashing else max(len(places), 1)
            step = whole if self._rows.is_in_place else tile_size
            for start in range(places.start, places.stop, step):
                part = slice(start, min(start + step, places.stop))
                X, codes = self._rows.labelled(self._codes, part.start, part.stop)
                labels = codes, read_only(self._row_weights[part]), self._class_weights
                tiles = slice((start - places.start) // tile_size, None)
                if is_hashing:
                    hash_tiles(X, hashes[tiles])
                self._kernel(
                    X, labels, (weights, positives), centre, sums[tiles], moments[tiles], scratch, self.exactness
                )
            return sums, moments, hashes

        total, moments = (part[0] for part in (np.zeros(sums_shape(1, *shape)), np.zeros(moments_shape(1, *shape))))
        checkpoint, key, first, is_hashing = self._observer.checkpoint, "", 0, False
        if checkpoint is not None:
            key = digest(self.loss, self.exactness, weights, positives, centre, has_moments)
            first = recalled(checkpoint, key, total, moments)
            is_hashing = checkpoint.begins_hashing(first)
        n_rows = self._rows.n_rows
        n_values = n_rows * shape[0] * (shape[1] + VALUES_PER_ROW)
        is_single_thread = (
            isinstance(self._rows, ArrayRows) and n_values * precision.itemsize < 4 * SINGLE_THREAD_VALUES
        )
        n_tiles = -(-n_rows // tile_size)
        size = tile_size * (n_tiles if is_single_thread else tiles_per_task(n_tiles))
        self._observer.rows_read(first)
        if not is_single_thread:
            add_up(range(0))  # compile before threads do
        stop, tasks = first, ranges_of(n_rows, size, first)
        for tile_sums, tile_moments, hashes in (map if is_single_thread else self._map)(add_up, tasks):
            add_in_order(tile_sums, total)
            add_in_order(tile_moments, moments)
            before, stop = stop, min(stop + size, n_rows)
            self._observer.rows_read(stop - before)
            if checkpoint is not None:
                if is_hashing:
                    checkpoint.add_hashes(hashes, stop)
                answer = {"total": total, "moments": moments, "rows": np.array([stop])}
                checkpoint.note(key, answer, is_complete=stop == n_rows)
        return total, moments


def tiles_per_task(n_tiles: int) -> int:
    """Return how many tiles make a task; the result of a read does not depend on it."""
    return min(TILES_PER_TASK, max(FEWEST_TILES_PER_TASK, -(-n_tiles // TASKS_PER_READ)))


def recalled(checkpoint: Checkpoint, key: str, total: Array, moments: Array) -> int:
    """Write the sums that a checkpoint has to total and moments; return the number of the first row not in them."""
    answer = checkpoint.recall(key, {"total": total, "moments": moments, "rows": np.zeros(1, np.int64)})
    if answer is None:
        return 0
    total[:], moments[:] = answer["total"], answer["moments"]
    return int(answer["rows"][0])
