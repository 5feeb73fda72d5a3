"""The rows of an epoch, buffer by buffer, in the order of the steps: standardised, with their weights.

A buffer fits into cache. Rows are not copied if they are used as stored, or if they are raw, shuffled and wide.

A shuffle of more rows than a buffer holds cuts them into blocks of neighbours, and the blocks into strata: runs of as
many blocks as there are buffers. Each buffer gets one block of each stratum, drawn at random without replacement, and
takes its rows in random order. So each row comes once, each buffer is a cross-section of all rows even where those are
sorted by label, and memory is read in pieces of half a kilobyte.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros, read_only
from fastperceptron.kernels.shuffle import rows_of_blocks, shuffle_each
from fastperceptron.kernels.take import take_standardised
from fastperceptron.training.coordinates import Coordinates
from fastperceptron.training.problem import Problem

# 1 MB of float32. Buffers twice as large mixed no better, buffers four times as large took twice the time.
BUFFER_ELEMENTS = 1 << 18
# 512 bytes of float32. All rows of a block stay in one buffer, which is not a full shuffle: with runs of 25 equal rows
# of 20 columns, blocks of 25 rows ended 3.5% above the optimum, of 6 rows 0.6%, of single rows 0.1%; taking a row cost
# 31, 42 and 48 ns. A whole epoch took 50 ns per row in blocks of 6, and 97 in a permutation of all rows.
BLOCK_ELEMENTS, BLOCK_ROWS = 1 << 7, 16
# Raw rows of this many columns or more are not copied, in any order: at 200 columns the copy cost a third of the time,
# at 1000 half; at 20 it saved more than half.
WIDE = 128


@dataclass(frozen=True, eq=False)
class Buffer:
    """Rows, and the order in which to step by them."""

    X: Array  # (n, n_features)
    codes: Array  # (n,): class numbers
    weights: Array | None  # (n,) in the precision of X; their mean over all the problem's rows is 1
    order: Array  # int64: row numbers in X


class Buffers:
    """The buffers of each epoch.

    `mean_weight` is the mean of the rows' weights in the loss. `coordinates` are None for raw rows, and `seed` is None
    for the order in which rows are stored.
    """

    def __init__(
        self, problem: Problem, mean_weight: float, coordinates: Coordinates | None, batch_size: int, seed: int | None
    ) -> None:
        self._problem, self._mean_weight, self._seed = problem, mean_weight, seed
        self._is_weighted = not problem.is_plain
        n_rows, n_features, dtype = problem.rows.n_rows, problem.rows.n_features, problem.rows.dtype
        is_raw = coordinates is None and not self._is_weighted and problem.n_classes == 2
        self._is_direct = is_raw and (seed is None or n_features >= WIDE)
        size = max(1, BUFFER_ELEMENTS // n_features)
        self._size = min(n_rows, size - size % batch_size or size)
        self._block_size = max(1, min(BLOCK_ELEMENTS // n_features, BLOCK_ROWS))
        self._n_buffers = -(-n_rows // self._size)
        self._n_blocks = -(-n_rows // self._block_size)
        self._n_strata = -(-self._n_blocks // self._n_buffers)
        capacity = self._size if seed is None else self._n_strata * self._block_size
        self._coordinates = _in_precision(coordinates, n_features, dtype)
        self._in_order = np.arange(capacity)
        self._X = aligned_zeros((0 if self._is_direct else capacity, n_features), dtype)
        self._codes = np.zeros(len(self._X), problem.codes.dtype)

    @property
    def count(self) -> int:
        """The number of buffers in an epoch."""
        return self._n_buffers

    def epoch(self, number: int) -> Iterator[Buffer]:
        """Yield the `count` buffers; the next one overwrites the memory of the one before."""
        rows, codes = self._problem.rows, self._problem.codes
        for places, slots in self._in_storage_order() if self._seed is None else self._shuffled(number):
            X, local_codes, local = rows.take(places, codes)
            if self._is_direct:
                order = np.empty(places.size, np.int64)
                order[slots] = local
                yield Buffer(X, local_codes, None, read_only(order))
                continue
            take_standardised(X, local_codes, local, slots, self._coordinates, self._X, self._codes)
            taken_codes, taken = self._codes[: places.size], read_only(self._X[: places.size])
            weights = self._weights(places, slots, taken_codes) if self._is_weighted else None
            yield Buffer(taken, read_only(taken_codes), weights, read_only(self._in_order[: places.size]))

    def _in_storage_order(self) -> Iterator[tuple[Array, Array]]:
        n_rows = self._problem.rows.n_rows
        for start in range(0, n_rows, self._size):
            size = min(self._size, n_rows - start)
            yield np.arange(start, start + size), self._in_order[:size]

    def _shuffled(self, epoch: int) -> Iterator[tuple[Array, Array]]:
        """Yield the numbers of a buffer's rows, and the place that each gets in it."""
        seeds = np.random.SeedSequence([self._seed or 0, epoch]).generate_state(1 + self._n_buffers, np.uint64)
        table = np.tile(np.arange(self._n_buffers), (self._n_strata, 1))
        shuffle_each(seeds[0], table)
        table += self._n_buffers * np.arange(self._n_strata)[:, None]
        slots, places = self._in_order.copy(), self._in_order.copy()
        for seed, blocks in zip(seeds[1:], np.ascontiguousarray(table.T), strict=True):
            count = rows_of_blocks(blocks, self._block_size, self._problem.rows.n_rows, places)
            slots[:count] = self._in_order[:count]
            shuffle_each(seed, slots[None, :count])
            yield places[:count], slots[:count]

    def _weights(self, places: Array, slots: Array, codes: Array) -> Array:
        """Return the rows' weights in the loss, divided by their mean."""
        problem, weights = self._problem, np.ones(places.size)
        if problem.row_weights is not None:
            weights[slots] = problem.row_weights[places]
        if problem.class_weights is not None:
            weights *= problem.class_weights[codes]
        weights /= self._mean_weight
        return read_only(weights.astype(problem.rows.dtype))


def _in_precision(coordinates: Coordinates | None, n_features: int, dtype: np.dtype) -> tuple[Array, Array]:
    """Return centre and factors of the columns as `take_standardised` wants them."""
    if coordinates is None:
        return np.zeros(n_features, dtype), np.ones(n_features, dtype)
    factors = np.minimum(1.0 / coordinates.scale[:n_features], np.finfo(dtype).max)
    return coordinates.centre[:n_features].astype(dtype), factors.astype(dtype)
