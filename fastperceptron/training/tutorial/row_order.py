"""The order of rows: drawn with replacement, shuffled by epochs, or as stored.

Each order is endless, and batches may span two epochs. All randomness comes from the caller's generator, and the order
after `n_drawn` rows is the same whether they were taken in one call or in several.
"""

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.history import History
from fastperceptron.kernels.draws import draw_rows


class InOrder:
    """Rows come as stored, repeatedly."""

    epoch_seed: int | None = None

    def __init__(self, n_rows: int, rng: np.random.Generator, history: History) -> None:  # noqa: ARG002  # nothing is drawn
        self._n_rows, self._position = n_rows, history.n_drawn % n_rows
        self._counter = self._order = np.empty(0, np.intp)

    def take(self, count: int) -> Array:
        """Return the next `count` row numbers, in memory that the next call may use again."""
        if self._counter.size < count:
            self._counter = np.arange(count)
            self._order = np.empty(count, np.intp)
        order = np.add(self._counter[:count], self._position, out=self._order[:count])
        self._position = (self._position + count) % self._n_rows
        return order if order[-1] < self._n_rows else order % self._n_rows


class _ByEpochs:
    """Rows come in epochs, each a function of a seed that is drawn from the generator when the epoch begins."""

    def __init__(self, n_rows: int, rng: np.random.Generator, history: History) -> None:
        self._n_rows, self._rng = n_rows, rng
        self._size = self._epoch_size()
        self.epoch_seed = history.epoch_seed
        # A model trained in another order so far has no epoch to go on with.
        self._position = 0 if self.epoch_seed is None else history.n_drawn % self._size
        self._epoch = np.empty(self._size, np.intp)
        if self._position and self.epoch_seed is not None:
            self._fill_epoch(self.epoch_seed)
        self._order = np.empty(0, np.intp)

    def _epoch_size(self) -> int:
        raise NotImplementedError

    def _fill_epoch(self, seed: int) -> None:
        raise NotImplementedError

    def take(self, count: int) -> Array:
        """Return the next `count` row numbers, in memory that the next call may use again."""
        if self._order.size < count:
            self._order = np.empty(count, np.intp)
        # Memory is used again: fresh pages cost 10 ns per row.
        order, filled = self._order[:count], 0
        while filled < count:
            if self._position == 0:
                self.epoch_seed = int(self._rng.integers(2**63))
                self._fill_epoch(self.epoch_seed)
            piece = self._epoch[self._position : self._position + count - filled]
            order[filled : filled + piece.size] = piece
            filled += piece.size
            self._position = (self._position + piece.size) % self._size
        return order


class WithReplacement(_ByEpochs):
    """Each row is drawn uniformly and independently: the tutorial's sampling. An epoch is 8192 draws."""

    def _epoch_size(self) -> int:
        return 8192

    def _fill_epoch(self, seed: int) -> None:
        draw_rows(np.uint64(seed), np.uint64(self._n_rows), self._epoch)


class Shuffled(_ByEpochs):
    """Each row comes once per epoch, in another order each time."""

    def _epoch_size(self) -> int:
        return self._n_rows

    def _fill_epoch(self, seed: int) -> None:
        self._epoch = np.random.default_rng(seed).permutation(self._n_rows)


ROW_ORDERS: dict[str, type[WithReplacement] | type[Shuffled] | type[InOrder]] = {
    "with_replacement": WithReplacement,
    "shuffled": Shuffled,
    "in_order": InOrder,
}
