"""Rows and class numbers that are made when they are read: functions of the seed and the row number, stored nowhere.

`GeneratedRows` answers what `ArrayRows` does, and `GeneratedCodes` what an array of class numbers does, so that nobody
above knows the difference. Making rows costs ten times what reading them does, so both are made at once where both are
wanted: `labelled`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import BLOCK_ELEMENTS, aligned_zeros, read_only
from fastperceptron.kernels import synthetic as kernels

# Streams of random numbers under one seed.
VALUES, COMMON, LABELS = np.uint64(0), np.uint64(1), np.uint64(2)
# Rows whose class numbers are made at a time where rows are not wanted.
CODES_AT_A_TIME = 1 << 16


class GeneratedRows(ABC):
    """float32 rows that are made as they are read.

    Parameters
    ----------
    n_rows, n_features, n_classes : int
    seed : int
        64 bits.
    """

    dtype, is_in_place = np.dtype(np.float32), False

    def __init__(self, n_rows: int, n_features: int, n_classes: int, seed: int) -> None:
        self.n_rows, self.n_features, self.n_classes = n_rows, n_features, n_classes
        self.seed = seed
        self._block_rows = max(1, BLOCK_ELEMENTS // n_features)

    @property
    def identity(self) -> str:
        """What the rows are a function of."""
        return repr((type(self).__name__, self.n_rows, self.n_features, self.n_classes, self.seed))

    @abstractmethod
    def make(self, places: range | Array) -> tuple[Array, Array]:
        """Return the rows of these numbers and their class numbers."""

    def normals(self, places: range | Array, stream: np.uint64, width: int) -> Array:
        """Return standard normals, `width` a row, float32."""
        return self._elements(places, stream, width, np.float32, kernels.normal_pieces, kernels.normals_at)

    def words(self, places: range | Array) -> Array:
        """Return a uniform uint32 a row, for the labels."""
        return self._elements(places, LABELS, 1, np.uint32, kernels.word_pieces, kernels.words_at).reshape(-1)

    def _elements(
        self, places: range | Array, stream: np.uint64, width: int, dtype: type, pieces: Any, at_places: Any
    ) -> Array:
        piece, seed, scratch = kernels.PIECE, np.uint64(self.seed), _scratch()
        if not isinstance(places, range):
            flat: Array = np.empty((width // piece + 2) * piece, dtype)
            out: Array = np.empty((places.size, width), dtype)
            at_places(places, stream, seed, scratch, (flat.reshape(-1, 4, kernels.LANES), flat), out)
            return out
        first, last = places.start * width // piece, -(-places.stop * width // piece)
        covering = aligned_zeros(((last - first) * piece,), dtype)
        pieces(first, stream, seed, scratch, covering.reshape(-1, 4, kernels.LANES))
        begin = places.start * width - first * piece
        return covering[begin : begin + len(places) * width].reshape(len(places), width)

    # What ArrayRows does

    @property
    def is_one_block(self) -> bool:
        """Whether all rows are one block."""
        return self.n_rows <= self._block_rows

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield (place, rows) from the first row to the last."""
        for start in range(0, self.n_rows, self._block_rows):
            stop = min(start + self._block_rows, self.n_rows)
            yield slice(start, stop), self.read(start, stop)

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from start to stop."""
        return self.labelled(None, start, stop)[0]

    def labelled(self, codes: Any, start: int, stop: int) -> tuple[Array, Array]:  # noqa: ARG002  # ArrayRows needs them
        """Return the rows from start to stop and their class numbers."""
        X, made = self.make(range(start, stop))
        return read_only(X), read_only(made)

    def labelled_at(self, codes: Any, places: Array) -> tuple[Array, Array]:  # noqa: ARG002  # ArrayRows needs them
        """Return the rows of these numbers and their class numbers."""
        X, made = self.make(places)
        return read_only(X), read_only(made)

    def rows_at(self, places: Array) -> Array:
        """Return the rows of these numbers."""
        return self.labelled_at(None, places)[0]

    def check_finite(self) -> None:  # noqa: B027  # there is nothing to override
        """Do nothing: all values are finite."""

    def take(self, order: Array, codes: Any) -> tuple[Array, Array, Array]:
        """Return (rows, their codes, places) such that rows[places[k]] is row order[k]."""
        return *self.labelled_at(codes, order), read_only(np.arange(order.size))


class GeneratedCodes:
    """The class numbers of generated rows, like an array that is read by slices and by row numbers."""

    dtype = np.dtype(np.uint8)

    def __init__(self, rows: GeneratedRows) -> None:
        self._rows, self.size = rows, rows.n_rows

    def __len__(self) -> int:
        return self.size

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self[:], dtype)

    def __getitem__(self, place: slice | Array) -> Array:
        if not isinstance(place, slice):
            return self._rows.make(np.asarray(place, np.int64))[1]
        start, stop, _ = place.indices(self.size)
        parts = [
            self._rows.make(range(begin, min(begin + CODES_AT_A_TIME, stop)))[1]
            for begin in range(start, stop, CODES_AT_A_TIME)
        ]
        return read_only(np.concatenate(parts)) if parts else np.empty(0, np.uint8)


def _scratch() -> tuple[Array, Array, Array, Array]:
    """Return the words and the normals of a block of counters, each in two shapes that share memory."""
    shape = 4, kernels.PIECES, kernels.LANES
    words, parts = np.empty(shape, np.uint32), np.empty(shape, np.float32)
    return words.reshape(4, -1), parts.reshape(4, -1), words, parts
