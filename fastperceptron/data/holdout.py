"""A part of a data set: which rows are in it is a function of their numbers, so both parts are the same every time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.dataset import Block, Dataset, Table
from fastperceptron.data.spool import spooled

# splitmix64 (Steele, Lea and Flood 2014).
INCREMENT, FIRST, SECOND = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Part(Dataset):
    """The rows held out, a share of all that looks random, or all others.

    Parameters
    ----------
    data : Dataset
    share : float
        Of the rows held out.
    is_held_out : bool
    """

    def __init__(self, data: Dataset, share: float, *, is_held_out: bool) -> None:
        self._data, self._share, self._is_held_out = data, share, is_held_out
        self.n_features, self.feature_names, self.classes = data.n_features, data.feature_names, data.classes

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

    def open_table(self, tell: Callable[[int], object] = int) -> AbstractContextManager[Table]:
        """Give the rows as a `Table`."""
        return spooled(self.blocks(), (self.n_features, self._data.dtype), self._data.cache_dir, tell)


def _is_held_out(first: int, n_rows: int, share: float) -> Array:
    with np.errstate(over="ignore"):
        words = (np.arange(first + 1, first + n_rows + 1, dtype=np.uint64)) * INCREMENT
        words = (words ^ (words >> np.uint64(30))) * FIRST
        words = (words ^ (words >> np.uint64(27))) * SECOND
    words ^= words >> np.uint64(31)
    return (words >> np.uint64(11)).astype(np.float64) < share * 2.0**53
