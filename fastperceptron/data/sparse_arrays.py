"""CsrArray: sparse rows as a value that is cut, joined and picked like an array; SciPy is not needed for it.

It is what blocks of sparse data sets hold, and what all of the package makes of a user's sparse rows (sparse_input.py).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.data.sparse_rows import SparseRows


class CsrArray:
    """Rows of shape (n_rows, n_features) of which only the values other than 0 are stored: canonical CSR.

    Attributes
    ----------
    indptr : (n_rows + 1,) int64
        Row i is stored from indptr[i] to indptr[i + 1].
    indices : (nnz,) int32
        The column of each stored value: ascending in each row, none twice.
    data : (nnz,) float32 or float64
        The stored values, none of them 0.
    shape : (int, int)
    """

    ndim = 2

    def __init__(self, indptr: Array, indices: Array, data: Array, n_features: int) -> None:
        self.indptr, self.indices, self.data = read_only(indptr), read_only(indices), read_only(data)
        self.shape, self.dtype, self.nnz = (indptr.size - 1, n_features), data.dtype, data.size

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> "CsrArray":
        """Return some rows, X[rows], or some columns of them, X[rows, columns]: slices, numbers or masks."""
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if isinstance(columns, slice) and columns == slice(None):
            return self._rows(rows)
        return self._rows(rows)._columns(np.arange(self.shape[1])[columns])

    def _rows(self, rows: Any) -> "CsrArray":
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                indptr = self.indptr[start : max(start, stop) + 1]
                part = slice(indptr[0], indptr[-1])
                return CsrArray(indptr - indptr[0], self.indices[part], self.data[part], self.shape[1])
        numbers = np.atleast_1d(np.arange(len(self))[rows])
        counts = np.diff(self.indptr)[numbers]
        indptr = _ends(counts)
        stored = np.arange(indptr[-1]) + np.repeat(self.indptr[numbers] - indptr[:-1], counts)
        return CsrArray(indptr, self.indices[stored], self.data[stored], self.shape[1])

    def _columns(self, columns: Array) -> "CsrArray":
        order = np.argsort(columns, kind="stable")
        # The places of column j among the picked ones, of which there may be several.
        bounds = np.searchsorted(columns[order], np.arange(self.shape[1] + 1))
        counts = np.diff(bounds)[self.indices]
        row = np.repeat(np.repeat(np.arange(len(self)), np.diff(self.indptr)), counts)
        stored, ends = np.repeat(np.arange(self.nnz), counts), np.cumsum(counts)
        place = order[np.arange(row.size) - np.repeat(ends - counts - bounds[:-1][self.indices], counts)]
        sorting = np.argsort(row * columns.size + place, kind="stable")
        indptr = _ends(np.bincount(row, minlength=len(self)))
        return CsrArray(indptr, place[sorting].astype(np.int32), self.data[stored[sorting]], columns.size)

    def astype(self, dtype: Any, copy: bool = False) -> "CsrArray":
        """Return the same rows with values of another dtype, float32 or float64."""
        return CsrArray(self.indptr, self.indices, self.data.astype(dtype, copy=copy), self.shape[1])

    def copy(self) -> "CsrArray":
        """Return a copy that shares no memory."""
        return CsrArray(self.indptr.copy(), self.indices.copy(), self.data.copy(), self.shape[1])

    def toarray(self) -> Array:
        """Return the rows as an array; raise MemoryError if it would not fit into the machine's memory."""
        return np.array(SparseRows(self.indptr, self.indices, self.data, self.shape[1]).rows_at(range(len(self))))

    def to_scipy(self) -> Any:
        """Return the rows as a scipy.sparse.csr_array, whose arrays are copies."""
        from scipy import sparse

        parts = np.array(self.data), np.array(self.indices), np.array(self.indptr)
        return sparse.csr_array(parts, shape=self.shape)

    def __repr__(self) -> str:
        """Show shape, dtype and the number of stored values."""
        return f"CsrArray(shape={self.shape}, dtype={self.dtype}, nnz={self.nnz})"


Matrix = Array | CsrArray  # rows: dense or sparse


def _ends(counts: Array) -> Array:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def rows_of(X: Any) -> ArrayRows | SparseRows:
    """Return checked rows as the kernels take them."""
    return SparseRows(X.indptr, X.indices, X.data, X.shape[1]) if isinstance(X, CsrArray) else ArrayRows(X)


def joined(parts: Sequence[Any]) -> Any:
    """Return arrays, or sparse rows of as many columns, one behind the other, copied."""
    if not isinstance(parts[0], CsrArray):
        return np.concatenate(parts)
    starts = np.cumsum([0, *(part.nnz for part in parts)])
    ends = [part.indptr[1:] + start for part, start in zip(parts, starts, strict=False)]
    indptr = np.concatenate([np.zeros(1, np.int64), *ends])
    indices, data = (np.concatenate([getattr(part, name) for part in parts]) for name in ("indices", "data"))
    return CsrArray(indptr, indices, data, parts[0].shape[1])


def values_per_row(X: Matrix) -> int:
    """Return how many values a row has in memory, in the mean and at least 1."""
    return max(1, X.nnz // max(len(X), 1) if isinstance(X, CsrArray) else X.shape[1])
