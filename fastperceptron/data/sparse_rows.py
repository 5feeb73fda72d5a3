"""Rows of a sparse matrix, by rows (CSR): what is not stored is 0. Kernels that want arrays get dense blocks."""

import os
from typing import Any

import numpy as np

from fastperceptron.checks import Array, not_finite
from fastperceptron.data.arrays import Rows, read_only


class SparseRows(Rows):
    """The rows of a canonical CSR matrix: columns sorted in each row, none twice, no stored zeros.

    Attributes
    ----------
    indptr : (n_rows + 1,) int64
        Row i is stored from indptr[i] to indptr[i + 1].
    indices : (n_stored,) int32
        Column numbers.
    values : (n_stored,) float32 or float64
        Their type is that of the rows.
    """

    is_in_place = False

    def __init__(self, indptr: Array, indices: Array, values: Array, n_features: int) -> None:
        super().__init__(indptr.size - 1, n_features, values.dtype)
        self.indptr, self.indices, self.values = read_only(indptr), read_only(indices), read_only(values)

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers, dense."""
        numbers = np.asarray(places, np.int64)
        counts = self.indptr[numbers + 1] - self.indptr[numbers]
        row = np.repeat(np.arange(numbers.size), counts)
        stored = np.arange(row.size) + np.repeat(self.indptr[numbers] - np.cumsum(counts) + counts, counts)
        check_dense_fits(numbers.size, self.n_features, self.dtype)
        dense = np.zeros((numbers.size, self.n_features), self.dtype)
        dense[row, self.indices[stored]] = self.values[stored]
        return read_only(dense)

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers, dense, and their class numbers; `codes` has those of all rows."""
        chosen = slice(places.start, places.stop) if isinstance(places, range) else places
        return self.rows_at(places), read_only(codes[chosen])

    def check_finite(self) -> None:
        """Raise ValueError at the first NaN or infinity."""
        wrong = np.flatnonzero(~np.isfinite(self.values))
        if wrong.size:
            place = int(wrong[0])
            row = int(np.searchsorted(self.indptr, place, side="right")) - 1
            raise not_finite(self.values[place], row, int(self.indices[place]))

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
