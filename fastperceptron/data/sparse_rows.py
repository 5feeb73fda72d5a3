"""Rows of a sparse matrix, by rows (CSR): what is not stored is 0.

Kernels that want arrays get dense blocks of them, of float64.
"""

import functools
import os
from typing import Any

import numpy as np

from fastperceptron.checks import Array, not_finite
from fastperceptron.data.arrays import Rows, read_only
from fastperceptron.kernels.fingerprint import fingerprint
from fastperceptron.kernels.sparse_objective import tile_rows as rows_per_tile
from fastperceptron.kernels.sparse_rows import are_ones, scatter_rows

# Values of a dense float32 row that are read in the time of a stored one, which also reads its place: 0.4 and 2.6 ns.
VALUE_PRICE = 6.0


def sparse_read_width(n_rows: int, n_features: int, n_stored: int) -> float:
    """Return the number of columns of dense rows that a read of sparse ones takes as long for."""
    return min(float(n_features), 1.0 + VALUE_PRICE * n_stored / n_rows)


class SparseRows(Rows):
    """The rows of a canonical CSR matrix: columns sorted in each row, none twice, no stored zeros.

    Attributes
    ----------
    indptr : (n_rows + 1,) int64
        Row i is stored from indptr[i] to indptr[i + 1].
    indices : (n_stored,) int32
        Column numbers.
    values : (n_stored,) float32 or float64
        Computations with them are in float64, and so are dense blocks: that is the rows' dtype.
    tile_rows : int
        That of all rows where these are some of them.
    """

    is_in_place, is_sparse = False, True

    def __init__(
        self, indptr: Array, indices: Array, values: Array, n_features: int, tile_rows: int | None = None
    ) -> None:
        super().__init__(indptr.size - 1, n_features, np.float64)
        self.indptr, self.indices, self.values = read_only(indptr), read_only(indices), read_only(values)
        self.tile_rows = rows_per_tile(self.n_rows, n_features, values.size) if tile_rows is None else tile_rows

    @property
    def stored(self) -> tuple[Array, Array, Array]:
        """The rows as kernels take them: unsigned places, which need no test for negative ones."""
        indptr, indices, values = map(read_only, (self.indptr, self.indices, self.values))  # rows that travelled
        return indptr.view(np.uint64), indices.view(np.uint32), values

    @functools.cached_property
    def are_ones(self) -> bool:
        """Whether there are stored values and all are 1, as those of one-hot columns: reads may leave them out."""
        return bool(are_ones(self.values))

    @property
    def read_width(self) -> float:
        """The number of columns of dense rows that a read of all rows takes as long for."""
        return sparse_read_width(self.n_rows, self.n_features, self.values.size)

    def hashes(self, start: int, stop: int) -> Array:
        """Return hashes of the rows from start to stop, uint64: three per tile, of which `start` begins one."""
        found = []
        for first in range(start, stop, self.tile_rows):
            pointers = self.indptr[first : min(first + self.tile_rows, stop) + 1]
            stored = slice(pointers[0], pointers[-1])
            parts = np.diff(pointers), self.indices[stored], self.values[stored]
            found += [fingerprint(read_only(part.view(np.uint32))) for part in parts]
        return np.array(found, np.uint64)

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers, dense."""
        check_dense_fits(len(places), self.n_features, self.dtype)
        dense = np.zeros((len(places), self.n_features))
        scatter_rows(self.stored, read_only(np.asarray(places, np.int64)), dense)
        return read_only(dense)

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers, dense, and their class numbers; `codes` has those of all rows."""
        chosen = slice(places.start, places.stop) if isinstance(places, range) else places
        return self.rows_at(places), read_only(codes[chosen])

    def check_finite(self, first: int = 0) -> None:
        """Raise ValueError at the first NaN or infinity; `first` is the number of the first row, for that."""
        wrong = np.flatnonzero(~np.isfinite(self.values))
        if wrong.size:
            place = int(wrong[0])
            row = int(np.searchsorted(self.indptr, place, side="right")) - 1
            raise not_finite(self.values[place], first + row, int(self.indices[place]))

    def take(self, order: Array, codes: Array) -> tuple[Array, Array, Array]:
        """Return (rows, their codes, places) such that rows[places[k]] is row order[k]."""
        return *self.labelled_at(codes, order), read_only(np.arange(order.size))


def check_dense_fits(n_rows: int, n_features: int, dtype: Any) -> None:
    """Raise MemoryError if rows, made dense, would take more than the machine's memory."""
    n_bytes = n_rows * n_features * np.dtype(dtype).itemsize
    if n_bytes > _memory():
        raise MemoryError(
            f"{n_rows:,} sparse rows of {n_features:,} features take {n_bytes:,} bytes as dense rows, more than the "
            "machine's memory: drop columns that are rarely other than 0."
        )


def _memory() -> float:
    """Return the bytes of the machine's memory, infinity where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not POSIX
        return float("inf")
