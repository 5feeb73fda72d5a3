"""A part of a data set. The row's number decides whether it is in the part, so both parts are the same at each read."""

from collections.abc import Iterator

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.dataset import Block, Dataset
from fastperceptron.data.spool import View

# splitmix64 (Steele, Lea and Flood 2014): the increment of its counter and the factors of its hash.
COUNTER_STEP, FIRST_FACTOR, SECOND_FACTOR = map(np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Part(View):
    """The rows that are held out, or all others: a hash of a row's number decides.

    The expected share of the rows that are held out is `share`, from 0 to 1.
    """

    def __init__(self, data: Dataset, share: float, *, is_held_out: bool) -> None:
        super().__init__(data)
        self._share, self._is_held_out = share, is_held_out

    def blocks(self) -> Iterator[Block]:
        """Yield the part's rows once, in order."""
        first = n_rows = 0
        for block in self._data.blocks():
            chosen = _is_held_out(first, len(block.X), self._share) == self._is_held_out
            first += len(block.X)
            n_rows += int(chosen.sum())
            if chosen.any():
                y = None if block.y is None else np.asarray(block.y)[chosen]
                yield Block(block.X[chosen], y, None if block.weights is None else block.weights[chosen])
        self.n_rows = n_rows


def _is_held_out(first: int, n_rows: int, share: float) -> Array:
    """Return whether each of the rows first to first + n_rows - 1 is held out: (n_rows,) bool."""
    return (row_hashes(first, n_rows) >> np.uint64(11)).astype(np.float64) < share * 2.0**53


def row_hashes(first: int, n_rows: int) -> Array:
    """Return a number that looks random for each of the rows first to first + n_rows - 1: (n_rows,) uint64."""
    with np.errstate(over="ignore"):
        words = (np.arange(first + 1, first + n_rows + 1, dtype=np.uint64)) * COUNTER_STEP
        words = (words ^ (words >> np.uint64(30))) * FIRST_FACTOR
        words = (words ^ (words >> np.uint64(27))) * SECOND_FACTOR
    return words ^ (words >> np.uint64(31))
