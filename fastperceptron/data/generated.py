"""Rows and class numbers that are functions of the seed and the row number: made when they are read, and not stored.

`GeneratedRows` has the methods of `ArrayRows`, and `GeneratedCodes` those of an array of class numbers, so that solvers
take either. Making rows costs ten times what reading them does, so `labelled` makes rows and class numbers together.
"""

from abc import abstractmethod
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import Rows, aligned_zeros, read_only
from fastperceptron.kernels import synthetic as kernels

# Independent streams of random numbers under one seed.
VALUES, COMMON, LABELS = np.uint64(0), np.uint64(1), np.uint64(2)
CODES_AT_A_TIME = 1 << 16  # rows made at a time where only their class numbers are wanted


class GeneratedRows(Rows):
    """float32 rows that are made as they are read; the seed has 64 bits."""

    is_in_place = False

    def __init__(self, n_rows: int, n_features: int, n_classes: int, seed: int) -> None:
        super().__init__(n_rows, n_features, np.float32)
        self.n_classes, self.seed = n_classes, seed

    @property
    def identity(self) -> str:
        """All that the rows are a function of."""
        return repr((type(self).__name__, self.n_rows, self.n_features, self.n_classes, self.seed))

    @abstractmethod
    def make(self, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers, (n, n_features) float32, and their class numbers, (n,) uint8."""

    def normals(self, places: range | Array, stream: np.uint64, width: int) -> Array:
        """Return standard normals of a stream: (n, width) float32, `width` per row."""
        return self._elements(places, stream, width, np.float32, kernels.normal_pieces, kernels.normals_at)

    def words(self, places: range | Array) -> Array:
        """Return uniform random words, for the labels: (n,) uint32."""
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

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:  # noqa: ARG002  # as ArrayRows has it
        """Return the rows with these numbers and their class numbers."""
        X, made = self.make(places)
        return read_only(X), read_only(made)

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers."""
        return self.labelled_at(None, places)[0]

    def check_finite(self) -> None:
        """Do nothing: all values are finite."""

    def take(self, order: Array, codes: Any) -> tuple[Array, Array, Array]:
        """Return (rows, their codes, places) such that rows[places[k]] is row order[k]."""
        return *self.labelled_at(codes, order), read_only(np.arange(order.size))


class GeneratedCodes:
    """The class numbers of generated rows, (n_rows,) uint8, read like an array by slices and by row numbers."""

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
