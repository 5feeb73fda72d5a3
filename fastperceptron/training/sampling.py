"""Which row comes when: drawn with replacement, shuffled by epochs, or as stored.

Each order is endless; batches run on across its epochs. All randomness comes from the caller's generator, and the order
after `n_drawn` rows is the same whether they were taken in one call or in several.
"""

from typing import Protocol

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.history import History
from fastperceptron.kernels.draws import draw_rows


class RowOrder(Protocol):
    """An endless sequence of row numbers."""

    epoch_seed: int | None

    def take(self, count: int) -> Array:
        """Return the next `count` row numbers."""


class InOrder:
    """Rows come as stored, again and again."""

    epoch_seed = None

    def __init__(self, n_rows: int, rng: np.random.Generator, history: History) -> None:
        self._n_rows, self._position = n_rows, history.n_drawn % n_rows

    def take(self, count: int) -> Array:
        """Return the next `count` row numbers."""
        order = np.arange(self._position, self._position + count)
        self._position = (self._position + count) % self._n_rows
        return order if order[-1] < self._n_rows else order % self._n_rows


class _ByEpochs:
    """Rows come in epochs, each a function of its seed, which the generator gives when the epoch begins."""

    def __init__(self, n_rows: int, rng: np.random.Generator, history: History) -> None:
        self._n_rows, self._rng = n_rows, rng
        self._size = self._epoch_size()
        self.epoch_seed = history.epoch_seed
        # A model trained in another order so far has no epoch to go on with.
        self._position = 0 if self.epoch_seed is None else history.n_drawn % self._size
        self._epoch = self._make_epoch(self.epoch_seed) if self._position else np.empty(0, np.intp)

    def _epoch_size(self) -> int:
        raise NotImplementedError

    def _make_epoch(self, seed: int) -> Array:
        raise NotImplementedError

    def take(self, count: int) -> Array:
        """Return the next `count` row numbers."""
        order, filled = np.empty(count, np.intp), 0
        while filled < count:
            if self._position == 0:
                self.epoch_seed = int(self._rng.integers(2**63))
                self._epoch = self._make_epoch(self.epoch_seed)
            piece = self._epoch[self._position : self._position + count - filled]
            order[filled : filled + piece.size] = piece
            filled += piece.size
            self._position = (self._position + piece.size) % self._size
        return order


class WithReplacement(_ByEpochs):
    """Each row is drawn uniformly, whatever was drawn before: the tutorial's sampling. An epoch is 32768 draws."""

    def _epoch_size(self) -> int:
        return 32_768

    def _make_epoch(self, seed: int) -> Array:
        rows = np.empty(self._size, np.intp)
        draw_rows(np.uint64(seed), np.uint64(self._n_rows), rows)
        return rows


class Shuffled(_ByEpochs):
    """Each row comes once an epoch, in an order of the epoch's own."""

    def _epoch_size(self) -> int:
        return self._n_rows

    def _make_epoch(self, seed: int) -> Array:
        return np.random.default_rng(seed).permutation(self._n_rows)


SAMPLINGS = {"with_replacement": WithReplacement, "shuffled": Shuffled, "in_order": InOrder}
