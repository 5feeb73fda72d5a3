"""Sparse rows for tests."""

from typing import Any

import numpy as np
import scipy.sparse

from fastperceptron.data.sparse_rows import SparseRows


def sparse_rows(X: Any) -> SparseRows:
    """Return the rows of a dense array or a scipy.sparse matrix."""
    matrix = scipy.sparse.csr_matrix(X)
    matrix.sum_duplicates()
    return SparseRows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, matrix.shape[1])


def random_table(n_rows: int, n_features: int, dtype: type = np.float64, density: float = 0.3, seed: int = 0) -> Any:
    """Return a dense array of which a share of the values is not 0."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n_rows, n_features)) * (rng.random((n_rows, n_features)) < density)).astype(dtype)
