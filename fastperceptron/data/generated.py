"""Rows and class numbers that are functions of the seed and the row number: made when they are read, and not stored.

`GeneratedRows` has the methods of `ArrayRows`, and `GeneratedCodes` those of an array of class numbers, so that solvers
take either. Making rows costs ten times what reading them does, so `labelled` makes rows and class numbers together.
"""

import sys
import threading
from abc import abstractmethod
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import CACHE_LINE, Rows, read_only
from fastperceptron.kernels import synthetic as kernels

# Independent streams of random numbers under one seed.
VALUES, COMMON, LABELS = np.uint64(0), np.uint64(1), np.uint64(2)
MOST_KEPT = 1 << 21  # bytes of rows up to which memory is used again
CODES_AT_A_TIME = 1 << 16  # rows made at a time where only their class numbers are wanted


class _Memory(threading.local):
    """Memory of a thread for rows that it makes, used again once nobody holds rows in it.

    Fresh memory is given by the system page by page, where Dask's nanny has set MALLOC_TRIM_THRESHOLD_: rows took 1.7
    times as long.
    """

    def __init__(self) -> None:
        self._kept: list[Array] = []
        # How often an array is referred to that nothing but the list holds: it depends on the version of Python.
        self._free = _references([np.empty(1, np.uint8)])[0]

    def aligned(self, size: int, dtype: Any) -> Array:
        """Return an array that begins at a cache line, of any values."""
        n_bytes = size * np.dtype(dtype).itemsize + CACHE_LINE
        counts = _references(self._kept)
        free = [k for k, count in enumerate(counts) if count == self._free and self._kept[k].size >= n_bytes]
        memory: Array = self._kept[free[0]] if free else np.empty(n_bytes, np.uint8)
        if not free and n_bytes <= MOST_KEPT:
            self._kept = [memory, *self._kept[:2]]
        return np.ndarray(size, dtype, memory, offset=-memory.__array_interface__["data"][0] % CACHE_LINE)


def _references(arrays: list[Array]) -> list[int]:
    """Return how often each array is referred to; a view of it is a reference."""
    return [sys.getrefcount(each) for each in arrays]


class GeneratedRows(Rows):
    """float32 rows that are made as they are read; the seed has 64 bits."""

    is_in_place = False

    def __init__(self, n_rows: int, n_features: int, n_classes: int, seed: int) -> None:
        super().__init__(n_rows, n_features, np.float32)
        self.n_classes, self.seed, self._memory = n_classes, seed, _Memory()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_memory"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._memory = _Memory()

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
        covering = self._memory.aligned((last - first) * piece, dtype)
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
