"""Wide rows that partial_fit keeps as they came, sparse or dense."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.sparse_arrays import CsrArray, joined, rows_of
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.training.online.weight_units import Units
from fastperceptron.training.problem import Problem

# Elements of dense rows at a time, from which the columns' moments are taken.
ELEMENTS_AT_A_TIME = 1 << 20


class WideRows(NamedTuple):
    """Rows as they came, without those of weight 0."""

    X: Array | CsrArray  # (n_rows, n_features)
    codes: Array  # (n_rows,): class numbers
    own: Array  # (n_rows,) float64: weights in units

    @property
    def n_bytes(self) -> int:
        """The bytes of the rows."""
        X = self.X
        return X.indices.nbytes + X.data.nbytes if isinstance(X, CsrArray) else X.nbytes

    def dense_parts(self) -> Iterator[tuple[Array, Array]]:
        """Yield rows and weights, some rows at a time, dense."""
        size = max(1, ELEMENTS_AT_A_TIME // self.X.shape[1])
        rows = rows_of(self.X)
        for start in range(0, self.own.size, size):
            yield rows.read(start, min(start + size, self.own.size)), self.own[start : start + size]


def wide_rows_of(problem: Problem, units: Units) -> WideRows:
    """Return copies of a problem's rows of positive weight."""
    rows, own = problem.rows, problem.row_weights
    weights = np.ones(rows.n_rows) if own is None else np.asarray(own, float) / units.row
    places = np.flatnonzero(weights)
    if isinstance(rows, SparseRows):
        X: Array | CsrArray = CsrArray(rows.indptr, rows.indices, rows.values, rows.n_features)[places]
    else:
        X = np.array(rows.read(0, rows.n_rows))[places]
    return WideRows(X, np.asarray(problem.codes[:])[places], weights[places])


def joined_rows(parts: tuple[WideRows, ...]) -> WideRows:
    """Return the rows of all parts, in their order. If any part is sparse, dense parts become sparse."""
    if len(parts) == 1:
        return parts[0]
    X, codes, own = zip(*parts, strict=True)
    if any(isinstance(each, CsrArray) for each in X):
        X = tuple(_sparse(each) for each in X)
    return WideRows(joined(X), np.concatenate(codes), np.concatenate(own))


def _sparse(X: Array | CsrArray) -> CsrArray:
    if isinstance(X, CsrArray):
        return X
    row, column = np.nonzero(X)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(row, minlength=len(X)))])
    return CsrArray(indptr, column.astype(np.int32), X[row, column], X.shape[1])
