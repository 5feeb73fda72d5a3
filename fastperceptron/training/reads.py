"""Exact sums over all rows, on any number of threads: tiles are shared out to a pool, and added in the rows' order."""

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
from fastperceptron.training.checkpoint import Checkpoint, digest
from fastperceptron.training.observer import NOBODY, Observer
from fastperceptron.training.problem import Problem
from fastperceptron.training.threads import MapInOrder

# Tiles of one task: of 65,536 elements, 20 us of work, each. A task costs some 20 us itself.
TILES_PER_TASK, FEWEST_TILES_PER_TASK = 16, 4
# A read of fewer float32 values, or half as many of float64, where a row counts as 12 more, and a neuron as a read, is
# done alone, in 1 ms: where cores are halted, starting and waking a thread takes as long as it saves.
LITTLE_WORK, WORK_PER_ROW = 1 << 22, 12
# Tasks of a read at least, where there are enough tiles: threads end at about the same time.
TASKS_PER_READ = 8
_NONE = read_only(np.empty(0))


class SumsOverRows:
    """The sums of loss and gradient of some neurons over all rows of a problem.

    Parameters
    ----------
    problem : Problem
    loss : str
    centre : ndarray of padded size, float64
        What is taken off all rows; exact in the rows' precision.
    exactness : float
        Of the curvature in the Hessian diagonals.
    map_in_order : callable
        As `pool_of` gives it.
    observer : Observer
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
        self._row_weights = _NONE if problem.row_weights is None else read_only(problem.row_weights)
        self._class_weights = _NONE if problem.class_weights is None else read_only(problem.class_weights)
        self.exactness, self.loss = exactness, loss
        self._kernel = objective_kernel(loss, problem.rows.n_features < NARROW)

    def __call__(self, weights: Array, positives: Array, has_moments: bool) -> tuple[Array, Array]:
        """Return the neurons' sums and, if asked for, the moments; see kernels/objective.py for their places.

        Parameters
        ----------
        weights : ndarray of shape (n_neurons, padded size)
            Of the rows less the centre. Their dtype is the precision of the arithmetic.
        positives : ndarray of shape (n_neurons,)
            The class each neuron stands for.
        has_moments : bool
        """
        shape = len(positives), self._rows.n_features
        tile_size, precision = rows_per_tile(self._rows.n_features), weights.dtype
        centre = np.ascontiguousarray(self._centre, precision)

        def add_up(places: range) -> tuple[Array, Array]:
            n_tiles = -(-len(places) // tile_size)
            sums = np.zeros(sums_shape(n_tiles, *shape))
            moments = np.zeros(moments_shape(n_tiles if has_moments else 0, *shape))
            scratch = aligned_zeros(scratch_shape(*shape), precision)
            # What must be converted is converted tile by tile, in cache.
            step = max(len(places), 1) if self._rows.is_in_place else tile_size
            for number, start in enumerate(range(places.start, places.stop, step)):
                part = slice(start, min(start + step, places.stop))
                X, codes = self._rows.labelled(self._codes, part.start, part.stop)
                labels = codes, self._row_weights[part], self._class_weights
                tiles = slice(number, None)
                self._kernel(
                    X, labels, (weights, positives), centre, sums[tiles], moments[tiles], scratch, self.exactness
                )
            return sums, moments

        total, moments = (part[0] for part in (np.zeros(sums_shape(1, *shape)), np.zeros(moments_shape(1, *shape))))
        checkpoint, key, first = self._observer.checkpoint, "", 0
        if checkpoint is not None:
            key = digest(self.loss, self.exactness, weights, positives, centre, has_moments)
            first = _recalled(checkpoint, key, total, moments)
        n_rows = self._rows.n_rows
        n_values = n_rows * shape[0] * (shape[1] + WORK_PER_ROW)
        is_little = isinstance(self._rows, ArrayRows) and n_values * precision.itemsize < 4 * LITTLE_WORK
        n_tiles = -(-n_rows // tile_size)
        size = tile_size * (n_tiles if is_little else tiles_per_task(n_tiles))
        self._observer.rows_read(first)
        if not is_little:
            add_up(range(0))  # compiles before threads meet
        tasks = (range(start, min(start + size, n_rows)) for start in range(first, n_rows, size))
        stop = first
        for tile_sums, tile_moments in (map if is_little else self._map)(add_up, tasks):
            add_in_order(tile_sums, total)
            add_in_order(tile_moments, moments)
            before, stop = stop, min(stop + size, n_rows)
            self._observer.rows_read(stop - before)
            if checkpoint is not None:
                answer = {"total": total, "moments": moments, "rows": np.array([stop])}
                checkpoint.note(key, answer, is_complete=stop == n_rows)
        return total, moments


def tiles_per_task(n_tiles: int) -> int:
    """Return how many tiles make a task. What is computed does not depend on it."""
    return min(TILES_PER_TASK, max(FEWEST_TILES_PER_TASK, -(-n_tiles // TASKS_PER_READ)))


def _recalled(checkpoint: Checkpoint, key: str, total: Array, moments: Array) -> int:
    """Take over the sums that a checkpoint has; return the number of the first row that is not in them."""
    answer = checkpoint.recall(key)
    if answer is None:
        return 0
    total[:], moments[:] = answer["total"], answer["moments"]
    return int(answer["rows"][0])
